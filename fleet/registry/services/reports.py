"""Takes what nodes say, signed, of what they hold and run, and writes down what is new in it."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from fleet.registry.core import report_edges
from fleet.registry.core.report_edges import Claim, Edge, Found
from fleet.registry.models import Artifact, Node, NodeReport, RunningShard
from fleet.trust.models import Event
from fleet.trust.services import events
from fleet.trust.services.actors import Actor
from muster.wire import messages
from muster.wire.targets import Generation, Reason, ReportState, ShardState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A retry on its way to the same failure says nothing new when it fails again.
UNDER_WAY = (ReportState.ACCEPTED, ReportState.DOWNLOADING, ReportState.STAGED, ReportState.PROBED)

RUNS = """
INSERT INTO registry_runningshard AS r (node_id, shard, weights_sha256, verified_at, since)
SELECT %(node)s, shard, weights_sha256, verified_at, now()
FROM unnest(%(shards)s::bigint[], %(weights)s::varchar[], %(verified)s::timestamptz[])
    AS u (shard, weights_sha256, verified_at)
ON CONFLICT (node_id, shard) DO UPDATE SET weights_sha256 = EXCLUDED.weights_sha256,
    verified_at = EXCLUDED.verified_at,
    since = CASE WHEN r.weights_sha256 = EXCLUDED.weights_sha256 THEN r.since ELSE EXCLUDED.since END
