"""Published model versions as rows and blobs, made without torch: what publishing leaves behind, with real hashes.

The weights are a few numbers a component, so nothing here can be run; a test that needs
working shards publishes a version for real.
"""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from fleet.registry.core.version_states import Origin, VersionState
from fleet.registry.models import Artifact, Component, Model, ModelVersion
from fleet.trust.models import Site
from muster.canon.json import canonical_sha256
from muster.canon.weights import Weights, weights_sha256
from muster.workloads import catalogue
from muster.workloads.declaration import Component as Declared
from muster.workloads.declaration import Variant, Workload

VALUES = 4  # float32 numbers in each made-up artifact
Hashes = dict[str, dict[str, str]]


def make_version(
    site: Site,
    *,
    workload: str | Workload = "eldercare",
    model: str = "",
    seed: int = 1,
    parent: ModelVersion | None = None,
    size_bytes: Mapping[str, int] | None = None,
    variants: Mapping[str, list[str]] | None = None,
) -> ModelVersion:
    """Make the next published version of a model of `site`, the model too where it is missing.

    Args:
        site: the tenant: a root.
        workload: its name in the catalogue, or the declaration itself.
        model: the model's name; the workload's by default.
        seed: other seeds give other weights; equal seeds equal bytes.
        size_bytes: component → what its artifacts' rows say they weigh, where that matters more than the truth.
        variants: component → which of its variants were published; all by default.
    """
    declared = catalogue.get(workload) if isinstance(workload, str) else workload
    owner, _made = Model.objects.get_or_create(site=site, name=model or declared.name, workload=declared.name)
    version = ModelVersion.objects.create(
        model=owner,
        number=(owner.versions.aggregate(last=Max("number"))["last"] or 0) + 1,
        parent=parent,
        origin=Origin.INITIAL,
        seed=seed,
        workload_version=declared.version,
    )
    hashes: Hashes = {}
    for position, component in enumerate(declared.components):
        wanted = (variants or {}).get(component.name, [variant.name for variant in component.variants])
        kept = [variant for variant in component.variants if variant.name in wanted]
        hashes[component.name] = _component(version, component, position, kept, seed, size_bytes or {})
    version.state = VersionState.PUBLISHED
    version.published_at = timezone.now()
    version.manifest_sha256 = _manifest(declared, hashes)
    version.save()
    return version


def _component(
    version: ModelVersion,
    declared: Declared,
    position: int,
    variants: list[Variant],
    seed: int,
    size_bytes: Mapping[str, int],
) -> dict[str, str]:
    """Make one component with its artifacts, and return variant → weights_sha256."""
    component = Component.objects.create(
        version=version,
        name=declared.name,
        modality=declared.modality,
        position=position,
        default_tier=declared.default_tier,
    )
    made = [
        _artifact(component, variant.name, variant == declared.variants[0], seed, size_bytes.get(declared.name))
        for variant in variants
    ]
    return {artifact.variant: artifact.weights_sha256 for artifact in made}


def _artifact(component: Component, variant: str, is_reference: bool, seed: int, size_bytes: int | None) -> Artifact:
    values = numbers(f"{seed}/{component.name}/{variant}")
    file = safetensors({"weight": values})
    return Artifact.objects.create(
        component=component,
        variant=variant,
        is_reference=is_reference,
        artifact_sha256=put(file),
        weights_sha256=weights_sha256([Weights("weight", "F32", (VALUES,), values)]),
        size_bytes=len(file) if size_bytes is None else size_bytes,
        parameters=VALUES,
        flops=2 * VALUES,
        tensors=[["weight", "F32", [VALUES]]],
        probe={"seed": f"{component.name}/{variant}", "rows": 2, "expected": [seed, -seed], "tolerance": 100},
    )


def numbers(name: str) -> bytes:
    """Return four float32 numbers in [0, 1) that hang on `name` alone."""
    digest = hashlib.sha256(name.encode()).digest()
    return struct.pack(f"<{VALUES}f", *(byte / 256 for byte in digest[:VALUES]))


def safetensors(tensors: Mapping[str, bytes]) -> bytes:
    """Return a safetensors file of one-dimensional float32 tensors."""
    header: dict[str, Any] = {}
    start = 0
    for name, data in tensors.items():
        header[name] = {"dtype": "F32", "shape": [len(data) // 4], "data_offsets": [start, start + len(data)]}
        start += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight
    return struct.pack("<Q", len(text)) + text + b"".join(tensors.values())


def put(data: bytes) -> str:
    """Lay `data` into the blob store by hand, and return its SHA-256."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = Path(settings.MUSTER_DATA_DIR) / "blobs" / "sha256" / sha256[:2] / sha256[2:4] / sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return sha256


def _manifest(workload: Workload, hashes: Hashes) -> str:
    return canonical_sha256(
        {"format": 1, "workload": workload.name, "workload_version": workload.version, "components": hashes}
    )
