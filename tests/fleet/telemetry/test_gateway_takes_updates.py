"""What a node has learned comes in piece by piece, durably, from nobody else and for nothing else."""

import asyncio
import hashlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import override_settings

from fleet.registry.models import Node, NodeWork, Submission
from fleet.registry.services import blobs, parts, submissions
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.app import open_pool
from fleet.telemetry.gateway.gate import Gate
from fleet.telemetry.gateway.updates import Updates
from fleet.trust.models import Event
from muster.canon import signatures
from muster.clock import now_us
from muster.wire.enrolment import b64encode
from muster.wire.work import MAX_PIECE_BYTES, Statement
from tests.fleet.telemetry.devices import Device, Door, announcement, ask, statement, update_headers

MINUTE_US = 60_000_000
TASK = "01890a5d-ac96-774b-bcce-b302099a8057"
DATA = os.urandom(2_500_000)  # three pieces


@pytest.fixture(autouse=True)
def files(tmp_path: Any) -> Iterator[Any]:
    """A data directory for this test alone."""
    with override_settings(MUSTER_DATA_DIR=tmp_path):
        yield tmp_path


class Sender:
    """A device that hands an update over."""

    def __init__(self, door: Door, device: Device, data: bytes = DATA, task: str = TASK, attempt: int = 1) -> None:
        self.door, self.device, self.data, self.task, self.attempt = door, device, data, task, attempt

    @property
    def path(self) -> str:
        return f"/updates/{self.task}/{self.attempt}"

    def request(self, method: str, path: str, content: Any = None, **changes: Any) -> httpx.Response:
        headers = update_headers(self.device, method, path, **changes)
        return httpx.request(method, self.door.http + path, headers=headers, content=content, timeout=30)

    def announce(self, **changes: Any) -> httpx.Response:
        said = statement(self.device, self.task, self.data, **{"attempt": self.attempt, **changes})
        return self.post(announcement(self.device, said))

    def post(self, body: dict[str, Any]) -> httpx.Response:
        return self.request("POST", "/updates", json.dumps(body))

    def look(self, **changes: Any) -> httpx.Response:
        return self.request("GET", self.path, **changes)

    def send(self, offset: int, count: int = MAX_PIECE_BYTES, **changes: Any) -> httpx.Response:
        return self.put(offset, self.data[offset : offset + count], **changes)

    def put(self, offset: int, data: bytes, **changes: Any) -> httpx.Response:
        return self.request("PATCH", self.path, data, Upload_Offset=str(offset), **changes)


@pytest.fixture
def sender(gateway: Door, device: Device) -> Sender:
    """A device whose work names the task."""
    ask(device, TASK)
    return Sender(gateway, device)


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_update_comes_in_by_pieces_and_is_complete_under_its_hash(sender: Sender, files: Any) -> None:
    answers = [sender.announce().json(), *(sender.send(offset).json() for offset in (0, 1 << 20, 2 << 20))]
    assert [answer["offset"] for answer in answers] == [0, 1 << 20, 2 << 20, len(DATA)]
    assert [answer["state"] for answer in answers] == ["open", "open", "open", "complete"]
    assert sender.look().json() == {"offset": len(DATA), "state": "complete"}
    submission = Submission.objects.get()
    assert blobs.store().path(submission.sha256).read_bytes() == DATA
    assert (submission.node, str(submission.task), submission.attempt) == (sender.device.node, TASK, 1)
    assert submission.completed_at is not None
    assert list((files / "submissions").iterdir()) == []


def test_what_is_kept_of_a_statement_still_bears_the_nodes_signature(sender: Sender) -> None:
    assert sender.announce(samples={"vision": 120, "text": 0}).status_code == 200
    submission = Submission.objects.get()
    said = Statement(**submission.statement)
    signature = signatures.Signature("ed25519", sender.device.node.fingerprint, bytes(submission.signature_value))
    public = signatures.public_bytes(sender.device.key)
    signatures.verify(public, signatures.TRAINING_UPDATE, said.signed_part(), signature)


def test_a_transfer_that_was_cut_goes_on_where_the_server_says(sender: Sender) -> None:
    sender.announce()
    sender.send(0, 700_000)
    assert sender.announce().json() == sender.look().json() == {"offset": 700_000, "state": "open"}
    assert sender.send(700_000).json()["offset"] == 700_000 + MAX_PIECE_BYTES