"""


@transaction.atomic
def accept(*, node_key: int, epoch: int, report: messages.Report) -> bool:
    """Store a report whose signature holds, and record what is new in it.

    Reports of one node wait for each other. One of an older connection, or with an earlier number,
    changes nothing. What a device says is not bound to make sense: keys of artifacts that do not
    exist are stored and prove nothing.

    Args:
        epoch: of the connection that it came by.

    Returns:
        Whether it was newer than what is stored.
    """
    node = Node.objects.select_for_update(no_key=True).filter(pk=node_key).first()
    if node is None:
        return False
    before = NodeReport.objects.filter(pk=node_key).first()
    if before is not None and (before.epoch, before.number) >= (epoch, report.number):
        return False
    ran = dict(RunningShard.objects.filter(node=node).values_list("shard", "weights_sha256"))
    runs = {shard.key: shard.weights_sha256 for shard in report.running}
    after = _row(node, epoch, report)
    if before is not None and runs == ran and _content(before) == _content(after):
        _repeat(before, after)
    else:
        _replace(node, before, after, ran, runs)
    _run(node, report.running)
    return True


def _row(node: Node, epoch: int, report: messages.Report) -> NodeReport:
    release_epoch, counter = report.generation or (None, None)
    serving_release_epoch, serving_counter = report.serving or (None, None)
    return NodeReport(
        node=node,
        epoch=epoch,
        boot=uuid.UUID(report.boot),
        number=report.number,
        release_epoch=release_epoch,
        counter=counter,
        serving_release_epoch=serving_release_epoch,
        serving_counter=serving_counter,
        state=report.state.value,
        reason=report.reason.value,
        detail=report.detail.replace("\0", ""),  # PostgreSQL refuses a NUL in any text
        shards=msgspec.to_builtins(report.shards),
        at=_moment(report.at),
    )


def _content(row: NodeReport) -> tuple[Any, ...]:
    """Return everything of a report but its order and its times."""
    accepted = (row.release_epoch, row.counter, row.serving_release_epoch, row.serving_counter)
    return (*accepted, row.state, row.reason, row.detail, row.shards)


def _repeat(before: NodeReport, after: NodeReport) -> None:
    """Note that the node still says the same."""
    NodeReport.objects.filter(pk=before.pk).update(
        epoch=after.epoch, boot=after.boot, number=after.number, at=after.at, reported_at=Now()
    )


def _replace(
    node: Node, before: NodeReport | None, after: NodeReport, ran: dict[int, str], runs: dict[int, str]
) -> None:
    """Put a report that says something else in place of the one before, with an event for each edge."""
    artifacts = _artifacts(runs.keys() | ran.keys() | _marked(after) | (_marked(before) if before else set()))
    published = {key: artifact["weights_sha256"] for key, artifact in artifacts.items()}
    claimed = _claim(before, ran, published, _active(before)) if before else None
    claim = _claim(after, runs, published, _newest(_active(before), after))
    after.live_mismatch = bool(claim.mismatched)
    after.active_release_epoch, after.active_counter = claim.active or (None, None)
    fields = [field.attname for field in NodeReport._meta.concrete_fields if not field.primary_key]
    values = {name: getattr(after, name) for name in fields} | {"reported_at": Now(), "changed_at": Now()}
    NodeReport.objects.update_or_create(pk=node.pk, defaults=values)
    for found in report_edges.edges(claimed, claim):
        if found.edge is Edge.FAILED and before is not None and _failed_before(node, before, claim):
            continue
        _record(node, found, claim, after, artifacts, runs)


def _run(node: Node, running: list[messages.RunningShard]) -> None:
    """Make the stored shards of the running process those that the report names."""
    shards = list({shard.key: shard for shard in running}.values())  # a key that is named twice counts once
    parameters: dict[str, Any] = {
        "node": node.pk,
        "shards": [shard.key for shard in shards],
        "weights": [shard.weights_sha256 for shard in shards],
        "verified": [_moment(shard.verified_at) for shard in shards],
    }
    if shards:
        with connection.cursor() as cursor:
            cursor.execute(RUNS, parameters)
    RunningShard.objects.filter(node=node).exclude(shard__in=parameters["shards"]).delete()


def _artifacts(keys: set[int]) -> dict[int, dict[str, Any]]:
    """Return what is published under these keys; the ones that a device made up are missing."""
    rows = Artifact.objects.filter(pk__in=keys).values(
        "key",
        "weights_sha256",
        "variant",
        component_name=F("component__name"),
        model=F("component__version__model__name"),
        version=F("component__version__number"),
    )
    return {row["key"]: dict(row) for row in rows}


def _claim(
    row: NodeReport, running: Mapping[int, str], published: Mapping[int, str], active: Generation | None
) -> Claim:
    reason = Reason(row.reason)
    marked = frozenset(_marked(row))
    return Claim(
        accepted=_generation(row.release_epoch, row.counter),
        state=ReportState(row.state),
        reason=reason,
        mismatched=report_edges.mismatched(running, published, reason, marked),
        corrupt=report_edges.corrupt(reason, marked),
        active=active,
    )


def _marked(row: NodeReport) -> set[int]:
    return {shard["key"] for shard in row.shards if shard["state"] == ShardState.CORRUPT}


def _active(row: NodeReport | None) -> Generation | None:
    return None if row is None else _generation(row.active_release_epoch, row.active_counter)


def _newest(known: Generation | None, row: NodeReport) -> Generation | None:
    """Return the newest generation ever reported as active, this report counted."""
    serving = _generation(row.serving_release_epoch, row.serving_counter)
    if row.state != ReportState.ACTIVE or serving is None:
        return known
    return serving if known is None else max(known, serving)


def _generation(release_epoch: int | None, counter: int | None) -> Generation | None:
    return None if release_epoch is None or counter is None else (release_epoch, counter)


def _failed_before(node: Node, before: NodeReport, claim: Claim) -> bool:
    """Say whether this failure is the last one again, after a retry."""
    if before.state not in UNDER_WAY:
        return False
    last = Event.objects.filter(target_id=node.uid, verb__in=(Edge.FAILED, Edge.ACTIVE)).order_by("-at", "-id").first()
    if last is None or last.verb != Edge.FAILED:
        return False
    return (last.after["generation"], last.after["reason"]) == (_listed(claim.accepted), claim.reason)


def _record(
    node: Node,
    found: Found,
    claim: Claim,
    row: NodeReport,
    artifacts: Mapping[int, dict[str, Any]],
    runs: Mapping[int, str],
) -> None:
    after: dict[str, Any] = {"generation": _listed(claim.accepted)}
    if found.edge is Edge.ACTIVE:
        after = {"generation": _listed(claim.active)}
    elif found.edge is Edge.FAILED:
        after |= {"reason": row.reason, "detail": row.detail}
    else:
        after |= {"reason": row.reason, "shards": [_told(key, artifacts, runs) for key in found.keys]}
    events.record(
        found.edge.value,
        actor=Actor.node(node.uid, node.name),
        target_kind="node",
        target_id=node.uid,
        target_label=node.name,
        site=node.site,
        after=after,
        reason=row.detail,
    )


def _told(key: int, artifacts: Mapping[int, dict[str, Any]], runs: Mapping[int, str]) -> dict[str, Any]:
    """Return what the audit trail keeps of one shard; little of one that is not published here."""
    artifact = artifacts.get(key)
    if artifact is None:
        return {"key": key}
    named = {name: artifact[name] for name in ("key", "model", "version", "variant", "weights_sha256")}
    return {**named, "component": artifact["component_name"], "live_weights_sha256": runs.get(key)}


def _listed(generation: Generation | None) -> list[int] | None:
    """Return a generation as JSON keeps it."""
    return None if generation is None else list(generation)


def _moment(at_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=at_us)
