"""REST faces."""
