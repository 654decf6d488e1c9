"""REST of uploads: a file comes in piece by piece, over any loss, for those who release."""

import hashlib
import random

import pytest

from fleet.registry.core.version_states import Origin
from fleet.registry.models import ModelVersion, Upload
from fleet.registry.services import blobs, models, parts, uploads, versions
from tests.conftest import TESTS
from tests.fleet.registry.weights import tensors, whole_file

BYTES = "application/octet-stream"
JSON = "application/json"
DATA = random.Random(3).randbytes(5000)
SHA256 = hashlib.sha256(DATA).hexdigest()
MIB = 1 << 20


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MUSTER_DATA_DIR = tmp_path


@pytest.fixture
def releaser(client, make_user, root):
    """May publish for the tenant, and is signed in."""
    user = make_user("releaser", (root, "operator"))
    client.force_login(user)
    return user


@pytest.fixture
def upload(root) -> Upload:
    return uploads.create(actor=TESTS, site=root, size_bytes=len(DATA), sha256=SHA256)


def announce(client, **wish):
    return client.post("/api/v1/uploads", {"size_bytes": len(DATA), "sha256": SHA256} | wish, content_type=JSON)


def send(client, upload_id, offset, data, content_type=BYTES):
    headers = {} if offset is None else {"Upload-Offset": str(offset)}
    return client.patch(f"/api/v1/uploads/{upload_id}", data, content_type=content_type, headers=headers)


def test_a_file_comes_in_by_pieces_and_can_be_asked_about_in_between(client, releaser):
    made = announce(client)
    assert (made.status_code, made["Upload-Offset"], made.json()["offset"]) == (201, "0", 0)
    upload_id = made.json()["id"]
    for start in range(0, 5000, 2000):
        piece = DATA[start : start + 2000]
        answer = send(client, upload_id, start, piece)
        assert (answer.status_code, answer["Upload-Offset"]) == (200, str(start + len(piece)))
        asked = client.head(f"/api/v1/uploads/{upload_id}")
        assert (asked.status_code, asked["Upload-Offset"], asked.content) == (200, str(start + len(piece)), b"")
    told = client.get(f"/api/v1/uploads/{upload_id}").json()
    assert (told["state"], told["offset"], told["sha256"], told["site"]) == ("complete", 5000, SHA256, "north")
    assert blobs.store().path(SHA256).read_bytes() == DATA


def test_a_piece_at_another_offset_is_a_conflict_that_says_the_right_one(client, releaser, upload):
    send(client, upload.pk, 0, DATA[:100])
    for offset in (0, 99, 101, 5000):
        answer = send(client, upload.pk, offset, b"x")
        assert (answer.status_code, answer["Upload-Offset"]) == (409, "100")
        assert (answer.json()["code"], answer.json()["fields"]) == ("wrong_offset", {"offset": ["100"]})


@pytest.mark.parametrize("offset", [None, "", "-1", "x", "1.0", "٣", "9" * 30])
def test_a_piece_without_a_place_is_refused(client, releaser, upload, offset):
    answer = send(client, upload.pk, offset, b"x")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["Upload-Offset"])


def test_a_piece_has_at_most_a_mebibyte(client, releaser, root):
    data = random.Random(4).randbytes(MIB + 1)
    upload = uploads.create(actor=TESTS, site=root, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    answer = send(client, upload.pk, 0, data)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert send(client, upload.pk, 0, data[:MIB]).status_code == 200
    assert send(client, upload.pk, MIB, data[MIB:]).json()["state"] == "complete"


def test_more_than_was_announced_is_refused(client, releaser, upload):
    answer = send(client, upload.pk, 0, DATA + b"x")
    assert (answer.status_code, answer.json()["code"]) == (400, "too_much")
    assert client.head(f"/api/v1/uploads/{upload.pk}")["Upload-Offset"] == "0"


def test_a_piece_is_raw_bytes(client, releaser, upload):
    answer = send(client, upload.pk, 0, b'{"a": 1}', JSON)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_an_empty_piece_changes_nothing(client, releaser, upload):
    assert send(client, upload.pk, 0, b"").json()["offset"] == 0


def test_other_bytes_than_announced_are_refused_with_the_reason(client, releaser, upload):
    answer = send(client, upload.pk, 0, DATA[::-1])
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_hash")
    told = client.get(f"/api/v1/uploads/{upload.pk}").json()
    assert told["state"] == "refused"
    assert hashlib.sha256(DATA[::-1]).hexdigest() in told["refusal"]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"size_bytes": 0}, "size_bytes"),
        ({"size_bytes": 1 << 40}, "size_bytes"),
        ({"size_bytes": 1 << 70}, "size_bytes"),
        ({"sha256": "x"}, "sha256"),
        ({"sha256": SHA256.upper()}, "sha256"),
        ({"sha256": SHA256 + "0"}, "sha256"),
        ({"site": "nowhere"}, "site"),
        ({"site": "north/plant-a"}, "site"),
    ],
)
def test_an_announcement_that_makes_no_sense_is_refused_by_its_field(client, releaser, site, wish, field):
    answer = announce(client, **wish)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])
    assert not Upload.objects.exists()


def test_a_full_disk_has_a_code_of_its_own(client, releaser, upload, monkeypatch):
    monkeypatch.setattr(parts, "RESERVE_BYTES", 1 << 62)
    for answer in (announce(client), send(client, upload.pk, 0, DATA)):
        assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")


@pytest.mark.parametrize(
    ("path", "role", "reads", "sends"),
    [
        ("north", "administrator", 200, 200),
        ("north", "operator", 200, 200),
        ("north", "viewer", 200, 403),
        ("north/plant-a", "administrator", 404, 404),
        ("south", "administrator", 404, 404),
        (None, None, 404, 404),
    ],
)
def test_an_upload_is_its_tenants(client, make_user, make_site, upload, path, role, reads, sends):
    client.force_login(make_user("somebody", *([(make_site(path), role)] if path else [])))
    assert client.get(f"/api/v1/uploads/{upload.pk}").status_code == reads
    assert client.head(f"/api/v1/uploads/{upload.pk}").status_code == reads
    assert send(client, upload.pk, 0, DATA).status_code == sends
    assert announce(client, site="north").status_code == {200: 201, 403: 403, 404: 400}[sends]
    upload.refresh_from_db()
    assert upload.received_bytes == (len(DATA) if sends == 200 else 0)


def test_an_uploaded_file_becomes_a_published_version(client, releaser, root, tmp_path):
    model = models.create(actor=TESTS, site=root, name="numbers", workload="digits")
    data = whole_file(tmp_path / "whole", tensors("digits", seed=9))
    made = announce(client, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()).json()
    wish = {"upload": made["id"]}
    early = client.post(f"/api/v1/models/{model.pk}/versions", wish, content_type=JSON)
    assert (early.status_code, early.json()["code"]) == (409, "upload_not_complete")
    for start in range(0, len(data), 100_000):
        send(client, made["id"], start, data[start : start + 100_000])
    asked = client.post(f"/api/v1/models/{model.pk}/versions", wish, content_type=JSON)
    assert (asked.status_code, asked.json()["origin"]) == (202, Origin.UPLOADED)
    versions.reconcile()
    told = client.get(f"/api/v1/versions/{asked.json()['id']}").json()
    assert (told["state"], told["source_sha256"], len(told["components"])) == ("published", made["sha256"], 2)
    assert ModelVersion.objects.get().created_by == releaser
