"""Every refusal has one form, wherever it comes from."""

import json

import pytest
from django.test import Client

JSON = "application/json"


@pytest.fixture
def signed_in(client: Client, operator) -> Client:
    client.force_login(operator)
    return client


def refusal(answer) -> tuple[int, str]:
    assert answer["Content-Type"] == JSON
    assert set(answer.json()) <= {"code", "detail", "fields"}
    assert answer.json()["detail"]
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("body", ["{", "", "[", "nul", "NaN", "[" * 100_000, "1" * 5000])
def test_a_body_that_is_no_json(signed_in, body):
    status, code = refusal(signed_in.post("/api/v1/sites", body, content_type=JSON))
    assert (status, code) in {(400, "parse_error"), (400, "invalid")}


def test_a_body_of_bytes_that_are_no_text(signed_in):
    assert refusal(signed_in.post("/api/v1/sites", b"\xff\xfe", content_type=JSON)) == (400, "parse_error")


@pytest.mark.parametrize("body", [[], "x", 1, None, True])
def test_json_that_is_no_object(signed_in, body):
    answer = signed_in.post("/api/v1/sites", json.dumps(body), content_type=JSON)
    assert refusal(answer) == (400, "invalid")


def test_a_body_that_is_too_large(signed_in):
    body = json.dumps({"name": "x" * (1 << 20)})
    assert refusal(signed_in.post("/api/v1/sites", body, content_type=JSON)) == (413, "too_large")


def test_another_content_type(signed_in):
    answer = signed_in.post("/api/v1/sites", "a=1", content_type="application/x-www-form-urlencoded")
    assert refusal(answer) == (415, "unsupported_media_type")


def test_another_wanted_type(signed_in):
    assert refusal(signed_in.get("/api/v1/me", headers={"Accept": "text/html"})) == (406, "not_acceptable")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_a_method_that_is_not_there(signed_in, method):
    assert refusal(getattr(signed_in, method)("/api/v1/sites")) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["nowhere", "nodes/not-a-uuid", "nodes/1/approve", "sites/", "a%0Ab"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_address_that_is_not_there(signed_in, path, method):
    assert refusal(getattr(signed_in, method)(f"/api/v1/{path}")) == (404, "not_found")


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "2"])
def test_a_page_that_is_not_there(signed_in, page):
    assert refusal(signed_in.get("/api/v1/nodes", {"page": page})) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"status": "happy"}, "status"),
        ({"tier": "sky"}, "tier"),
        ({"state": "gone"}, "state"),
        ({"ordering": "password"}, "ordering"),
        ({"ordering": "site__parent__name"}, "ordering"),
        ({"q": "a\0b"}, "q"),
        ({"site": "\0"}, "site"),
    ],
)
def test_a_filter_that_is_not_there_names_its_field(signed_in, query, field):
    answer = signed_in.get("/api/v1/nodes", query)
    assert refusal(answer) == (400, "invalid")
    assert list(answer.json()["fields"]) == [field]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"tier": "edge"}, "site"),
        ({"site": "north/plant-a", "tier": "sky"}, "tier"),
        ({"site": "north/plant-a", "tier": "edge", "minutes": 61}, "minutes"),
        ({"site": "north/plant-a", "tier": "edge", "max_uses": 0}, "max_uses"),
        ({"site": "north/plant-a\0", "tier": "edge"}, "site"),
        ({"site": "\ud800", "tier": "edge"}, "site"),
    ],
)
def test_a_value_that_cannot_be_accepted_names_its_field(signed_in, wish, field):
    answer = signed_in.post("/api/v1/enrolment-tokens", json.dumps(wish), content_type=JSON)
    assert refusal(answer) == (400, "invalid")
    assert list(answer.json()["fields"]) == [field]


def test_a_refusal_of_a_service_names_its_field_too(client, administrator):
    client.force_login(administrator)
    wish = {"parent": "north", "slug": "UPPER", "name": "x"}
    answer = client.post("/api/v1/sites", wish, content_type=JSON)
    assert refusal(answer) == (400, "invalid")
    assert list(answer.json()["fields"]) == ["slug"]
