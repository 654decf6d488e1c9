"""Finds, in one query for the whole fleet, which nodes' targets and assignments are not what they should be."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from fleet.registry.core.node_states import NodeState
from fleet.rollouts.core.rollout_states import AssignmentState

# The first label of a path is the tenant's: a root's path is its slug and a slash.
WANTED = """
wanted AS (
    SELECT root, tier, content
    FROM unnest(%(roots)s::text[], %(tiers)s::text[], %(contents)s::text[]) AS u (root, tier, content)
), nodes AS (
    SELECT n.key, n.uid, n.tier, split_part(s.path, '/', 1) || '/' AS root
    FROM registry_node AS n JOIN trust_site AS s ON s.id = n.site_id
    WHERE n.state = %(active)s
)
"""
# A node that never held anything gets no empty target; one that held something does.
STALE = f"""
WITH {WANTED}
SELECT n.key, n.uid, n.tier, n.root
FROM nodes AS n
LEFT JOIN wanted AS w ON w.root = n.root AND w.tier = n.tier
LEFT JOIN registry_nodetarget AS t ON t.node_id = n.key
WHERE CASE WHEN t.node_id IS NULL THEN w.content IS NOT NULL
    ELSE t.content_sha256 <> COALESCE(w.content, %(empty)s) OR t.release_epoch < %(epoch)s END
    AND (%(only)s::text IS NULL OR n.root = %(only)s)
ORDER BY n.key
"""  # noqa: S608  (built from the names above alone)

# What current rollouts want where: rollout, the tenant's root, tier. A handful of rows, held against every node.
PARTS = "unnest(%(rollouts)s::uuid[], %(roots)s::text[], %(tiers)s::text[]) AS p (rollout, root, tier)"
# Nodes that hold a part of a rollout.
HOLDERS = f"""
{PARTS}
JOIN registry_node AS n ON n.tier = p.tier AND n.state = %(active)s
JOIN trust_site AS s ON s.id = n.site_id AND split_part(s.path, '/', 1) || '/' = p.root
"""
# Assignments of nodes that hold no part of their rollout.
LEAVERS = f"""
rollouts_assignment AS a, registry_node AS n, trust_site AS s
WHERE a.rollout_id = ANY(%(rollouts)s) AND n.key = a.node_id AND s.id = n.site_id
    AND NOT (n.state = %(active)s AND EXISTS (
        SELECT FROM {PARTS}
        WHERE p.rollout = a.rollout_id AND p.tier = n.tier AND p.root = split_part(s.path, '/', 1) || '/'))
"""
UNASSIGNED = f"""
SELECT p.rollout FROM {HOLDERS}
WHERE NOT EXISTS (SELECT FROM rollouts_assignment AS a WHERE a.rollout_id = p.rollout AND a.node_id = n.key)
UNION
SELECT a.rollout_id FROM {LEAVERS}
"""  # noqa: S608  (built from the names above alone)

Parts = Sequence[tuple[uuid.UUID, str, Sequence[str]]]  # rollout, path of its tenant's root, tiers of its plan


def sha256(models: bytes) -> str:
    """Return the hash of a target's content: of the canonical JSON of its models alone."""
    return hashlib.sha256(models).hexdigest()


EMPTY_SHA256 = sha256(b"[]")


@dataclass(frozen=True, slots=True)
class StaleNode:
    """An active node whose target is not what it should be."""

    key: int
    uid: uuid.UUID
    tier: str
    root: str


def targets(wanted: Mapping[str, Mapping[str, str]], epoch: int, *, everywhere: bool = False) -> list[StaleNode]:
    """Return the active nodes whose target has other content than wanted, or is of an earlier release epoch.

    Args:
        wanted: path of a root → tier → content_sha256; what is not named shall hold nothing.
        everywhere: look at every tenant's nodes; otherwise at those of the one that `wanted` names.
    """
    rows = [(root, tier, content) for root, tiers in wanted.items() for tier, content in tiers.items()]
    parameters: dict[str, Any] = {
        "roots": [root for root, _tier, _content in rows],
        "tiers": [tier for _root, tier, _content in rows],
        "contents": [content for _root, _tier, content in rows],
        "active": NodeState.ACTIVE.value,
        "empty": EMPTY_SHA256,
        "epoch": epoch,
        "only": None if everywhere else next(iter(wanted)),
    }
    with connection.cursor() as cursor:
        cursor.execute(STALE, parameters)
        return [StaleNode(*row) for row in cursor.fetchall()]


def unassigned(parts: Parts) -> set[uuid.UUID]:
    """Return the rollouts whose assignments are not exactly the active nodes that hold a part of them.

    Args:
        parts: of the current rollouts.
    """
    with connection.cursor() as cursor:
        cursor.execute(UNASSIGNED, parameters(parts))
        return {rollout for (rollout,) in cursor.fetchall()}


def parameters(parts: Parts) -> dict[str, Any]:
    """Return what a query over `PARTS` needs."""
    rows = [(rollout, root, tier) for rollout, root, tiers in parts for tier in tiers]
    return {
        "rollouts": [rollout for rollout, _root, _tier in rows],
        "roots": [root for _rollout, root, _tier in rows],
        "tiers": [tier for _rollout, _root, tier in rows],
        "active": NodeState.ACTIVE.value,
        "pending": AssignmentState.PENDING.value,
    }
