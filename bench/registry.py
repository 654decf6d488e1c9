"""Shards beside their ceiling: `python -m bench.registry [--megabytes N] [--rounds R]`.

A model is made on the fly in a folder that vanishes. What Muster does with its file stands beside what the
safetensors library, or SHA-256 alone, takes for the same bytes in the same run. The file is in the page
cache all the time, so disks are not measured; what differs between mapping and reading is.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muster.shards import modules, shard
from muster.tensors import safetensors
from muster.workloads.declaration import Component, Dataset, RawInput, Source, Tensor, Variant, Workload

if TYPE_CHECKING:
    import torch

WIDTH = 2_048  # a layer of 16 MiB and its bias
PAGE_BYTES = 4_096
HEAD = "{:<44}{:>10}{:>10}{:>8}"
LINE = "{:<44}{:>10.1f}{:>10.2f}{:>8}"


def main() -> None:
    """Print milliseconds, gigabytes a second, and the ratio to the line that is the ceiling."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=200, help="of weights")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    workload = _workload(math.ceil(options.megabytes * 1e6 / (4 * WIDTH * WIDTH)))
    with tempfile.TemporaryDirectory(prefix="muster-bench-") as folder:
        path = Path(folder) / "body.safetensors"
        safetensors.write(path, modules.initial(workload, "body", "full", 0))
        size = path.stat().st_size
        print(f"one shard of {size / 1e6:.0f} MB; medians of {options.rounds}")
        print(HEAD.format("", "ms", "GB/s", "ratio"))
        _report(_loading(workload, path), size, options.rounds)
        _report(_loading_and_touching(workload, path), size, options.rounds)
        _report(_hashing(workload, path), size, options.rounds)


Case = tuple[str, Callable[[], object]]


def _loading(workload: Workload, path: Path) -> list[Case]:
    from safetensors import safe_open
    from safetensors.torch import load_file

    def opened() -> object:
        with safe_open(path, "pt") as file:
            return [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118  (it is no mapping)

    def placed() -> object:
        return modules.built(workload, "body", "full").load_state_dict(load_file(path), assign=True)

    return [
        ("safetensors load_file, tensors alone", lambda: load_file(path)),
        ("safetensors safe_open, tensors alone", opened),
        ("load_file, put into a module on meta", placed),
        ("shard.load, checked and in its module", lambda: shard.load(workload, "body", "full", path)),
    ]


def _loading_and_touching(workload: Workload, path: Path) -> list[Case]:
    from safetensors.torch import load_file

    return [
        ("load_file and every page once", lambda: _touch(load_file(path))),
        ("shard.load and every page once", lambda: _touch(_state(shard.load(workload, "body", "full", path)))),
    ]


def _hashing(workload: Workload, path: Path) -> list[Case]:
    data = path.read_bytes()
    header = safetensors.read_header(data)
    loaded = shard.load(workload, "body", "full", path)
    return [
        ("hashlib.sha256 of the file's bytes", lambda: hashlib.sha256(data).hexdigest()),
        ("Shard.weights_sha256 of the live tensors", loaded.weights_sha256),
        ("check_finite of every value", lambda: safetensors.check_finite(data, header)),
    ]


def _report(cases: list[Case], size_bytes: int, rounds: int) -> None:
    """Measure the cases in turns, so that what else the machine does falls on all of them; the first is the ceiling."""
    times: dict[str, list[float]] = {name: [] for name, _ in cases}
    for _ in range(rounds + 1):
        for name, work in cases:
            started = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(taken[1:]) for name, taken in times.items()}  # without the first, cold one
    ceiling = medians[cases[0][0]]
    for name, took in medians.items():
        print(LINE.format(name, took * 1e3, size_bytes / took / 1e9, f"{took / ceiling:.2f}"))


def _touch(tensors: dict[str, torch.Tensor]) -> int:
    import torch

    return sum(int(tensor.reshape(-1).view(torch.uint8)[::PAGE_BYTES].sum()) for tensor in tensors.values())


def _state(loaded: shard.Shard) -> dict[str, Any]:
    return {name: tensor.detach() for name, tensor in loaded.module.state_dict().items()}


def _workload(layers: int) -> Workload:
    def build(variant: str) -> torch.nn.Module:
        from torch import nn

        class Body(nn.Sequential):
            def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
                return {"logits": super().forward(x)[:, :2]}

        return Body(*(nn.Linear(WIDTH, WIDTH) for _ in range(layers)))

    def nothing(*_: Any) -> Any:
        raise NotImplementedError("weights alone are measured")

    data: Callable[[Source], Dataset] = nothing
    body = Component("body", "vision", ("x",), (Tensor("logits", (2,)),), "cloud", (Variant("full", "Full"),), build)
    return Workload(
        name="bench", version=1, title="Bench", description="Linear layers.", synthetic=True, classes=("a", "b"),
        inputs=(RawInput(Tensor("x", (WIDTH,)), "vision", "cloud", may_leave=True),), components=(body,),
        output="logits", data=data, loss=nothing, metrics=nothing,
    )  # fmt: skip


if __name__ == "__main__":
    main()
