"""What a node shall train and how it hands over what it learned.

The server signs a `NodeWork` for each node that takes part in open rounds: level-triggered like a
target, whole each time, the newest counts. The node announces its update with a signed `Statement`
and uploads the file in pieces by offset; what was acknowledged is on disk.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from muster.canon.json import canonical
from muster.wire.targets import Natural, Sha256

FORMAT = 1
MAX_DOCUMENT_BYTES = 512 * 1024
MAX_TASKS = 8  # open rounds that one node takes part in
MAX_PIECE_BYTES = 1 << 20  # of one PATCH

Uuid = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Share = Annotated[int, Meta(ge=0, le=1_000_000)]  # in millionths


class JobKind(StrEnum):
    HORIZONTAL = "horizontal"  # every member trains the model on samples of its own
    SPLIT = "split"  # reserved: the network is cut between member and server
    VERTICAL = "vertical"  # reserved: members hold different features of the same samples


class UpdateKind(StrEnum):
    PLAIN = "plain"  # the difference to the base, as it is
    MASKED = "masked"  # reserved: only the sum of all members' can be read
    CIPHERTEXT = "ciphertext"  # reserved: homomorphically encrypted


class WorkState(StrEnum):
    """How far a node has come with one task."""

    INVITED = "invited"
    FETCHING = "fetching"
    TRAINING = "training"
    UPLOADING = "uploading"
    DONE = "done"  # every byte is acknowledged
    FAILED = "failed"


class WorkReason(StrEnum):
    """Why a task failed on the node."""

    NONE = ""
    UNREACHABLE = "unreachable"  # a shard could not be fetched
    RUNTIME_MISSING = "runtime_missing"
    WORKLOAD_MISSING = "workload_missing"
    WORKLOAD_VERSION = "workload_version"
    NO_DATA = "no_data"  # the device has no labelled sample, or its folder cannot be read
    MEMORY_SHORT = "memory_short"
    DISK_FULL = "disk_full"
    NOT_FINITE = "not_finite"  # training diverged
    WORKER_DIED = "worker_died"
    REFUSED = "refused"  # the server does not take the update


class Partition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a workload's included data this member plays to own: label shares drawn from Dirichlet(alpha)."""

    alpha_millionths: Annotated[int, Meta(ge=1_000, le=1_000_000_000)]
    members: Annotated[int, Meta(ge=1, le=100_000)]
    index: Annotated[int, Meta(ge=0, le=99_999)]
    seed: Natural


class LocalTraining(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each member does on its own data.

    Attributes:
        learning_rate_millionths, momentum_millionths: of plain SGD.
        seed: of shuffling and of everything random in the modules; together with the node's id and the round.
    """

    epochs: Annotated[int, Meta(ge=1, le=100)]
    batch_size: Annotated[int, Meta(ge=1, le=4096)]
    learning_rate_millionths: Annotated[int, Meta(ge=1, le=10_000_000)]
    momentum_millionths: Annotated[int, Meta(ge=0, le=999_999)]
    seed: Natural


class BaseShard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component of the version that training starts from, in its reference variant."""

    component: str
    variant: str
    artifact_sha256: Sha256
    weights_sha256: Sha256
    size_bytes: Natural


class TrainingTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One phase of one round, as a member sees it.

    Attributes:
        task: UUID of the phase; (task, node, attempt) is the key of an update.
        strategy: name of the strategy; plain averaging wants the difference to the base of every trained tensor.
        trained: components whose tensors may change; the others are held fixed.
        partition: None to train on the device's own data.
        deadline_us: microseconds UTC on the server's clock; what comes later may be refused.
    """

    task: Uuid
    round: Uuid
    round_number: Natural
    job: Uuid
    kind: JobKind
    phase: str
    strategy: str
    model: str
    version_id: Uuid
    workload: str
    workload_version: Natural
    manifest_sha256: Sha256
    shards: list[BaseShard]
    trained: list[str]
    local: LocalTraining
    partition: Partition | None
    deadline_us: Natural


class NodeWork(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that one node shall train now, in order of the tasks' ids; a larger counter is newer."""

    format: int
    node: Uuid
    counter: Natural
    issued_at_us: Natural
    tasks: list[TrainingTask]

    def document(self) -> bytes:
        """Return the canonical JSON that is signed."""
        return canonical(msgspec.to_builtins(self))


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a node says of its update, signed by its identity key for TRAINING_UPDATE.

    Attributes:
        attempt: counts from 1; another one only after the node lost what it had.
        sha256, size_bytes: of the safetensors file of differences, named `component.tensor`.
        samples: trained component → samples with that evidence, by which its tensors are weighted.
        loss_before_millionths, loss_after_millionths: mean loss on the member's own data; None if unknown.
        trained_ms: time spent in local training.
    """

    node: Uuid
    task: Uuid
    attempt: Annotated[int, Meta(ge=1, le=1_000)]
    kind: UpdateKind
    sha256: Sha256
    size_bytes: Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
    samples: dict[str, Natural]
    loss_before_millionths: Natural | None
    loss_after_millionths: Natural | None
    trained_ms: Natural

    def signed_part(self) -> bytes:
        """Return the bytes under the node's signature."""
        return canonical(msgspec.to_builtins(self))


def read(document: bytes) -> NodeWork:
    """Return the work of a verified document.

    Raises:
        ValueError: it is none, or of a format that this code does not know.
    """
    try:
        work = msgspec.json.decode(document, type=NodeWork)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if work.format != FORMAT or len(work.tasks) > MAX_TASKS:
        raise ValueError(f"format {work.format} with {len(work.tasks)} tasks is not taken here")
    return work


def update_request_part(node: str, method: str, path: str, at_us: int) -> bytes:
    """Return what a device signs, for UPDATE_REQUEST, with each request that hands over an update."""
    return msgspec.msgpack.encode([node, method, path, at_us])
