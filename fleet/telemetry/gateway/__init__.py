"""Node sockets."""
