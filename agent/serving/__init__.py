"""Runs what the server's target says: fetches shards, proves them, switches, and reports."""
