"""Workloads: what a model is. Included ones and those of other packages are found by `catalogue`."""
