"""The enrolment page: make a command, decide who joins."""

import pytest
from django.urls import reverse

from fleet.trust.models import EnrolmentToken, Event

pytestmark = pytest.mark.usefixtures("pin")
WANTED = {"tier": "edge", "approval": "wait", "max_uses": 2, "minutes": 30}


def make_command(client, site, **changes):
    return client.post(reverse("enrolment-token-create"), {**WANTED, "site": str(site.pk), **changes})


def test_an_operator_gets_one_command_with_a_qr_code(client, operator, site):
    client.force_login(operator)
    answer = make_command(client, site)
    command = answer.context["command"]
    assert "muster-agent enrol --server http://testserver --pin sha256:" in command
    assert "<svg" in answer.context["qr"]
    assert 'style="' not in answer.content.decode()
    assert EnrolmentToken.objects.get().max_uses == 2


def test_a_token_for_more_than_an_hour_is_refused_beside_its_field(client, operator, site):
    client.force_login(operator)
    answer = make_command(client, site, minutes=61)
    assert answer.status_code == 400
    assert "minutes" in answer.context["form"].errors
    assert not EnrolmentToken.objects.exists()


def test_nobody_makes_a_token_for_a_site_where_they_are_not_operator(client, operator, viewer, make_site, site):
    client.force_login(operator)
    assert make_command(client, make_site("south")).status_code == 400
    client.force_login(viewer)
    assert make_command(client, site).status_code == 400
    assert not EnrolmentToken.objects.exists()


def test_the_line_under_the_command_flips_when_a_device_calls_in(client, operator, site, make_node):
    client.force_login(operator)
    token = make_command(client, site).context["new_token"]
    address = reverse("enrolment-token-progress", args=[token.pk])
    assert "Waiting for the device to call in" in client.get(address).content.decode()
    node = make_node("press", state="pending")
    node.token = token
    node.save()
    assert "called in and waits for approval" in client.get(address).content.decode()


def test_approving_lets_the_ticked_devices_in_and_records_it(client, operator, make_node):
    client.force_login(operator)
    nodes = [make_node(state="pending") for _ in range(3)]
    client.post(reverse("enrolment-decide"), {"uid": [str(node.uid) for node in nodes[:2]], "action": "approve"})
    for node in nodes:
        node.refresh_from_db()
    assert [node.state for node in nodes] == ["active", "active", "pending"]
    assert Event.objects.filter(verb="node.approved", actor=operator).count() == 2


def test_refusing_needs_a_reason(client, operator, make_node):
    client.force_login(operator)
    node = make_node(state="pending")
    client.post(reverse("enrolment-decide"), {"uid": str(node.uid), "action": "refuse", "reason": "no"})
    node.refresh_from_db()
    assert node.state == "pending"
    client.post(reverse("enrolment-decide"), {"uid": str(node.uid), "action": "refuse", "reason": "not our device"})
    node.refresh_from_db()
    assert node.state == "retired"


def test_more_than_twenty_at_once_need_the_typed_count(client, operator, make_node):
    client.force_login(operator)
    uids = [str(make_node(state="pending").uid) for _ in range(21)]
    client.post(reverse("enrolment-decide"), {"uid": uids, "action": "approve"})
    assert Event.objects.filter(verb="node.approved").count() == 0
    client.post(reverse("enrolment-decide"), {"uid": uids, "action": "approve", "typed_count": "21"})
    assert Event.objects.filter(verb="node.approved").count() == 21


def test_a_device_of_another_site_is_not_decided_by_naming_it(client, operator, make_site, make_node):
    client.force_login(operator)
    node = make_node(state="pending", at=make_site("south"))
    client.post(reverse("enrolment-decide"), {"uid": str(node.uid), "action": "approve"})
    node.refresh_from_db()
    assert node.state == "pending"


def test_a_revoked_token_leaves_the_list(client, operator, make_token):
    token, _secret = make_token()
    client.force_login(operator)
    assert str(token) in client.get(reverse("enrolment")).content.decode()
    client.post(reverse("enrolment-token-revoke", args=[token.pk]))
    token.refresh_from_db()
    assert token.revoked_at
