"""Figures of each site's own nodes, and what the site's live topic says of them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fleet.telemetry.core.topics import live_message, site_topic

QUIET_US = 5_000_000  # a site where nothing moves is told this often, so that silence means trouble
MAX_CHANGED = 200  # nodes named in one message; more is told as a gap, and the page fetches them


@dataclass(frozen=True, slots=True)
class NodeNow:
    """One node as one query found it. Figures are None where it is offline or has none."""

    site: uuid.UUID
    uid: uuid.UUID
    status: str
    online: bool
    rtt_us: int | None
    cpu: float | None
    memory_used_bytes: int | None
    inference_us: int | None = None


@dataclass(frozen=True)
class SiteFigures:
    """Figures of a site's own nodes; those below it are theirs.

    Quantiles are over nodes: of round trips each node's last one, of inference each one's mean time in a component.
    """

    site: uuid.UUID
    statuses: dict[uuid.UUID, str]
    online: int
    rtt_p50_us: int | None
    rtt_p95_us: int | None
    cpu_mean: float | None
    memory_used_bytes: int | None
    inference_nodes: int = 0
    inference_p50_us: int | None = None
    inference_p95_us: int | None = None

    @property
    def nodes(self) -> int:
        return len(self.statuses)


def figures(nodes: Iterable[NodeNow]) -> list[SiteFigures]:
    """Return the figures of every site that has nodes; round trips and load are of those online."""
    sites: dict[uuid.UUID, list[NodeNow]] = {}
    for node in nodes:
        sites.setdefault(node.site, []).append(node)
    return [_figures(site, found) for site, found in sites.items()]


def _figures(site: uuid.UUID, nodes: list[NodeNow]) -> SiteFigures:
    online = [node for node in nodes if node.online]
    rtts = [node.rtt_us for node in online if node.rtt_us is not None]
    loads = [node.cpu for node in online if node.cpu is not None]
    memory = [node.memory_used_bytes for node in online if node.memory_used_bytes is not None]
    answered = [node.inference_us for node in online if node.inference_us is not None]
    return SiteFigures(
        site=site,
        statuses={node.uid: node.status for node in nodes},
        online=len(online),
        rtt_p50_us=quantile(rtts, 0.50),
        rtt_p95_us=quantile(rtts, 0.95),
        cpu_mean=sum(loads) / len(loads) if loads else None,
        memory_used_bytes=sum(memory) if memory else None,
        inference_nodes=len(answered),
        inference_p50_us=quantile(answered, 0.50),
        inference_p95_us=quantile(answered, 0.95),
    )


def quantile(values: list[int], share: float) -> int | None:
    """Return the smallest value that at least `share` of all do not exceed, as SQL's percentile_disc does.

    >>> quantile([10, 20, 30, 40], 0.5), quantile([], 0.5)
    (20, None)
    """
    if not values:
        return None
    return int(np.percentile(np.asarray(values), share * 100, method="inverted_cdf"))


@dataclass
class SiteTopic:
    """What the watchers of one site were last told."""

    seq: int = 0
    said_at: int = 0
    said: dict[str, Any] = field(default_factory=dict)
    statuses: dict[uuid.UUID, str] | None = None  # None: nothing was said yet

    def message(self, now: SiteFigures, at: int) -> dict[str, Any] | None:
        """Return the next message at `at` (microseconds UTC), or None while there is nothing to say."""
        changed = self._changed(now.statuses)
        said = {
            "nodes": now.nodes,
            "counts": dict(Counter(now.statuses.values())),
            "rtt_p95_ms": None if now.rtt_p95_us is None else round(now.rtt_p95_us / 1000, 1),
            "inference_p95_ms": None if now.inference_p95_us is None else round(now.inference_p95_us / 1000, 2),
            "cpu_mean": None if now.cpu_mean is None else round(now.cpu_mean, 3),
        }
        if not changed and said == self.said and at - self.said_at < QUIET_US:
            return None
        if len(changed) > MAX_CHANGED:
            self.seq += 1
            changed = []
        self.seq += 1
        self.said_at, self.said, self.statuses = at, said, now.statuses
        return live_message(site_topic(now.site), self.seq, at, {**said, "changed": changed})

    def _changed(self, statuses: dict[uuid.UUID, str]) -> list[dict[str, str]]:
        if self.statuses is None:
            return []
        known = self.statuses
        return [{"id": str(uid), "status": status} for uid, status in statuses.items() if known.get(uid) != status]
