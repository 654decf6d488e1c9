"""Local training: what one member does on its own data."""