def test_a_piece_elsewhere_is_refused_with_the_right_offset(sender: Sender) -> None:
    sender.announce()
    sender.send(0, 300_000)
    for offset in (0, 299_999, 300_001, 10**18 - 1):
        answer = sender.put(offset, b"x" * 10)
        assert refused(answer) == (409, "wrong_offset"), offset
        assert answer.json()["offset"] == 300_000


def test_of_two_pieces_at_once_for_one_place_one_is_stored(sender: Sender) -> None:
    sender.announce()
    start, answers = threading.Barrier(2), []

    def send() -> None:
        start.wait(10)
        answers.append(sender.send(0))

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert {answer.json()["offset"] for answer in answers} == {MAX_PIECE_BYTES}
    for offset in (1 << 20, 2 << 20):
        assert sender.send(offset).status_code == 200
    assert blobs.store().path(hashlib.sha256(DATA).hexdigest()).read_bytes() == DATA


def test_the_same_attempt_announced_otherwise_is_another_statement(sender: Sender) -> None:
    sender.announce()
    for change in ({"sha256": "0" * 64}, {"samples": {"vision": 9}}, {"trained_ms": 1}, {"size_bytes": 5}):
        assert refused(sender.announce(**change)) == (409, "other_statement")
    assert Submission.objects.get().size_bytes == len(DATA)


def test_another_attempt_takes_the_place_of_one_that_never_came_whole(sender: Sender, files: Any) -> None:
    sender.announce()
    sender.send(0)
    again = Sender(sender.door, sender.device, b"trained anew", attempt=2)
    assert again.announce().json() == {"offset": 0, "state": "open"}
    assert refused(sender.announce()) == (409, "other_statement")
    assert refused(sender.look()) == (404, "not_found")
    assert again.send(0).json()["state"] == "complete"
    assert list((files / "submissions").iterdir()) == []


def test_an_attempt_after_a_complete_one_leaves_that_as_it_is(sender: Sender) -> None:
    small = Sender(sender.door, sender.device, b"first")
    again = Sender(sender.door, sender.device, b"second", attempt=2)
    for each in (small, again):
        each.announce()
        assert each.send(0).json()["state"] == "complete"
    assert sorted(Submission.objects.values_list("attempt", "state")) == [(1, "complete"), (2, "complete")]


def test_bytes_with_another_hash_are_refused_for_good_and_told(sender: Sender, files: Any) -> None:
    small = Sender(sender.door, sender.device, b"what was announced")
    small.announce()
    assert refused(small.put(0, b"what was damaged!!")) == (409, "wrong_hash")
    assert small.look().json() == {"offset": 18, "state": "refused"}
    assert small.announce().json()["state"] == "refused"
    assert refused(small.put(18, b"")) == (409, "wrong_hash")
    assert list((files / "submissions").iterdir()) == []
    assert not blobs.store().has(hashlib.sha256(b"what was damaged!!").hexdigest())
    event = Event.objects.get(verb="submission.refused")
    assert (event.target_id, event.after["task"]) == (sender.device.node.uid, TASK)


def test_more_than_was_announced_is_refused_and_not_written(sender: Sender) -> None:
    small = Sender(sender.door, sender.device, b"0123456789")
    small.announce()
    assert refused(small.put(0, b"0123456789+")) == (413, "too_much")
    assert small.look().json() == {"offset": 0, "state": "open"}
    assert small.send(0).json()["state"] == "complete"
    assert refused(small.put(10, b"+")) == (413, "too_much")


def test_an_update_beyond_the_largest_size_is_refused_before_a_byte(sender: Sender, settings: Any) -> None:
    settings.MUSTER_MAX_ARTIFACT_BYTES = len(DATA) - 1
    assert refused(sender.announce()) == (413, "too_large")
    assert not Submission.objects.exists()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_piece_of_more_than_a_mebibyte_is_refused(sender: Sender, chunked: bool) -> None:
    sender.announce()
    data = bytes(MAX_PIECE_BYTES + 1)
    body: Any = (data[start : start + 65_536] for start in range(0, len(data), 65_536)) if chunked else data
    answer = sender.request("PATCH", sender.path, body, Upload_Offset="0")
    assert refused(answer) == (413, "too_large")
    assert sender.look().json()["offset"] == 0


