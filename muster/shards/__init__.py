"""Shards: a model cut at component borders, loaded, run and proved."""
