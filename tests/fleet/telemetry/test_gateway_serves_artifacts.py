import asyncio
import hashlib
import http.client
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import override_settings

from fleet.registry.models import Node
from fleet.registry.services import blobs
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.app import open_pool
from fleet.telemetry.gateway.artifacts import Artifacts
from fleet.telemetry.gateway.blob_reader import BlobReader
from fleet.telemetry.gateway.byte_range import Unsatisfiable, wanted
from fleet.telemetry.gateway.gate import Gate
from muster.canon import signatures
from muster.clock import now_us
from muster.wire.enrolment import b64encode
from muster.wire.targets import artifact_request_part
from tests.fleet.telemetry.devices import Device, Door, issue

MINUTE_US = 60_000_000
DATA = os.urandom(700_000)  # more than two chunks
LARGE_BYTES = 64 << 20  # more than what a socket's buffers take


@pytest.fixture(autouse=True)
def own_store(tmp_path: Any) -> Iterator[None]:
    """A data directory for this test alone: the server's key and the blobs."""
    with override_settings(MUSTER_DATA_DIR=tmp_path):
        yield


@pytest.fixture
def sha256() -> str:
    return blobs.store().put_bytes(DATA)


@pytest.fixture
def large(own_store: None) -> str:
    """A blob that is too large for any buffer; its bytes are zeros, whatever its name says."""
    sha256 = hashlib.sha256(b"large").hexdigest()
    path = blobs.store().path(sha256)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(LARGE_BYTES)
    return sha256


def headers(device: Device, sha256: str, at: int | None = None, **changes: str) -> dict[str, str]:
    """Return what the device would send, signed; `changes` come after the signature."""
    at = now_us() if at is None else at
    part = artifact_request_part(str(device.node.uid), sha256, at)
    value = signatures.sign(device.key, signatures.ARTIFACT_REQUEST, part).value
    own = {"Muster-Node": str(device.node.uid), "Muster-At": str(at), "Muster-Signature": b64encode(value)}
    return {**own, **{name.replace("_", "-"): text for name, text in changes.items()}}


def ask(door: Door, device: Device, sha256: str, method: str = "GET", **changes: Any) -> httpx.Response:
    return httpx.request(method, f"{door.http}/artifacts/{sha256}", headers=headers(device, sha256, **changes))


@pytest.fixture
def holder(gateway: Door, device: Device, sha256: str) -> Device:
    """A device whose target names the blob."""
    issue(device, artifacts=[sha256], hint=False)
    return device


def test_an_artifact_of_the_target_is_sent_whole(gateway: Door, holder: Device, sha256: str) -> None:
    answer = ask(gateway, holder, sha256)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == sha256
    assert answer.headers["content-length"] == str(len(DATA))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{sha256}"'
    assert "content-range" not in answer.headers


def test_a_head_tells_the_size_and_sends_nothing(gateway: Door, holder: Device, sha256: str) -> None:
    answer = ask(gateway, holder, sha256, "HEAD", Range="bytes=5-")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(DATA))


@pytest.mark.parametrize(
    ("said", "first", "end"),
    [
        ("bytes=0-", 0, len(DATA)),
        ("bytes=1-", 1, len(DATA)),
        ("bytes=300000-", 300_000, len(DATA)),
        (f"bytes={len(DATA) - 1}-", len(DATA) - 1, len(DATA)),
        ("bytes=0-0", 0, 1),
        ("bytes=10-262154", 10, 262_155),
        ("bytes=10-99999999999", 10, len(DATA)),
        ("bytes=-7", len(DATA) - 7, len(DATA)),
        ("BYTES= 5-6", 5, 7),
    ],
)
def test_the_rest_is_sent_from_any_offset(
    gateway: Door, holder: Device, sha256: str, said: str, first: int, end: int
) -> None:
    answer = ask(gateway, holder, sha256, Range=said)
    assert answer.status_code == 206
    assert answer.content == DATA[first:end]
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{len(DATA)}"
    assert answer.headers["content-length"] == str(end - first)


NONSENSE = [
    "bytes=",
    "bytes=-",
    "bytes=-0",
    "bytes=--5",
    "bytes=5-4",
    "bytes=a-b",
    "bytes=0-1,5-6",
    "bytes=0x10-",
    "bytes=1e3-",
    "bytes=+5-",
    "bytes=5 -6",
    f"bytes={len(DATA)}-",
    "bytes=" + "9" * 5000 + "-",
    "bytes=\xb2-",
    "bytes==0-",
]


def test_a_range_that_is_none_is_refused(gateway: Door, holder: Device, sha256: str) -> None:
    own = {name.encode(): text.encode() for name, text in headers(holder, sha256).items()}
    for said in NONSENSE:
        answer = httpx.get(f"{gateway.http}/artifacts/{sha256}", headers={**own, b"Range": said.encode("latin-1")})
        assert answer.status_code == 416, said
        assert answer.headers["content-range"] == f"bytes */{len(DATA)}"
        assert answer.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("changes", [{"Range": "rows=5-"}, {"Range": "bytes=5-", "If_Range": '"another"'}])
