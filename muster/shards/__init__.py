"""Shards: a model cut at its components' borders; each part is loaded, run and proved alone."""
