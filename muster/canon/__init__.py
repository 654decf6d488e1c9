"""Canonical forms: what is hashed and signed is always the same bytes."""
