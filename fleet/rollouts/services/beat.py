"""The part of the fleet's pulse that belongs to rollouts: reconcile, then tell their pages what moved."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.rollouts.selectors import rollouts
from fleet.rollouts.services import reconcile
from fleet.telemetry.core.topics import live_message, rollout_topic


@dataclass
class Told:
    """What the watchers of one rollout were last told."""

    seq: int = 0
    revision: int = -1


@dataclass
class Progress:
    """Runs each second; `seq` counts a rollout's messages, so that a page sees when it has missed one."""

    told: dict[uuid.UUID, Told] = field(default_factory=dict)

    def __call__(self, at: int) -> list[dict[str, Any]]:
        """Reconcile, and return a message for each rollout whose revision has moved."""
        reconcile.run()
        revisions = rollouts.revisions()
        for gone in self.told.keys() - revisions.keys():
            del self.told[gone]
        moved = [pk for pk, revision in revisions.items() if self.told.setdefault(pk, Told()).revision != revision]
        counts = rollouts.counts(moved) if moved else {}
        return [self._message(pk, revisions[pk], counts.get(pk, {}), at) for pk in moved]

    def _message(self, pk: uuid.UUID, revision: int, counts: Mapping[str, int], at: int) -> dict[str, Any]:
        told = self.told[pk]
        told.seq += 1
        told.revision = revision
        return live_message(rollout_topic(pk), told.seq, at, {"revision": revision, "counts": dict(counts)})
