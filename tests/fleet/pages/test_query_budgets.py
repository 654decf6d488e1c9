"""A list page asks the database the same number of questions however many nodes there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

# Session, person, grants and the shell's count are five of them.
BUDGETS = {"overview": 20, "nodes": 10, "enrolment": 9}


def queries(client, address):
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.parametrize("name", BUDGETS)
def test_more_nodes_are_no_more_queries(client, administrator, make_node, make_token, name):
    client.force_login(administrator)
    for index in range(3):
        make_node(online=True, state="pending" if index else "active")
    make_token()
    few = queries(client, reverse(name))
    for index in range(30):
        make_node(online=True, state="pending" if index % 2 else "active")
        make_token()
    many = queries(client, reverse(name))
    assert many == few <= BUDGETS[name]


def test_patching_rows_is_a_handful_of_queries(client, administrator, make_node):
    client.force_login(administrator)
    ids = ",".join(str(make_node(online=True).uid) for _ in range(20))
    assert queries(client, f"{reverse('node-rows')}?ids={ids}") <= 4