def test_a_range_that_does_not_apply_is_passed_over(
    gateway: Door, holder: Device, sha256: str, changes: dict[str, str]
) -> None:
    assert ask(gateway, holder, sha256, **changes).content == DATA


def test_a_range_holds_where_the_bytes_are_still_the_same(gateway: Door, holder: Device, sha256: str) -> None:
    answer = ask(gateway, holder, sha256, Range="bytes=5-9", If_Range=f'"{sha256}"')
    assert (answer.status_code, answer.content) == (206, DATA[5:10])


def test_an_empty_artifact_is_sent_as_such(gateway: Door, device: Device) -> None:
    sha256 = blobs.store().put_bytes(b"")
    issue(device, artifacts=[sha256], hint=False)
    assert (ask(gateway, device, sha256).status_code, ask(gateway, device, sha256).content) == (200, b"")
    assert ask(gateway, device, sha256, Range="bytes=0-").status_code == 416


def test_nothing_of_a_range_is_ever_beyond_the_file() -> None:
    """Every range over a small file, against what slicing by hand gives."""
    for size in range(4):
        whole = list(range(size))
        for first in range(6):
            for last in range(6):
                expected = [offset for offset in whole if first <= offset <= last]
                try:
                    span = wanted(f"bytes={first}-{last}", size)
                except Unsatisfiable:
                    assert expected == []
                else:
                    assert span is not None
                    assert whole[span.first : span.end] == expected == list(range(span.first, span.end))


Change = Callable[[Device, Device, str], dict[str, str]]
UNPROVED: dict[str, Change] = {
    "too old": lambda own, other, sha: headers(own, sha, now_us() - 6 * MINUTE_US),
    "too far ahead": lambda own, other, sha: headers(own, sha, now_us() + 6 * MINUTE_US),
    "for another artifact": lambda own, other, sha: headers(own, "a" * 64),
    "at another time than was signed": lambda own, other, sha: headers(own, sha, Muster_At=str(now_us() + 1)),
    "signed by another node": lambda own, other, sha: headers(other, sha, Muster_Node=str(own.node.uid)),
    "of an unknown node": lambda own, other, sha: headers(own, sha, Muster_Node=str(uuid.uuid4())),
    "of no node": lambda own, other, sha: headers(own, sha, Muster_Node="everything"),
    "without a time": lambda own, other, sha: headers(own, sha, Muster_At="now"),
    "with a long time": lambda own, other, sha: headers(own, sha, Muster_At="1" * 5000),
    "with a negative time": lambda own, other, sha: headers(own, sha, Muster_At="-5"),
    "with a short signature": lambda own, other, sha: headers(own, sha, Muster_Signature="AAAA"),
    "with a signature that is none": lambda own, other, sha: headers(own, sha, Muster_Signature="%%%%"),
    "without headers": lambda own, other, sha: {},
}


def test_a_request_that_its_node_did_not_sign_is_refused_with_the_same_words(
    gateway: Door, holder: Device, make_device: Callable[..., Device], sha256: str
) -> None:
    other = make_device()
    for name, change in UNPROVED.items():
        answer = httpx.get(f"{gateway.http}/artifacts/{sha256}", headers=change(holder, other, sha256))
        assert answer.status_code == 401, name
        assert answer.json() == {
            "code": "unauthenticated",
            "detail": "The request is not signed by a node of this server.",
        }


def test_a_header_that_comes_twice_is_no_proof(gateway: Door, holder: Device, sha256: str) -> None:
    said = [*headers(holder, sha256).items(), ("Muster-Node", str(holder.node.uid))]
    assert httpx.get(f"{gateway.http}/artifacts/{sha256}", headers=said).status_code == 401


def test_bytes_signed_for_another_purpose_open_nothing(gateway: Door, holder: Device, sha256: str) -> None:
    at = now_us()
    part = artifact_request_part(str(holder.node.uid), sha256, at)
    value = b64encode(signatures.sign(holder.key, signatures.NODE_REPORT, part).value)
    assert ask(gateway, holder, sha256, at=at, Muster_Signature=value).status_code == 401


