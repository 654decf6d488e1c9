"""Models, plans and a push for the browser: rows as publishing leaves them, the push by its own service, and what some
nodes report of it."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Max
from django.utils import timezone

from fleet.registry.core.version_states import Origin, VersionState
from fleet.registry.models import Model, ModelVersion, Node, NodeReport, NodeTarget
from fleet.registry.services import reports
from fleet.rollouts.models import Rollout
from fleet.rollouts.services import plans, pushes, reconcile
from fleet.telemetry.models import Inference
from fleet.trust.models import Site
from fleet.trust.services.actors import Actor
from muster.canon.signatures import Signature
from muster.clock import now_us
from muster.ids import uuid7
from muster.wire import messages, targets
from muster.wire.targets import Reason, ReportState, ShardState
from tests.published import make_version

ACTOR = Actor.system("seed")
MIB = 1 << 20
WRONG = "f" * 64
UNSIGNED = Signature("ed25519", "sha256:" + "0" * 64, bytes(64))  # the gateway has verified it before


def make(root: Site, nodes: Sequence[Node]) -> dict[str, str]:
    """Make two models with versions, a pushed plan with a node in every state, and a plan that was never pushed."""
    first = make_version(root, workload="digits", seed=1, size_bytes={"vision": 6 * MIB, "head": MIB})
    second = make_version(root, workload="digits", seed=2, parent=first, size_bytes={"vision": 6 * MIB, "head": MIB})
    ModelVersion.objects.filter(pk=second.pk).update(
        metrics={"all": {"accuracy": 967_200}}, note="After the first round"
    )
    refuse(first.model)
    elder = make_version(root, size_bytes={"fusion": 3 * MIB})
    before = push(first.model, {"vision": "edge", "head": "cloud"}, version=1, reason="First time on the fleet")
    rollout = push(first.model, {"vision": "terminal", "head": "cloud"}, reason="Light vision on the terminals")
    told = report_all(nodes)
    reconcile.run()
    waiting, _new = plans.create(
        actor=ACTOR, models=Model.objects.all(), mapping={"vision": "terminal", "fusion": "edge"}, model="eldercare"
    )
    return {
        "model": str(first.model_id),
        "eldercare": str(elder.model_id),
        "plan": str(rollout.plan_id),
        "plan_waiting": str(waiting.pk),
        "rollout": str(rollout.pk),
        "rollout_before": str(before.pk),
        **told,
    }


def refuse(model: Model) -> ModelVersion:
    """Make a version whose weights were refused."""
    last = model.versions.aggregate(last=Max("number"))["last"] or 0
    return ModelVersion.objects.create(
        model=model,
        number=last + 1,
        origin=Origin.UPLOADED,
        state=VersionState.REFUSED,
        refusal="the tensor vision.conv.weight holds a NaN at position 17",
        refusal_code="not_finite",
        workload_version=1,
    )


def push(model: Model, mapping: dict[str, str], *, reason: str, version: int | None = None) -> Rollout:
    """Make a plan and push it."""
    plan, _new = plans.create(
        actor=ACTOR, models=Model.objects.all(), mapping=mapping, model=model.name, version=version
    )
    return pushes.push(actor=ACTOR, plan=plan, reason=reason)


def report_all(nodes: Sequence[Node]) -> dict[str, str]:
    """Let online nodes report in turn: done, on its way, failed, wrong in memory."""
    told: dict[str, str] = {}
    holding = NodeTarget.objects.filter(node__in=nodes).exclude(shards=[])
    online = holding.filter(node__presence__expires_at__gt=timezone.now()).select_related("node").order_by("node__name")
    kinds = ("active", "active", "active", "downloading", "active", "failed", "active", "differs", "active", "staged")
    for index, target in enumerate(online):
        kind = kinds[index % len(kinds)] if index < 30 else "active"
        if index == 31:
            told["silent"] = str(target.node.uid)  # reports later, before a test's eyes
            continue
        report(target, kind)
        told.setdefault(kind, str(target.node.uid))
    return told


def report(target: NodeTarget, kind: str) -> None:
    """Take a report of a node of one kind, as its gateway would hand it over."""
    document = targets.read(bytes(target.document))
    state, reason, held = {
        "active": (ReportState.ACTIVE, Reason.NONE, ShardState.SERVING),
        "downloading": (ReportState.DOWNLOADING, Reason.NONE, ShardState.DOWNLOADING),
        "staged": (ReportState.STAGED, Reason.NONE, ShardState.STAGED),
        "failed": (ReportState.FAILED, Reason.MEMORY_SHORT, ShardState.HELD),
        "differs": (ReportState.ACTIVE, Reason.LIVE_MISMATCH, ShardState.CORRUPT),
    }[kind]
    runs = kind in ("active", "differs")
    number = (NodeReport.objects.filter(pk=target.pk).values_list("number", flat=True).first() or 0) + 1
    reports.accept(
        node_key=target.pk,
        epoch=1,
        report=messages.Report(
            node=str(target.node.uid),
            boot=str(uuid7()),
            number=number,
            at=now_us(),
            generation=document.generation,
            serving=document.generation if runs else None,
            state=state,
            reason=reason,
            detail="412 MiB are needed, 380 MiB are free" if kind == "failed" else "",
            shards=[messages.HeldShard(shard.key, held, shard.size_bytes // 3) for shard in document.shards],
            running=[
                messages.RunningShard(shard.key, WRONG if kind == "differs" else shard.weights_sha256, now_us())
                for shard in (document.shards if runs else [])
            ],
            signature=UNSIGNED,
        ),
    )
    if runs:
        answer(target.pk, [shard.key for shard in document.shards])


def answer(node: int, shards: Sequence[int], *, local: bool = True) -> None:
    """Store what a node's shards answered in the last second."""
    now: Any = now_us()
    for shard in shards:
        Inference.objects.create(
            node=node,
            at=now,
            received_at=now,
            stream=1,
            seq=now // 1_000_000,
            shard=shard,
            requests=1,
            errors=0,
            total_us=3_400 + 100 * (node % 7),
            least_us=3_000,
            most_us=4_200,
            local=local,
        )
