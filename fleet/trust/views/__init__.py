"""Pages of trust: signing in and out, and the audit log."""
