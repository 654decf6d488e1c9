"""Runs every benchmark: `python -m bench`."""

import runpy

BENCHMARKS = ("gateway", "pages", "registry", "workloads", "learning")

for name in BENCHMARKS:
    runpy.run_module(f"bench.{name}", run_name="__main__")
