"""What workers find on this device: torch, workloads, and the device's own data. Runs in workers."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from agent.faults import LoadFailed
from muster.wire.targets import Reason

if TYPE_CHECKING:
    from muster.workloads.declaration import Workload

INSTALL = "pip install 'muster-agent[serving]'"


def workload(name: str, version: int, wanted_by: str) -> Workload:
    """Return the workload that a model was published with.

    Args:
        wanted_by: the model's name for people.

    Raises:
        LoadFailed: it is not installed, or in another version.
    """
    from muster.workloads import catalogue

    try:
        found = catalogue.get(name)
    except catalogue.UnknownWorkload as error:
        raise LoadFailed(Reason.WORKLOAD_MISSING, str(error)) from error
    if found.version != version:
        raise LoadFailed(
            Reason.WORKLOAD_VERSION,
            f"{wanted_by} wants version {version} of the workload {name}; {found.version} is installed",
        )
    return found


def node_seed(node: str) -> int:
    """Return this node's own seed, below 2⁶³."""
    return int.from_bytes(hashlib.sha256(node.encode()).digest()[:8], "big") >> 1


def use_threads() -> None:
    """Import torch, and let it use as many threads as OMP_NUM_THREADS says, one by default.

    Raises:
        LoadFailed: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise runtime_missing(error) from error
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def runtime_missing(error: ImportError) -> LoadFailed:
    """Return what is missing in words, and how to get it."""
    is_missing = isinstance(error, ModuleNotFoundError) and error.name
    what = f"{error.name} is not installed" if is_missing else f"what shards need cannot be imported ({error})"
    return LoadFailed(Reason.RUNTIME_MISSING, f"{what}; run: {INSTALL}")
