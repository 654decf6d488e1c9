"""The device: enrols, streams, keeps what it cannot send."""