@pytest.mark.parametrize("state", ["pending", "quarantined", "retired"])
def test_a_node_that_is_not_active_fetches_nothing(gateway: Door, holder: Device, sha256: str, state: str) -> None:
    Node.objects.filter(pk=holder.node.pk).update(state=state)
    answer = ask(gateway, holder, sha256)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_an_artifact_outside_the_target_is_forbidden_whether_it_exists_or_not(
    gateway: Door, holder: Device, make_device: Callable[..., Device], sha256: str
) -> None:
    without_target = make_device()
    other = blobs.store().put_bytes(b"of another tenant")
    answers = [
        ask(gateway, holder, other),
        ask(gateway, holder, "0" * 64),
        ask(gateway, without_target, sha256),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1


def test_an_artifact_that_left_the_target_is_forbidden(gateway: Door, holder: Device, sha256: str) -> None:
    assert ask(gateway, holder, sha256).status_code == 200
    issue(holder, 2, artifacts=[], hint=False)
    assert ask(gateway, holder, sha256).status_code == 403


def test_an_artifact_that_the_store_lacks_is_unknown(gateway: Door, device: Device) -> None:
    issue(device, artifacts=["0" * 64], hint=False)
    answer = ask(gateway, device, "0" * 64)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


PATHS = [
    "/artifacts/",
    "/artifacts/../healthz",
    "/artifacts/../../../../etc/passwd",
    "/artifacts/..%2f..%2f..%2fetc%2fpasswd",
    "/artifacts/%2e%2e/%2e%2e/etc/passwd",
    "/artifacts/{sha256}/",
    "/artifacts/{sha256}%0a",
    "/artifacts/{sha256}%00",
    "/artifacts/x{sha256}",
    "/artifacts/{upper}",
    "/artifacts/{short}",
    "/artifacts//{sha256}",
]


def test_a_path_that_names_no_artifact_is_unknown(gateway: Door, holder: Device, sha256: str) -> None:
    there = urlsplit(gateway.http)
    for path in PATHS:
        sent = path.format(sha256=sha256, upper=sha256.upper(), short=sha256[:-1])
        line = http.client.HTTPConnection(there.hostname or "", there.port or 0, timeout=10)
        try:
            line.request("GET", sent, headers=headers(holder, sha256))
            answer = line.getresponse()
            assert (answer.status, b'"not_found"' in answer.read()) == (404, True), path
        finally:
            line.close()


def test_artifacts_are_only_read(gateway: Door, holder: Device, sha256: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = ask(gateway, holder, sha256, method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


class SlowReader:
    """A client that asks and then takes nothing."""

    def __init__(self, door: Door, device: Device, sha256: str) -> None:
        there = urlsplit(door.http)
        self.socket = socket.create_connection((there.hostname, there.port), timeout=10)
        lines = [f"GET /artifacts/{sha256} HTTP/1.1", "Host: gateway"]
        lines += [f"{name}: {value}" for name, value in headers(device, sha256).items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        assert self.socket.recv(12) == b"HTTP/1.1 200"  # it has its place

    def __enter__(self) -> "SlowReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def health(door: Door) -> dict[str, Any]:
    return httpx.get(f"{door.http}/healthz").json()


def until_free(door: Door) -> None:
    """Wait until no transfer runs; each look is a request."""
    assert any(health(door)["transfers"] == 0 for _ in range(2000))


def test_a_client_that_takes_nothing_is_not_read_ahead_for_and_its_place_is_free_when_it_goes(
    gateway: Door, device: Device, large: str
) -> None:
    issue(device, artifacts=[large], hint=False)
    with SlowReader(gateway, device, large):
        sent = [health(gateway)["artifact_bytes"] for _ in range(20)]
        assert sent[-1] < LARGE_BYTES // 2
        assert health(gateway)["transfers"] == 1
    until_free(gateway)
    assert health(gateway)["artifact_bytes"] < LARGE_BYTES


def test_a_client_that_takes_nothing_for_long_loses_its_place(
    gateway: Door, device: Device, large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TRANSFER_STALL_S", 0.2)
    issue(device, artifacts=[large], hint=False)
    with SlowReader(gateway, device, large):
        until_free(gateway)


@pytest.mark.parametrize("bound", ["MAX_TRANSFERS", "MAX_TRANSFERS_PER_NODE"])
def test_beyond_the_bound_a_request_is_told_when_to_come_back(
    gateway: Door, device: Device, large: str, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(limits, bound, 1)
    issue(device, artifacts=[large], hint=False)
    with SlowReader(gateway, device, large):
        answer = ask(gateway, device, large)
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert int(answer.headers["retry-after"]) > 0
    until_free(gateway)
    assert ask(gateway, device, large, "HEAD").status_code == 200


def test_while_the_database_is_away_a_request_is_told_to_come_back(device: Device) -> None:
    """The pool was never opened, so it has no connection to lend."""

    async def main() -> list[dict[str, Any]]:
        pool, reader, sent = open_pool(), BlobReader(blobs.store()), []

        async def send(event: Any) -> None:
            sent.append(dict(event))

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        said = [(name.lower().encode(), value.encode()) for name, value in headers(device, "a" * 64).items()]
        scope = {"type": "http", "method": "GET", "path": "/artifacts/" + "a" * 64, "headers": said}
        await Artifacts(Gate(pool, now_us), reader).serve(scope, receive, send)
        reader.close()
        return sent

    start, body = asyncio.run(main())
    assert start["status"] == 503
    assert b"unavailable" in body["body"]
