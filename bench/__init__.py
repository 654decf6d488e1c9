"""Measures this machine: `make bench`. Every figure stands beside its ceiling from the same run."""