def test_a_full_disk_is_said_with_the_time_to_come_back(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.announce()
    monkeypatch.setattr(parts, "RESERVE_BYTES", 1 << 62)
    answer = sender.send(0)
    assert refused(answer) == (507, "disk_full")
    assert int(answer.headers["retry-after"]) > 0
    assert refused(Sender(sender.door, sender.device, attempt=2).announce()) == (507, "disk_full")
    assert sender.look().json() == {"offset": 0, "state": "open"}


def test_a_task_that_was_withdrawn_meanwhile_takes_nothing_more(sender: Sender) -> None:
    sender.announce()
    sender.send(0)
    ask(sender.device, str(uuid.uuid4()), counter=2)
    for answer in (sender.send(MAX_PIECE_BYTES), sender.look(), sender.announce()):
        assert refused(answer) == (403, "no_such_task")
    assert Submission.objects.get().received_bytes == MAX_PIECE_BYTES
    ask(sender.device, TASK, counter=3)  # named again, it goes on
    assert sender.send(MAX_PIECE_BYTES).json()["offset"] == 2 * MAX_PIECE_BYTES


def test_another_nodes_task_is_none_of_this_nodes(sender: Sender, make_device: Callable[..., Device]) -> None:
    without_work, with_other_work = make_device(), make_device()
    ask(with_other_work, str(uuid.uuid4()))
    sender.announce()
    for device in (without_work, with_other_work):
        stranger = Sender(sender.door, device)
        for answer in (stranger.announce(), stranger.look(), stranger.send(0)):
            assert refused(answer) == (403, "no_such_task")
    assert Submission.objects.get().received_bytes == 0


def test_two_nodes_of_one_task_have_updates_of_their_own(sender: Sender, make_device: Callable[..., Device]) -> None:
    other = make_device()
    ask(other, TASK)
    for device, data in ((sender.device, b"mine"), (other, b"the other's")):
        each = Sender(sender.door, device, data)
        each.announce()
        assert each.send(0).json()["state"] == "complete"
    assert set(Submission.objects.values_list("node_id", "size_bytes")) == {
        (sender.device.node.pk, 4),
        (other.node.pk, 11),
    }


def test_nobody_announces_in_another_nodes_name(sender: Sender, make_device: Callable[..., Device]) -> None:
    other = make_device()
    ask(other, TASK)
    theirs = statement(other, TASK, DATA)
    assert refused(sender.post(announcement(other, theirs))) == (403, "other_node")
    forged = announcement(sender.device, statement(sender.device, TASK, DATA))
    forged["signature"] = announcement(other, theirs)["signature"]
    assert refused(sender.post(forged)) == (403, "bad_signature")
    forged = announcement(sender.device, statement(sender.device, TASK, DATA))
    forged["statement"]["samples"]["vision"] += 1
    assert refused(sender.post(forged)) == (403, "bad_signature")
    assert not Submission.objects.exists()


def test_a_statement_signed_for_another_purpose_announces_nothing(sender: Sender) -> None:
    said = statement(sender.device, TASK, DATA)
    body = announcement(sender.device, said)
    body["signature"] = b64encode(
        signatures.sign(sender.device.key, signatures.UPDATE_REQUEST, said.signed_part()).value
    )
    assert refused(sender.post(body)) == (403, "bad_signature")


MALFORMED = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"[" * 50_000,
    b"\xff",
    b'{"statement": {}, "signature": ""}',
    {"statement": {"attempt": 0}},
    {"statement": {"attempt": 1001}},
    {"statement": {"attempt": 1.5}},
    {"statement": {"size_bytes": 0}},
    {"statement": {"size_bytes": 1 << 53}},
    {"statement": {"sha256": "A" * 64}},
    {"statement": {"task": "x"}},
    {"statement": {"kind": "secret"}},
    {"statement": {"samples": {"vision": -1}}},
    {"statement": {"samples": {"vision": 1.5}}},
    {"statement": {"samples": {"vi\0sion": 1}}},
    {"statement": {"samples": {"\ud800": 1}}},
    {"statement": {"loss_after_millionths": -1}},
    {"statement": {"more": 1}},
    {"signature": "%%%"},
    {"signature": None},
    {"more": 1},
]


def test_what_is_no_statement_is_malformed(sender: Sender) -> None:
    for wrong in MALFORMED:
        body = wrong if isinstance(wrong, bytes) else changed(sender.device, wrong)
        assert refused(sender.request("POST", "/updates", body)) == (400, "malformed"), wrong
    assert not Submission.objects.exists()


