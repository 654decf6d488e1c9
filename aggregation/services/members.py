"""Tells members what to train: brings every node's signed work to what the open phases ask of it.

Members of a round differ in no more than the part of the included data that they play to own, so a task
is put into canonical JSON once, and a node's document is those texts with its own head and tail around.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import structlog
from django.db import connection, transaction

from aggregation.core import config as configs
from aggregation.models import Member, Phase
from aggregation.selectors import work as selectors
from aggregation.selectors.work import StaleWork
from fleet.registry.models import Artifact, ModelVersion
from fleet.registry.services import work
from fleet.registry.services.work import SignedWork
from fleet.trust.selectors import server_key
from muster.canon import signatures
from muster.canon.json import canonical
from muster.clock import Clock, now_us
from muster.wire.work import FORMAT, BaseShard, JobKind, Partition, TrainingTask

log = structlog.get_logger(__name__)

LOCK = 0x6D757374_776F726B  # "mustwork": of two that compile, each would know half of what is open
HOLE = b'"partition":null'  # quotes inside a text are escaped, so nothing else in a task can look like it
TASKS = b'"tasks":[]'


@dataclass(frozen=True)
class Task:
    """What all members of a phase are told alike.

    Attributes:
        text: canonical JSON of the TrainingTask without a partition.
        artifacts: SHA-256 of every file that it names.
        partition: of the member with the index 0; None where each trains on its own data.
    """

    text: bytes
    artifacts: tuple[str, ...]
    round_id: uuid.UUID
    partition: Partition | None


def issue(*, clock: Clock = now_us) -> int:
    """Bring every node's work to what it should be, and return how many were issued; a second call changes nothing."""
    if not selectors.stale():  # without a lock: mostly there is nothing to do
        return 0
    return _issue(clock)


@transaction.atomic
def _issue(clock: Clock) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0  # another one is at it; the next second looks again
    nodes = selectors.stale()
    if not nodes:
        return 0
    tasks = _tasks({task for node in nodes for task in node.tasks})
    indices = _indices(nodes, tasks)
    # Time, so that it also grows past what nodes have seen when the database comes from a backup.
    counter = max([clock(), *(node.counter + 1 for node in nodes)])
    key = server_key.load()
    signed = []
    for node in nodes:
        text = document(str(node.uid), counter, clock(), _texts(node, tasks, indices))
        signature = signatures.sign(key, signatures.NODE_WORK, text)
        artifacts = sorted({sha256 for task in node.tasks for sha256 in tasks[task].artifacts})
        signed.append(SignedWork(node.key, node.uid, text, signature, artifacts, node.tasks))
    issued = work.issue(signed, counter=counter)
    log.info("work.issued", nodes=len(issued), counter=counter)
    return len(issued)


def document(node: str, counter: int, at_us: int, tasks: Sequence[bytes]) -> bytes:
    """Return the canonical JSON of a NodeWork around tasks that are canonical already.

    Equal, byte for byte, to `muster.wire.work.NodeWork.document`.
    """
    around = canonical({"format": FORMAT, "node": node, "counter": counter, "issued_at_us": at_us, "tasks": []})
    return around.replace(TASKS, b'"tasks":[' + b",".join(tasks) + b"]", 1)


def _texts(
    node: StaleWork, tasks: Mapping[uuid.UUID, Task], indices: Mapping[tuple[uuid.UUID, int], int]
) -> list[bytes]:
    texts = []
    for task_id in node.tasks:
        task = tasks[task_id]
        text = task.text
        if task.partition is not None:
            own = msgspec.structs.replace(task.partition, index=indices[task.round_id, node.key])
            text = text.replace(HOLE, b'"partition":' + canonical(msgspec.to_builtins(own)), 1)
        texts.append(text)
    return texts


def _indices(nodes: Iterable[StaleWork], tasks: Mapping[uuid.UUID, Task]) -> dict[tuple[uuid.UUID, int], int]:
    """Return (round, node) → the member's place, of the rounds whose data is split."""
    rounds = {task.round_id for task in tasks.values() if task.partition is not None}
    rows = Member.objects.filter(round__in=rounds, node__in=[node.key for node in nodes])
    return {(round_id, node): index for round_id, node, index in rows.values_list("round", "node", "index")}


def _tasks(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Task]:
    phases = Phase.objects.filter(pk__in=list(ids)).select_related("round__job__model", "round__base_version")
    return {phase.pk: _task(phase) for phase in phases}


def _task(phase: Phase) -> Task:
    round = phase.round
    config = configs.from_document(round.job.config)
    shards = _shards(round.base_version)
    task = TrainingTask(
        task=str(phase.pk),
        round=str(round.pk),
        round_number=round.number,
        job=str(round.job_id),
        kind=JobKind(round.job.kind),
        phase=phase.name,
        strategy=round.job.strategy,
        model=round.job.model.name,
        version_id=str(round.base_version_id),
        workload=round.job.model.workload,
        workload_version=round.base_version.workload_version,
        manifest_sha256=round.base_version.manifest_sha256,
        shards=shards,
        trained=[shard.component for shard in shards],
        local=config.local,
        partition=None,
        deadline_us=_micros(phase),
    )
    text = canonical(msgspec.to_builtins(task))
    # Split among all who might be members; every job of one seed and fleet splits alike.
    partition = config.partition(members=max(round.parts, 1), index=0)
    return Task(text, tuple(shard.artifact_sha256 for shard in shards), round.pk, partition)


def _micros(phase: Phase) -> int:
    assert phase.deadline_at is not None  # set when it opens
    seconds = int(phase.deadline_at.timestamp())
    return seconds * 1_000_000 + phase.deadline_at.microsecond


def _shards(version: ModelVersion) -> list[BaseShard]:
    rows = Artifact.objects.filter(component__version=version, is_reference=True).select_related("component")
    return [
        BaseShard(row.component.name, row.variant, row.artifact_sha256, row.weights_sha256, row.size_bytes)
        for row in rows.order_by("component__position")
    ]
