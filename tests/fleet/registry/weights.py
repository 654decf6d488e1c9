"""Whole models' files, made by the safetensors library and not by ours."""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from fleet.registry.core.version_states import Origin
from fleet.registry.models import Model, ModelVersion
from fleet.registry.services import blobs, versions
from muster.shards import modules
from muster.workloads import catalogue
from tests.conftest import TESTS


def tensors(workload: str, seed: int = 1) -> dict[str, Any]:
    """Return the first weights of every component in every variant, as a whole model's file names them."""
    declared = catalogue.get(workload)
    made: dict[str, Any] = {}
    for component in declared.components:
        for number, variant in enumerate(component.variants):
            owner = component.name if number == 0 else f"{component.name}@{variant.name}"
            state = modules.initial(declared, component.name, variant.name, seed)
            made |= {f"{owner}.{rest}": tensor.contiguous() for rest, tensor in state.items()}
    return made


def whole_file(path: Path, wanted: dict[str, Any]) -> bytes:
    save_file(wanted, path, metadata={"format": "pt"})
    return path.read_bytes()


def uploaded(model: Model, data: bytes) -> ModelVersion:
    """Make a version of a file's bytes, still to be checked."""
    source = blobs.store().put_bytes(data)
    return versions.create_version(actor=TESTS, model=model, origin=Origin.UPLOADED, source_sha256=source)


def initial(model: Model, seed: int = 1, **options: Any) -> ModelVersion:
    """Make a version of first weights, still to be checked."""
    return versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=seed, **options)
