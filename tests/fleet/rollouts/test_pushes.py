"""A push makes a plan the current one, in one transaction, and compiles what every node shall run."""

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.registry.models import Model, Node, NodeTarget
from fleet.registry.services import nodes
from fleet.rollouts.core.rollout_states import AssignmentState, RolloutState
from fleet.rollouts.models import Assignment, Rollout
from fleet.rollouts.services import compile, plans, pushes, reconcile
from fleet.rollouts.services.refusals import PlanRefused
from fleet.trust.models import Event
from fleet.trust.selectors import server_key
from muster.canon import signatures
from muster.canon.json import canonical, canonical_sha256
from muster.canon.signatures import Signature
from muster.wire import targets as wire
from tests.conftest import TESTS
from tests.fleet.rollouts.conftest import CARE, obey, target_of
from tests.published import make_version


def components(node: Node) -> dict[str, list[str]]:
    return {model.model: [shard.component for shard in model.shards] for model in target_of(node).models}


def test_a_push_gives_every_node_the_signed_target_of_its_tier(push, fleet, care):
    rollout = push(reason="first")
    assert (rollout.state, rollout.reason, rollout.previous) == (RolloutState.RUNNING, "first", None)
    assert {tier: components(node) for tier, node in fleet.items()} == {
        "terminal": {"eldercare": ["motion", "vision"]},
        "edge": {"eldercare": ["text"]},
        "cloud": {"eldercare": ["fusion"]},
    }
    for row in NodeTarget.objects.select_related("node"):
        signature = Signature(row.signature_algorithm, row.signature_key_id, bytes(row.signature_value))
        document = bytes(row.document)
        signatures.verify(signatures.public_bytes(server_key.load()), signatures.NODE_TARGET, document, signature)
        target = wire.read(document)
        assert target.document() == document
        assert (target.node, target.generation) == (str(row.node.uid), (row.release_epoch, row.counter))
        assert row.content_sha256 == canonical_sha256(msgspec.to_builtins(target.models))
        assert row.shards == sorted(shard.key for shard in target.shards)
        assert row.artifacts == sorted({shard.artifact_sha256 for shard in target.shards})
        (model,) = target.models
        assert (model.version_id, model.manifest_sha256) == (str(care.pk), care.manifest_sha256)
        assert model.plan_sha256 == rollout.plan.plan_sha256


def test_every_node_of_the_plan_is_assigned_at_its_targets_generation(push, fleet):
    rollout = push()
    rows = {row.node.tier: row for row in rollout.assignments.select_related("node__target")}
    assert set(rows) == {"terminal", "edge", "cloud"}
    for row in rows.values():
        assert row.state == AssignmentState.PENDING
        assert (row.release_epoch, row.counter) == (row.node.target.release_epoch, row.node.target.counter)


def test_pushing_the_current_plan_again_changes_nothing(push, fleet):
    first = push()
    before = (list(NodeTarget.objects.values_list("counter")), Event.objects.count())
    assert push().pk == first.pk
    assert (list(NodeTarget.objects.values_list("counter")), Event.objects.count()) == before


def test_a_second_push_supersedes_the_first_and_its_assignments(push, fleet):
    first = push()
    second = push({"fusion": "edge"}, model="eldercare")
    first.refresh_from_db()
    assert (second.previous, first.state) == (first, RolloutState.SUPERSEDED)
    assert first.finished_at is not None
    assert set(first.assignments.values_list("state", flat=True)) == {AssignmentState.SUPERSEDED}
    assert components(fleet["edge"]) == {"eldercare": ["text", "fusion"]}
    verbs = [verb for verb in Event.objects.order_by("id").values_list("verb", flat=True) if "rollout" in verb]
    assert verbs == ["rollout.started", "rollout.superseded", "rollout.started"]


def test_a_node_that_held_something_and_shall_hold_nothing_gets_an_empty_target(push, fleet):
    push()
    second = push({"fusion": "edge"}, model="eldercare")
    target = target_of(fleet["cloud"])
    assert target.models == []
    assert target.generation > (1, 1)
    assert not second.assignments.filter(node=fleet["cloud"]).exists()


