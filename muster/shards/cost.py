"""What one sample costs a component, before anything is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muster.shards import borders, modules
from muster.shards.errors import RunFailed
from muster.shards.stand_in import stand_in
from muster.workloads.declaration import Workload

if TYPE_CHECKING:
    import torch

SEED = "cost"


def parameters(workload: Workload, component: str, variant: str) -> int:
    """Return the number of elements that the module registers as parameters; buffers are not counted."""
    return sum(tensor.numel() for tensor in modules.built(workload, component, variant).parameters())


def flops(workload: Workload, component: str, variant: str) -> int:
    """Return the floating-point operations of one sample forward, as torch counts them.

    Matrix products, convolutions and attention are counted, a multiplication and an addition as two;
    what only touches each element is not.

    It is counted on shapes alone, so that no device's own kernels change it; a module that looks at
    values, which shapes do not have, is counted with any weights.
    """
    try:
        return _count(workload, component, variant, "meta")
    except RunFailed:
        return _count(workload, component, variant, "cpu")


def _count(workload: Workload, component: str, variant: str, device: str) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    declared = modules.find(workload, component, variant)
    with torch.random.fork_rng(devices=[]):
        module = modules.built(workload, component, variant, device)
    inputs: dict[str, torch.Tensor] = {
        name: torch.from_numpy(stand_in(workload.tensor(name), SEED, 1)).to(device) for name in declared.inputs
    }
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        borders.run(declared, module, inputs)
    return int(counter.get_total_flops())