def changed(device: Device, wrong: dict[str, Any]) -> bytes:
    whole = announcement(device, statement(device, TASK, DATA))
    whole["statement"] |= wrong.get("statement", {})
    return json.dumps(whole | {key: value for key, value in wrong.items() if key != "statement"}).encode()


def test_a_statement_longer_than_its_bound_is_refused(sender: Sender) -> None:
    answer = sender.announce(samples={f"component-{number}": 1 for number in range(5_000)})
    assert refused(answer) == (413, "too_large")


def test_a_piece_that_does_not_say_where_it_belongs_is_malformed(sender: Sender) -> None:
    sender.announce()
    for offset in (None, "", "-1", "1.0", "0x1", "٣", "9" * 19):
        changes = {} if offset is None else {"Upload_Offset": offset.encode()}
        assert refused(sender.request("PATCH", sender.path, b"x", **changes)) == (400, "malformed"), offset


def test_what_was_never_announced_is_unknown(sender: Sender) -> None:
    for answer in (sender.look(), sender.send(0)):
        assert refused(answer) == (404, "not_found")


PATHS = [
    "/updates/",
    f"/updates/{TASK}",
    f"/updates/{TASK}/",
    f"/updates/{TASK}/0",
    f"/updates/{TASK}/01",
    f"/updates/{TASK}/10000",
    f"/updates/{TASK}/1/",
    f"/updates/{TASK}/1%0a",
    f"/updates/{TASK.upper()}/1",
    "/updates/..%2fhealthz",
    "/updates/x/1",
]


def test_a_path_that_names_no_update_is_unknown(sender: Sender) -> None:
    for path in PATHS:
        assert refused(sender.request("GET", path)) == (404, "not_found"), path


def test_a_method_that_is_none_is_told_which_are(sender: Sender) -> None:
    for method, path, allowed in (
        ("GET", "/updates", "POST"),
        ("PUT", sender.path, "GET, PATCH"),
        ("DELETE", "/updates", "POST"),
    ):
        answer = sender.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


Change = Callable[[Sender, Device], dict[str, str]]


def own(sender: Sender, at: int | None = None, **changes: str) -> dict[str, str]:
    return update_headers(sender.device, "PATCH", sender.path, at, **changes)


UNPROVED: dict[str, Change] = {
    "too old": lambda sender, other: own(sender, now_us() - 6 * MINUTE_US),
    "too far ahead": lambda sender, other: own(sender, now_us() + 6 * MINUTE_US),
    "at another time than was signed": lambda sender, other: own(sender, Muster_At=str(now_us() + 1)),
    "for another method": lambda sender, other: update_headers(sender.device, "GET", sender.path),
    "for another path": lambda sender, other: update_headers(sender.device, "PATCH", sender.path + "0"),
    "signed by another node": lambda sender, other: update_headers(
        other, "PATCH", sender.path, Muster_Node=str(sender.device.node.uid)
    ),
    "of an unknown node": lambda sender, other: own(sender, Muster_Node=str(uuid.uuid4())),
    "with a signature that is none": lambda sender, other: own(sender, Muster_Signature="%%%%"),
    "without headers": lambda sender, other: {},
}


def test_a_request_that_its_node_did_not_sign_stores_nothing(
    sender: Sender, make_device: Callable[..., Device]
) -> None:
    sender.announce()
    other = make_device()
    for name, change in UNPROVED.items():
        headers = change(sender, other) | {"Upload-Offset": "0"}
        answer = httpx.patch(sender.door.http + sender.path, headers=headers, content=b"x")
        assert refused(answer) == (401, "unauthenticated"), name
    assert Submission.objects.get().received_bytes == 0


def test_a_request_that_is_said_again_within_its_five_minutes_changes_nothing(sender: Sender) -> None:
    sender.announce()
    at = now_us() - 4 * MINUTE_US
    assert sender.send(0, at=at).status_code == 200
    again = sender.put(0, b"y" * 10, at=at)
    assert refused(again) == (409, "wrong_offset")
    for offset in (1 << 20, 2 << 20):
        sender.send(offset)
    assert sender.look().json()["state"] == "complete"


