"""What pages and rollouts read of models: who sees it, what runs where, in a constant number of queries."""

import pytest
from django.utils import timezone

from fleet.registry.models import Artifact, ModelVersion, RunningShard
from fleet.registry.selectors import models as selectors
from fleet.registry.selectors.models import GENERATIONS, RELATIVES, Counts
from fleet.registry.services import versions
from tests.fleet.registry.weights import initial, uploaded


@pytest.fixture
def publish(model):
    def publish(of=model, **options) -> ModelVersion:
        return versions.publish(initial(of, **options).pk)

    return publish


def run(node, version, *, differing=False, only=None):
    """Let a node run a version's shards, as its report would say."""
    for artifact in Artifact.objects.filter(component__version=version):
        if only is None or artifact.component.name in only:
            live = "f" * 64 if differing else artifact.weights_sha256
            RunningShard.objects.create(node=node, shard=artifact.key, weights_sha256=live, verified_at=timezone.now())


def test_a_model_is_listed_with_its_latest_published_version(model, publish, administrator):
    listed = selectors.models(administrator).get()
    assert (listed.versions_made, listed.latest_id, listed.latest_number, listed.nodes) == (0, None, None, 0)
    publish()
    second = publish(seed=2)
    versions.publish(uploaded(model, b"nonsense").pk)
    initial(model)
    listed = selectors.models(administrator).get()
    assert (listed.versions_made, listed.latest_id, listed.latest_number) == (4, second.pk, 2)
    assert listed.latest_published_at == second.published_at


def test_nodes_are_counted_once_whatever_number_of_shards_they_run(model, publish, administrator, make_node):
    first, second = publish(seed=1), publish(seed=2)
    whole, part, wrong, moving, gone = (make_node() for _ in range(5))
    run(whole, first)
    run(part, first, only={"head"})
    run(wrong, second, differing=True)
    run(moving, first)
    run(moving, second)
    run(gone, second)
    type(gone).objects.filter(pk=gone.pk).update(state="retired")
    RunningShard.objects.create(node=whole, shard=987654, weights_sha256="0" * 64, verified_at=timezone.now())
    counts = {version.number: (version.nodes, version.nodes_differing) for version in selectors.versions(administrator)}
    assert counts == {1: (3, 0), 2: (2, 1)}
    listed = selectors.models(administrator).get()
    assert (listed.nodes, listed.nodes_differing) == (4, 1)
    assert selectors.runs_on_counts(administrator, first) == Counts(3, 0)
    assert selectors.runs_on_counts(administrator, second) == Counts(2, 1)


def test_where_a_version_runs_is_said_shard_by_shard(publish, administrator, make_node):
    version = publish()
    right, wrong = make_node("a-right"), make_node("b-wrong")
    run(right, version, only={"head"})
    run(wrong, version, only={"vision"}, differing=True)
    found = [
        (row.node.name, row.component, row.variant, row.matches) for row in selectors.runs_on(administrator, version)
    ]
    assert found == [
        ("a-right", "head", "full", True),
        ("b-wrong", "vision", "full", False),
        ("b-wrong", "vision", "light", False),
    ]


def test_a_person_sees_the_models_of_their_tenants_and_the_nodes_of_their_sites(
    publish, viewer, user, administrator, make_user, make_site, make_node, site
):
    version = publish()
    run(make_node(at=site), version)
    other = make_user("other", (make_site("south"), "administrator"))
    for person in (user, other, viewer):  # a viewer of one factory has no share in the tenant's models
        assert not selectors.models(person).exists()
        assert not selectors.versions(person).exists()
        assert not selectors.published(person).exists()
    for person in (user, other):
        assert not selectors.runs_on(person, version).exists()
    assert selectors.runs_on_counts(viewer, version).nodes == 1
    assert list(selectors.published(administrator)) == [version]


def test_only_published_versions_may_be_planned(model, publish, administrator):
    first = publish()
    initial(model)
    versions.publish(uploaded(model, b"nonsense").pk)
    assert list(selectors.published(administrator)) == [first]


def test_versions_with_the_same_weights_know_each_other(model, publish):
    first, second, other = publish(seed=1), publish(seed=1), publish(seed=2)
    assert selectors.same_weights(first) == [2]
    assert selectors.same_weights(second) == [1]
    assert selectors.same_weights(other) == []
    assert selectors.same_weights(initial(model)) == []


def family(model, *parents):
    """Make published versions by rows alone; `parents` are numbers, None for an origin of its own."""
    made: dict[int, ModelVersion] = {}
    for number, parent in enumerate(parents, 1):
        made[number] = ModelVersion.objects.create(
            model=model,
            number=number,
            parent=made.get(parent),
            origin="trained",
            state="published",
            workload_version=1,
            manifest_sha256="0" * 64,
            published_at=timezone.now(),
        )
    return made


def shown(version):
    return [(row.version.number, row.depth) for row in selectors.lineage(version)]


def test_a_lineage_shows_parents_above_and_children_below_each_indented(model):
    made = family(model, None, 1, 2, 2, 3, 1, None)
    assert shown(made[2]) == [(1, 0), (2, 1), (3, 2), (5, 3), (4, 2)]
    assert shown(made[1]) == [(1, 0), (2, 1), (3, 2), (5, 3), (4, 2), (6, 1)]
    assert shown(made[5]) == [(1, 0), (2, 1), (3, 2), (5, 3)]
    assert shown(made[7]) == [(7, 0)]


def test_a_long_lineage_is_cut_and_stays_two_queries(model, django_assert_num_queries):
    made = family(model, None, *range(1, 40), *[20] * 150)
    with django_assert_num_queries(2):
        rows = shown(made[20])
    assert len(rows) == GENERATIONS + RELATIVES
    assert rows[0] == (20 - GENERATIONS, 0)
    assert (20, GENERATIONS) in rows


@pytest.mark.parametrize("more", [0, 3])
def test_lists_take_the_same_number_of_queries_however_long_they_are(
    model, make_model, publish, administrator, make_node, django_assert_num_queries, more
):
    for number in range(1 + more):
        version = publish(make_model(f"model-{number}"), seed=number)
        run(make_node(), version)
    administrator.held = None
    list(selectors.models(administrator))
    with django_assert_num_queries(1):
        assert [str(listed.site) for listed in selectors.models(administrator)]
    with django_assert_num_queries(1):
        assert [(found.model.site, found.parent, found.created_by) for found in selectors.versions(administrator)]
    with django_assert_num_queries(3):
        for found in selectors.detailed(administrator):
            assert [list(component.artifacts.all()) for component in found.components.all()]
    with django_assert_num_queries(1):
        assert [row.node.site.path for row in selectors.runs_on(administrator, version)]
