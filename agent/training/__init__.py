"""Trains what the server's work names on this device's own data, and hands over what was learned."""
