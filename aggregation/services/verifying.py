"""Checks that a round's result is what its stored updates make: the invariant I3, by computing it again."""

import contextlib
import hashlib
from dataclasses import dataclass

from aggregation.models import Round
from aggregation.services import weights
from fleet.registry.services import blobs
from muster.workloads import catalogue


@dataclass(frozen=True)
class Verified:
    """What the books say, what lies in the store, and what the updates make now.

    Attributes:
        recorded: SHA-256 of the aggregated model that the round recorded.
        stored: of the bytes in the blob store; None where they are gone.
        recomputed: of what the base and the stored updates make.
        updates: how many were summed.
    """

    recorded: str
    stored: str | None
    recomputed: str
    updates: int

    @property
    def holds(self) -> bool:
        return self.recorded == self.stored == self.recomputed


def verify(round: Round) -> Verified:
    """Compute a round's result again and compare the bytes; writes nothing.

    Raises:
        UnknownWorkload: the model's workload is not installed here.
        OSError: an update or a shard of the base is gone.
    """
    workload = catalogue.get(round.job.model.workload)
    updates = weights.accepted(round)
    store = blobs.store()
    stored = None
    with contextlib.suppress(FileNotFoundError), store.path(round.result_sha256).open("rb") as file:
        stored = hashlib.file_digest(file, "sha256").hexdigest()
    with store.draft() as draft:
        weights.aggregate(round, workload, updates, draft)
        with draft.open("rb") as file:
            recomputed = hashlib.file_digest(file, "sha256").hexdigest()
    return Verified(round.result_sha256, stored, recomputed, len(updates))
