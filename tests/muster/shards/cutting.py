"""A workload cut into files, loaded again part by part, and run one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muster.shards import modules, shard
from muster.shards.shard import Shard
from muster.shards.stand_in import stand_in
from muster.tensors.safetensors import write
from muster.workloads.declaration import Workload


@dataclass
class Cut:
    """A workload's shards beside the states that they were cut from."""

    workload: Workload
    variants: dict[str, str]
    states: dict[str, dict[str, Any]]
    shards: dict[str, Shard]

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return every tensor, as numpy arrays: each shard is given what it takes and nothing else."""
        tensors = dict(inputs)
        for component in self.workload.components:
            tensors |= self.shards[component.name].run({name: tensors[name] for name in component.inputs})
        return tensors


def cut(workload: Workload, folder: Path, seed: int, chosen: Mapping[str, str] | None = None) -> Cut:
    """Write each component's first weights into a file of its own and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    variants = {one.name: (chosen or {}).get(one.name, one.variants[0].name) for one in workload.components}
    states = {name: modules.initial(workload, name, variant, seed) for name, variant in variants.items()}
    shards = {}
    for name, variant in variants.items():
        path = folder / f"{name}.safetensors"
        write(path, states[name])
        shards[name] = shard.load(workload, name, variant, path)
    return Cut(workload, variants, states, shards)


def inputs(workload: Workload, seed: str, rows: int) -> dict[str, Any]:
    """Return stand-ins for every raw input."""
    return {raw.tensor.name: stand_in(raw.tensor, seed, rows) for raw in workload.inputs}