def test_a_node_that_never_held_anything_gets_no_target(push, fleet):
    push({"fusion": "edge"})
    assert not NodeTarget.objects.filter(node=fleet["cloud"]).exists()


def test_only_the_nodes_of_the_tenant_that_are_active_get_a_target(push, fleet, make_node, make_site):
    others = [make_node(at=make_site("south/plant")), make_node(state="pending"), make_node(state="quarantined")]
    push()
    assert not NodeTarget.objects.filter(node__in=others).exists()


def test_plans_of_several_models_are_compiled_into_one_target_in_order_of_their_names(push, fleet, root):
    make_version(root, workload="digits")
    first = push()
    push({"vision": "terminal", "head": "edge"})
    assert components(fleet["terminal"]) == {"digits": ["vision"], "eldercare": ["motion", "vision"]}
    assert components(fleet["edge"]) == {"digits": ["head"], "eldercare": ["text"]}
    assert [model.model for model in target_of(fleet["edge"]).models] == ["digits", "eldercare"]
    first.refresh_from_db()
    assert first.is_current


def test_a_target_that_a_push_does_not_change_keeps_its_generation(push, fleet, root):
    make_version(root, workload="digits")
    push()
    push({"vision": "terminal", "head": "edge"})
    generations = {tier: target_of(node).generation for tier, node in fleet.items()}
    assert generations["terminal"] == generations["edge"] > generations["cloud"]


def test_the_checks_run_again_when_a_plan_is_pushed(push, fleet, care):
    plan, _created = plans.create(actor=TESTS, models=Model.objects.all(), mapping=CARE)
    nodes.quarantine(fleet["cloud"], actor=TESTS)
    with pytest.raises(PlanRefused, match="Cloud"):
        pushes.push(actor=TESTS, plan=plan)
    assert not Rollout.objects.exists()
    assert not NodeTarget.objects.exists()


def test_a_push_wakes_the_gateways_after_its_commit(push, fleet, django_capture_on_commit_callbacks, monkeypatch):
    told: list[tuple[str, str]] = []
    monkeypatch.setattr("fleet.trust.services.hints._client", lambda _url: Exchange(told))
    with django_capture_on_commit_callbacks(execute=True):
        push()
        assert told == []
    assert set(told) == {("muster:nodes", str(node.uid)) for node in fleet.values()}


class Exchange:
    """Redis as far as a hint speaks to it."""

    def __init__(self, told):
        self.told = told

    def pipeline(self, transaction):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        return None

    def publish(self, channel, message):
        self.told.append((channel, message))

    def execute(self):
        return None


def test_the_document_is_canonical_whatever_the_models(settings, push, fleet):
    settings.MUSTER_REQUEST_INTERVAL_MS = 250
    push()
    target = target_of(fleet["terminal"])
    assert target.request_interval_ms == 250
    models = wire.NodeTarget(1, "n", (3, 4), 5, 250, target.models)
    head, tail = compile.around("n", (3, 4), 5)
    assert head + canonical(msgspec.to_builtins(target.models)) + tail == models.document()


def test_more_nodes_are_no_more_questions(push, fleet, make_node, root):
    def cost(mapping):
        with CaptureQueriesContext(connection) as seen:
            push(mapping, model="eldercare")
        return len(seen)

    few = cost(CARE), cost({"fusion": "edge"})
    for _ in range(40):
        make_node(tier="terminal")
        make_node(tier="edge")
    reconcile.run()
    many = cost({"fusion": "cloud"}), cost({"fusion": "edge"})
    assert Assignment.objects.filter(rollout__state="running").count() == 82
    assert many[1] <= few[1] + 2  # the plan is known by now; documents of the tiers are, too
    assert max(many) <= 60


def test_a_proof_of_the_push_before_is_none_of_the_next(push, fleet):
    push()
    obey(*fleet.values())
    reconcile.run()
    second = push({"fusion": "edge"}, model="eldercare")
    reconcile.run()
    assert set(second.assignments.values_list("state", flat=True)) == {AssignmentState.PENDING}
