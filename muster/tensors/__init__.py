"""Tensor files: what is in them, checked before a byte is trusted."""
