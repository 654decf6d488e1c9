"""What a node shall run and how it says what it runs: the vocabulary of targets and reports.

A NodeTarget is compiled by the server from the plans of all models, for one node. Its
canonical JSON (RFC 8785) is signed and sent in a `messages.Target`; the device verifies
those very bytes before it reads them, and answers with `messages.Report`.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from muster.canon.json import canonical

FORMAT = 1
MAX_DOCUMENT_BYTES = 512 * 1024
MAX_SHARDS = 64  # of one node, all models together
MAX_PROBE_VALUES = 256

_SAFE = (1 << 53) - 1  # the largest integer that canonical JSON carries exactly

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Natural = Annotated[int, Meta(ge=0, le=_SAFE)]
Generation = tuple[Natural, Natural]  # (release epoch, counter): the larger one is the newer target


class ShardState(StrEnum):
    """How far a shard of the accepted target has come."""

    MISSING = "missing"
    DOWNLOADING = "downloading"
    HELD = "held"  # its file is here and has the right bytes
    STAGED = "staged"  # loaded beside what serves
    SERVING = "serving"
    CORRUPT = "corrupt"  # its file or its live tensors are not what they should be


class ReportState(StrEnum):
    """How far the accepted target has come as a whole."""

    IDLE = "idle"  # no target, or one without shards
    ACCEPTED = "accepted"
    DOWNLOADING = "downloading"
    STAGED = "staged"  # everything loaded beside what serves
    PROBED = "probed"  # answers as the publisher computed
    ACTIVE = "active"
    FAILED = "failed"  # what served before still does; tried again


class Reason(StrEnum):
    """Why a target failed, or why an active one is not as it should be."""

    NONE = ""
    BAD_SIGNATURE = "bad_signature"  # a target came that the pinned key did not sign; the accepted one stays
    OLDER = "older"  # a target came that is older than the accepted one
    MALFORMED = "malformed"  # a signed target that this agent cannot read
    UNREACHABLE = "unreachable"  # an artifact could not be fetched
    DOWNLOAD_CORRUPT = "download_corrupt"  # what came had other bytes than its name says; fetched again
    DISK_CORRUPT = "disk_corrupt"  # a stored shard changed on disk; fetched again
    LIVE_MISMATCH = "live_mismatch"  # the tensors in memory are not those of the plan; loaded again
    DISK_FULL = "disk_full"
    MEMORY_SHORT = "memory_short"
    RUNTIME_MISSING = "runtime_missing"  # torch is not installed on the device
    WORKLOAD_MISSING = "workload_missing"  # the workload's package is not installed on the device
    WORKLOAD_VERSION = "workload_version"  # it is, in another version than the model was published with
    WEIGHTS_REFUSED = "weights_refused"  # the artifact does not fit the component
    PROBE_FAILED = "probe_failed"  # the staged shards answer otherwise than the publisher computed
    WORKER_DIED = "worker_died"  # the process that runs the shards ended


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question whose answer the publisher knows.

    Attributes:
        seed: what the inputs are drawn from, see `muster.shards.stand_in`.
        rows: how many inputs at once.
        expected: the first values of the outputs, by name in sorted order, in millionths.
        tolerance: how far, in millionths, a value may be off; beyond ±1 relative to its size.
    """

    seed: str
    rows: Annotated[int, Meta(ge=1, le=64)]
    expected: Annotated[list[Annotated[int, Meta(ge=-_SAFE, le=_SAFE)]], Meta(max_length=MAX_PROBE_VALUES)]
    tolerance: Natural


class Shard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One component of one version in one variant: what is fetched, loaded and proved.

    Attributes:
        key: the artifact's short number, which telemetry and reports carry.
        variant: as the workload declares it.
        artifact_sha256: of the file's bytes, and its name in every store.
        weights_sha256: of the tensors, see `muster.canon.weights`.
        size_bytes: of the file.
    """

    key: Natural
    component: str
    variant: str
    artifact_sha256: Sha256
    weights_sha256: Sha256
    size_bytes: Natural
    probe: Probe


class PlacedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of one model that a plan puts on this node."""

    model: str  # its name
    version_id: str  # UUID
    version: Natural  # its number
    workload: str
    workload_version: Natural
    manifest_sha256: Sha256
    plan_sha256: Sha256
    shards: list[Shard]


class NodeTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything one node shall run, in the order of the models' names and the components' positions.

    Attributes:
        generation: (release epoch, counter); a device never goes back to a smaller one.
        request_interval_ms: how often each model is asked with the device's own data.
    """

    format: int
    node: str
    generation: Generation
    issued_at_us: Natural
    request_interval_ms: Annotated[int, Meta(ge=10, le=3_600_000)]
    models: list[PlacedModel]

    def document(self) -> bytes:
        """Return the canonical JSON that is signed."""
        return canonical(msgspec.to_builtins(self))

    @property
    def shards(self) -> list[Shard]:
        """Return every shard of every model."""
        return [shard for model in self.models for shard in model.shards]


def read(document: bytes) -> NodeTarget:
    """Return the target of a verified document.

    Raises:
        ValueError: it is none, or of a format that this code does not know.
    """
    try:
        target = msgspec.json.decode(document, type=NodeTarget)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if target.format != FORMAT:
        raise ValueError(f"format {target.format} is not known here, only {FORMAT}")
    if len(target.shards) > MAX_SHARDS:
        raise ValueError(f"{len(target.shards)} shards; a node takes {MAX_SHARDS}")
    return target


def artifact_request_part(node: str, sha256: str, at_us: int) -> bytes:
    """Return what a device signs, for ARTIFACT_REQUEST, to fetch an artifact from its gateway."""
    return msgspec.msgpack.encode([node, sha256, at_us])