def test_a_node_that_is_not_active_hands_nothing_over(sender: Sender) -> None:
    sender.announce()
    for state in ("pending", "quarantined", "retired"):
        Node.objects.filter(pk=sender.device.node.pk).update(state=state)
        for answer in (sender.announce(), sender.look(), sender.send(0)):
            assert refused(answer) == (403, "forbidden"), state
    assert Submission.objects.get().received_bytes == 0


def test_artifacts_that_the_work_names_may_be_fetched(gateway: Door, device: Device) -> None:
    from tests.fleet.telemetry.test_gateway_serves_artifacts import ask as fetch

    named, other = (blobs.store().put_bytes(data) for data in (b"the base", b"another"))
    ask(device, TASK, artifacts=[named])
    assert fetch(gateway, device, named).content == b"the base"
    assert fetch(gateway, device, other).status_code == 403
    NodeWork.objects.all().delete()
    assert fetch(gateway, device, named).status_code == 403


class SlowSender:
    """A device that announces a piece and then sends nothing of it."""

    def __init__(self, sender: Sender) -> None:
        there = urlsplit(sender.door.http)
        self.socket = socket.create_connection((there.hostname, there.port), timeout=10)
        lines = [f"PATCH {sender.path} HTTP/1.1", "Host: gateway", "Content-Length: 10", "Expect: 100-continue"]
        lines += [f"{name}: {value}" for name, value in own(sender, Upload_Offset="0").items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        assert self.socket.recv(100).startswith(b"HTTP/1.1 100")  # it has its place, its body is waited for

    def answer(self) -> bytes:
        return self.socket.recv(4096)

    def close(self) -> None:
        self.socket.close()


@pytest.mark.parametrize("bound", ["MAX_HANDOVERS", "MAX_HANDOVERS_PER_NODE"])
def test_beyond_the_bound_a_request_is_told_when_to_come_back(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    sender.announce()
    monkeypatch.setattr(limits, bound, 1)
    slow = SlowSender(sender)
    try:
        answer = sender.look()
        assert refused(answer) == (503, "busy")
        assert int(answer.headers["retry-after"]) > 0
    finally:
        slow.close()
    assert any(sender.look().status_code == 200 for _ in range(500))  # its place is free when it goes


def test_a_body_that_comes_too_slowly_is_not_waited_for(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    sender.announce()
    monkeypatch.setattr(limits, "BODY_TIMEOUT_S", 0.1)
    slow = SlowSender(sender)
    try:
        assert slow.answer().startswith(b"HTTP/1.1 408")
    finally:
        slow.close()


def test_a_crash_between_write_and_count_costs_the_piece_alone(sender: Sender, files: Any) -> None:
    sender.announce()
    sender.send(0, 700_000)
    path = submissions.PARTS.path(Submission.objects.get().pk)
    with path.open("ab") as file:  # written and synced, and then the process was killed
        file.write(os.urandom(900_000))
    assert sender.look().json()["offset"] == 700_000
    for offset in (700_000, 700_000 + MAX_PIECE_BYTES):
        sender.send(offset)
    assert sender.look().json()["state"] == "complete"
    assert blobs.store().path(hashlib.sha256(DATA).hexdigest()).read_bytes() == DATA


def test_a_whole_update_that_a_crash_left_unnamed_is_completed_when_its_node_asks_again(sender: Sender) -> None:
    small = Sender(sender.door, sender.device, b"whole")
    small.announce()
    path = submissions.PARTS.path(Submission.objects.get().pk)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"whole")
    Submission.objects.update(received_bytes=5)  # the last piece was counted, then the process was killed
    assert small.look().json() == {"offset": 5, "state": "open"}
    assert small.announce().json() == {"offset": 5, "state": "complete"}


@pytest.mark.usefixtures("tables")
def test_while_the_database_is_away_a_request_is_told_to_come_back(device: Device) -> None:
    """The pool was never opened, so it has no connection to lend."""

    async def main() -> list[dict[str, Any]]:
        updates, sent = Updates(Gate(open_pool(), now_us)), []

        async def send(event: Any) -> None:
            sent.append(dict(event))

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        path = f"/updates/{TASK}/1"
        said = [(name.lower().encode(), value.encode()) for name, value in update_headers(device, "GET", path).items()]
        await updates.serve({"type": "http", "method": "GET", "path": path, "headers": said}, receive, send)
        updates.close()
        return sent

    start, body = asyncio.run(main())
    assert start["status"] == 503
    assert b"unavailable" in body["body"]
