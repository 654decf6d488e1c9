"""The part of the fleet's pulse that belongs to learning: reconcile, then tell the jobs' pages what moved."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aggregation.selectors import jobs
from aggregation.selectors.jobs import Standing
from aggregation.services import reconcile
from aggregation.services.wake import STALE_AFTER_S, wake
from fleet.telemetry.core.topics import job_topic, live_message


@dataclass
class Told:
    """What the watchers of one job were last told."""

    seq: int = 0
    revision: int = -1


@dataclass
class Progress:
    """Runs each second; `seq` counts a job's messages, so that a page sees when it has missed one."""

    told: dict[uuid.UUID, Told] = field(default_factory=dict)
    woken: dict[uuid.UUID, float] = field(default_factory=dict)
    monotonic: Callable[[], float] = time.monotonic

    def __call__(self, at: int) -> list[dict[str, Any]]:
        """Reconcile, and return a message for each job whose revision has moved."""
        reconcile.run(wake=self._wake)
        revisions = jobs.revisions()
        for gone in self.told.keys() - revisions.keys():
            del self.told[gone]
        moved = [pk for pk, revision in revisions.items() if self.told.setdefault(pk, Told()).revision != revision]
        return [self._message(standing, at) for standing in jobs.standings(moved)]

    def _wake(self, round_id: uuid.UUID) -> None:
        """Ask for a computation once in the life of such a message, not each second while the worker is busy."""
        now = self.monotonic()
        self.woken = {pk: at for pk, at in self.woken.items() if now - at < STALE_AFTER_S}
        if round_id not in self.woken:
            self.woken[round_id] = now
            wake(round_id)

    def _message(self, standing: Standing, at: int) -> dict[str, Any]:
        told = self.told[standing.job]
        told.seq += 1
        told.revision = standing.revision
        data = {
            "revision": standing.revision,
            "state": standing.state,
            "round": standing.round,
            "round_state": standing.round_state,
            "counts": standing.counts,
        }
        return live_message(job_topic(standing.job), told.seq, at, data)
