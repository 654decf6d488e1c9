"""Makes shards of a version's weights: one file for each component and variant, checked, hashed and probed.

Nothing of an uploaded file is trusted before its header, its names, its shapes and every one of its
values have been looked at. It is mapped, and a shard is written at a time, so that memory holds no
more than one. Torch is imported by what is called here, never by importing this module.
"""

import hashlib
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from fleet.registry.core.version_states import Origin
from fleet.registry.models import ModelVersion
from fleet.registry.services import blobs
from muster.shards import cost, manifest, modules, naming, probe, shard
from muster.shards.errors import FileRefused, ShardError
from muster.tensors import safetensors
from muster.tensors.dtypes import to_torch
from muster.tensors.safetensors import TensorFileError
from muster.workloads import catalogue
from muster.workloads.catalogue import UnknownWorkload
from muster.workloads.declaration import Workload

if TYPE_CHECKING:
    import torch

PROBE_SEED_DIGITS = 16  # of the weights' hash: other weights are asked another question


class Refused(Exception):
    """These weights are not taken.

    Attributes:
        code: a stable word for programs; the message, in English, is for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Piece:
    """One shard: a column of `registry_artifact` each."""

    component: str
    variant: str
    is_reference: bool
    artifact_sha256: str
    weights_sha256: str
    size_bytes: int
    parameters: int
    flops: int
    tensors: list[Any]
    probe: dict[str, Any]


@dataclass(frozen=True)
class Pieces:
    """All shards of a version, and the hash that names them together."""

    workload: Workload
    pieces: list[Piece]
    manifest_sha256: str


def cut(version: ModelVersion) -> Pieces:
    """Return the shards of a version; their files are in the blob store.

    The same weights make the same files, whoever cuts them and however often.

    Raises:
        Refused: the weights are not those of the model.
        OSError: the disk does not take or give what it should; trying again may help.
    """
    try:
        workload = catalogue.get(version.model.workload)
        states = _drawn(workload, version) if version.origin == Origin.INITIAL else _uploaded(workload, version)
        pieces = [_piece(workload, component, variant, state) for (component, variant), state in states]
    except UnknownWorkload as error:
        raise Refused("unknown_workload", str(error)) from error
    except FileRefused as error:
        raise Refused(error.file_code, str(error)) from error
    except (TensorFileError, ShardError) as error:
        raise Refused(error.code, str(error)) from error
    hashes: dict[str, dict[str, str]] = {}
    for piece in pieces:
        hashes.setdefault(piece.component, {})[piece.variant] = piece.weights_sha256
    return Pieces(workload, pieces, manifest.manifest_sha256(workload.name, workload.version, hashes))


State = Mapping[str, "torch.Tensor"]
States = Iterator[tuple[tuple[str, str], State]]


def _drawn(workload: Workload, version: ModelVersion) -> States:
    """Yield the first weights of every component and variant."""
    for component in workload.components:
        for variant in component.variants:
            yield (
                (component.name, variant.name),
                modules.initial(workload, component.name, variant.name, version.seed or 0),
            )


def _uploaded(workload: Workload, version: ModelVersion) -> States:
    """Yield the weights of every component and variant that the file has, as views of it, once all of it is checked."""
    mapped = _mapped(version.source_sha256)
    header = safetensors.read_header(mapped)
    groups = naming.resolve(workload, header.tensors)
    _check_complete(workload, groups.keys())
    safetensors.check_expected(header, _expected(workload, groups))
    safetensors.check_finite(mapped, header)
    for component in workload.components:
        for variant in component.variants:
            names = groups.get((component.name, variant.name))
            if names is not None:
                state = {rest: _view(mapped, header.tensors[name]) for rest, name in names.items()}
                yield (component.name, variant.name), state


def _mapped(sha256: str) -> mmap.mmap:
    """Map an uploaded file privately, because torch makes views of writable memory alone."""
    try:
        with blobs.store().path(sha256).open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except FileNotFoundError as error:
        raise Refused("source_missing", f"the file {sha256} is not in the blob store") from error
    if hashlib.sha256(mapped).hexdigest() != sha256:
        raise Refused("source_corrupt", f"the file {sha256} has other bytes than when it came")
    return mapped


def _check_complete(workload: Workload, found: Any) -> None:
    for component in workload.components:
        reference = component.variants[0].name
        if (component.name, reference) not in found:
            raise Refused(
                "component_missing", f"the file has no tensors of {component.name} in its variant {reference}"
            )


def _expected(workload: Workload, groups: Mapping[tuple[str, str], naming.Names]) -> modules.Expected:
    """Return what a file of these components and variants holds, under the names that it uses."""
    expected: modules.Expected = {}
    for (component, variant), names in groups.items():
        for rest, form in modules.expected(workload, component, variant).items():
            expected[names.get(rest) or naming.full(component, variant, rest)] = form
    return expected


def _view(mapped: mmap.mmap, entry: safetensors.Entry) -> "torch.Tensor":
    import torch

    dtype = to_torch(entry.dtype)
    if not entry.size_bytes:  # torch makes no view of nothing
        return torch.empty(entry.shape, dtype=dtype)
    count = entry.size_bytes // dtype.itemsize
    # Wherever it lies: it is only written on, never computed with.
    return torch.frombuffer(mapped, dtype=dtype, count=count, offset=entry.start).reshape(entry.shape)


def _piece(workload: Workload, component: str, variant: str, state: State) -> Piece:
    """Write one shard, load it as a device would, ask it, and keep its file."""
    store = blobs.store()
    with store.draft() as draft:
        safetensors.write(draft, state)
        loaded = shard.load(workload, component, variant, draft)
        weights_sha256 = loaded.weights_sha256()
        question = probe.make(loaded, weights_sha256[:PROBE_SEED_DIGITS])
        expected = modules.expected(workload, component, variant)
        return Piece(
            component=component,
            variant=variant,
            is_reference=workload.component(component).variants[0].name == variant,
            artifact_sha256=store.keep(draft),
            weights_sha256=weights_sha256,
            size_bytes=loaded.size_bytes,
            parameters=cost.parameters(workload, component, variant),
            flops=cost.flops(workload, component, variant),
            tensors=[[name, dtype, list(shape)] for name, (dtype, shape) in sorted(expected.items())],
            probe=msgspec.to_builtins(question),
        )
