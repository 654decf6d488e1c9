"""The overview: its sentence, what needs attention and since when, and the scope that narrows all of it."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from fleet.registry.services import nodes
from fleet.trust.services.actors import Actor

ANN = Actor.system("ann")


@pytest.fixture
def fleet(make_node, make_site):
    """Two sites below one tenant: one node is well, two went silent, one is in quarantine."""
    there = make_site("north/plant-b")
    seen = timezone.now() - timedelta(minutes=40)
    silent = {"online": True, "seen_at": seen, "expires_at": seen}
    made = {
        "well": make_node("well", online=True),
        "silent": make_node("silent", **silent),
        "far": make_node("far", at=there, **silent),
        "bad": make_node("bad", at=there, online=True),
    }
    nodes.quarantine(made["bad"], actor=ANN, reason="Unknown process")
    return made


def overview(client, person, panel=None, **query):
    client.force_login(person)
    headers = {"HX-Request": "true", "HX-Target": panel} if panel else {}
    return client.get(reverse("overview"), query, headers=headers)


def words(answer):
    """Return the text of a page with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def test_the_page_opens_with_a_sentence(client, administrator, fleet):
    assert "4 nodes in 2 sites. 3 need attention." in words(overview(client, administrator))


def test_the_sentence_counts_one_in_the_singular(client, viewer, make_node):
    make_node("only")
    assert "1 node in 1 site. 1 needs attention." in words(overview(client, viewer, "sentence"))


def test_the_sentence_is_whole_in_chinese(client, administrator, fleet):
    administrator.language = "zh-hans"
    administrator.save()
    with translation.override("zh-hans"):
        assert "2 个站点共 4 个节点。3 个需要关注。" in words(overview(client, administrator, "sentence"))


def test_attention_says_where_and_since_when(client, administrator, fleet):
    causes = {cause.title: cause for cause in overview(client, administrator).context["attention"].causes}
    silent, bad = causes["2 nodes went silent"], causes["1 node is in quarantine"]
    assert silent.detail == "Plant-A 1, Plant-B 1"
    assert timezone.now() - silent.since > timedelta(minutes=39)
    assert timezone.now() - bad.since < timedelta(minutes=1)


def test_a_limit_that_is_passed_has_no_known_beginning(client, viewer, make_node):
    make_node("hot", online=True, temperature_c=90)
    (cause,) = overview(client, viewer).context["attention"].causes
    assert cause.since is None


def test_the_foot_counts_the_nodes_of_the_list_that_it_opens(client, administrator, fleet):
    answer = overview(client, administrator, "attention")
    assert "View all 3" in words(answer)
    assert client.get(answer.context["attention"].href).context["page"].paginator.count == 3


def test_a_scope_narrows_every_panel(client, administrator, fleet):
    answer = overview(client, administrator, site="north/plant-b/")
    page = answer.content.decode()
    assert "2 nodes in 1 site. 2 need attention." in page
    assert [cause.detail for cause in answer.context["attention"].causes] == ["Plant-B", "Plant-B"]
    assert [wall.site.name for wall in answer.context["wall"].sites] == ["Plant-B"]
    assert {event.site.name for event in answer.context["events"]} == {"Plant-B"}
    assert answer.context["figures"][0].note == "of 1 active"
    assert f"{reverse('fleet-figure', args=['latency'])}?site=north/plant-b/" in page


@pytest.mark.parametrize("panel", ["sentence", "attention", "changes", "figures", "wall", "events"])
def test_a_panel_that_refreshes_itself_keeps_the_scope(client, administrator, fleet, panel):
    whole = overview(client, administrator, panel)
    narrowed = overview(client, administrator, panel, site="north/plant-b/")
    assert f'id="{panel}"' in narrowed.content.decode()
    assert narrowed.context["scope"].site.name == "Plant-B"
    assert panel == "changes" or words(whole) != words(narrowed)


def test_a_scope_that_the_person_may_not_see_narrows_nothing(client, viewer, fleet):
    answer = overview(client, viewer, site="north/plant-b/")
    assert answer.context["scope"].site is None
    assert "2 nodes in 1 site." in words(answer)


def test_an_empty_scope_keeps_its_selector(client, administrator, fleet, make_site):
    make_site("north/plant-c")
    page = words(overview(client, administrator, site="north/plant-c/"))
    assert "No node is enrolled here." in page
    assert "All sites" in page


def test_a_figure_without_a_reading_says_why(client, viewer, fleet):
    _online, round_trip, _processor, _stored = overview(client, viewer).context["figures"]
    assert (round_trip.value, round_trip.note) == ("–", "no reading in the last 30 s")


def test_a_figure_far_below_what_is_expected_is_marked(client, viewer, make_node):
    make_node("silent")
    make_node("connected", online=True)
    online, _round_trip, _processor, stored = overview(client, viewer).context["figures"]
    assert (online.delta, online.tone) == ("−1", "warn")
    assert (stored.delta, stored.tone) == ("−100.0\u00a0%", "warn")


def test_one_node_of_many_that_is_missing_is_no_warning(client, viewer, make_node):
    make_node("silent")
    for _index in range(11):
        make_node(online=True)
    online = overview(client, viewer).context["figures"][0]
    assert (online.delta, online.tone) == ("−1", "")
