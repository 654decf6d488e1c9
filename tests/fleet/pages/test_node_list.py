"""The node list: everything that narrows or sorts it is in its address."""

import pytest
from django.urls import reverse


@pytest.fixture
def page(client, administrator):
    client.force_login(administrator)

    def get(query="", **headers):
        return client.get(f"{reverse('nodes')}{query}", headers=headers)

    return get


def names(answer):
    return [node.name for node in answer.context["page"].object_list]


def test_a_filter_in_the_address_narrows_the_list_and_shows_as_a_chip(page, make_node):
    make_node("cold", online=True, tier="edge")
    make_node("hot", online=True, tier="edge", temperature_c=90)
    answer = page("?status=degraded&tier=edge")
    assert names(answer) == ["hot"]
    assert [(str(chip.label), chip.value) for chip in answer.context["chips"]] == [
        ("Status", "Degraded"),
        ("Tier", "Edge"),
    ]


def test_a_chip_leads_to_the_list_without_its_filter(page, make_node):
    make_node("hot", online=True, temperature_c=90)
    chip = page("?status=degraded&tier=terminal&page=2").context["chips"][0]
    assert chip.without == "?tier=terminal"


def test_sorting_by_a_figure_puts_the_highest_first_and_the_unknown_last(page, make_node):
    make_node("idle", online=True, cpu=0.1)
    make_node("busy", online=True, cpu=0.9)
    make_node("silent")
    assert names(page("?ordering=-cpu")) == ["busy", "idle", "silent"]


def test_the_sorted_column_says_so(page, make_node):
    make_node("one")
    assert 'aria-sort="descending"' in page("?ordering=-cpu").content.decode()


def test_fifty_nodes_are_a_page(page, make_node):
    for _ in range(51):
        make_node()
    assert len(names(page())) == 50
    assert len(names(page("?page=2"))) == 1


def test_the_list_alone_is_answered_where_the_page_asks_for_it(page, make_node):
    make_node("one")
    body = page("", hx_request="true", hx_target="list").content.decode()
    assert "<html" not in body
    assert "one" in body


def test_first_use_says_how_to_begin(page):
    assert "No nodes yet" in page().content.decode()


def test_a_filter_that_matches_nothing_offers_to_drop_it(page, make_node):
    make_node("one", online=True)
    assert "No node matches these filters" in page("?tier=cloud").content.decode()


def test_nothing_in_a_bad_state_is_good_news(page, make_node):
    make_node("one", online=True)
    assert (
        "Every node is well" in page("?status=critical&status=offline&status=degraded&status=waiting").content.decode()
    )


def test_an_unknown_status_or_a_broken_id_is_no_server_error(client, page, make_node):
    make_node("one")
    assert page("?status=sparkling&ordering=password").status_code == 200
    assert client.get(f"{reverse('node-rows')}?ids=nonsense").status_code == 400
