"""Updates of training over HTTP: announced, sent piece by piece, resumed by offset.

    POST  /updates                      {"statement": {…}, "signature": "<base64url>"}
    GET   /updates/<task>/<attempt>
    PATCH /updates/<task>/<attempt>     raw bytes, at the offset in `Upload-Offset`

Each answers `{"offset": …, "state": "open" | "complete" | "refused"}`: so many bytes are on disk. A
node hands over its own updates alone, and only those of tasks that its current work names.
"""

import asyncio
import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypedDict

import msgspec
import structlog
from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout

from fleet.registry.models import Submission
from fleet.registry.services import submissions
from fleet.registry.services.parts import DiskFull, TooMuch, WrongOffset
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.answers import Receive, Scope, Send, respond
from fleet.telemetry.gateway.bodies import Gone, read_body
from fleet.telemetry.gateway.gate import Caller, Gate
from fleet.telemetry.gateway.refusals import Refusal, busy, unavailable, unknown
from fleet.telemetry.gateway.slots import Slots
from fleet.trust.services.errors import DomainError
from muster.canon.signatures import TRAINING_UPDATE, UPDATE_REQUEST, SignatureError
from muster.wire.enrolment import b64decode
from muster.wire.work import MAX_PIECE_BYTES, Statement, update_request_part

log = structlog.get_logger(__name__)

ROOT = "/updates"
ONE = re.compile(r"/updates/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/([1-9][0-9]{0,3})\Z")
OFFSET = re.compile(r"[0-9]{1,18}\Z")
AWAY = (OperationalError, InterfaceError, PoolTimeout)  # what passes, as Django and its pool say it


class Key(TypedDict):
    """Which update a request is about."""

    node_key: int
    task: uuid.UUID
    attempt: int


class Announcement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a POST; `signature` is the node's over `Statement.signed_part` for TRAINING_UPDATE."""

    statement: Statement
    signature: str


class Updates:
    """Takes updates from nodes, a bounded number of requests at a time; what touches the disk runs in threads."""

    def __init__(self, gate: Gate) -> None:
        self.bytes_received = 0
        self._gate = gate
        self._slots = Slots()
        self._threads = ThreadPoolExecutor(limits.UPDATE_THREADS, thread_name_prefix="updates")

    def __len__(self) -> int:
        """Return how many requests are being answered."""
        return len(self._slots)

    def close(self) -> None:
        """Let the threads go; what they store now is finished first."""
        self._threads.shutdown()

    @staticmethod
    def owns(path: str) -> bool:
        """Say whether a path is answered here."""
        return path == ROOT or path.startswith(f"{ROOT}/")

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            submission = await self._serve(scope, receive)
        except Gone:
            return
        except Refusal as refusal:
            await respond(send, refusal.status, refusal.body, *refusal.headers)
        else:
            await respond(send, 200, {"offset": submission.received_bytes, "state": submission.state})

    async def _serve(self, scope: Scope, receive: Receive) -> Submission:
        method, path = scope["method"], scope["path"]
        one = ONE.match(path)
        if one is None and path != ROOT:
            raise unknown("There is no such update.")
        allowed = ("POST",) if one is None else ("GET", "PATCH")
        if method not in allowed:
            allow = (b"allow", ", ".join(allowed).encode())
            raise Refusal(405, "method_not_allowed", f"Only {' and '.join(allowed)} here.", allow)
        caller = await self._gate.admit(
            scope, UPDATE_REQUEST, lambda node, at: update_request_part(node, method, path, at)
        )
        with self._slots.hold(caller.node, most=limits.MAX_HANDOVERS, per_node=limits.MAX_HANDOVERS_PER_NODE):
            if one is None:
                return await self._announce(caller, scope, receive)
            key = Key(node_key=caller.node, task=uuid.UUID(one[1]), attempt=int(one[2]))
            if method == "GET":
                return await self._in_thread(partial(submissions.find, **key))
            return await self._append(key, scope, receive)

    async def _announce(self, caller: Caller, scope: Scope, receive: Receive) -> Submission:
        body = await read_body(scope, receive, limits.MAX_STATEMENT_BYTES)
        statement, signature = _read(body, caller)
        return await self._in_thread(
            partial(submissions.open, node_key=caller.node, statement=statement, signature=signature)
        )

    async def _append(self, key: Key, scope: Scope, receive: Receive) -> Submission:
        offset = _offset(scope)
        data = await read_body(scope, receive, MAX_PIECE_BYTES)
        submission = await self._in_thread(partial(submissions.append, offset=offset, data=data, **key))
        self.bytes_received += len(data)
        return submission

    async def _in_thread(self, work: Callable[[], Submission]) -> Submission:
        """Run a service in a thread and translate what it refuses."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, _released(work))
        try:
            return await future
        except DomainError as error:
            raise _refusal(error) from error
        except AWAY as error:
            log.warning("updates.database_away", error=str(error).strip())
            raise unavailable() from error
        except OSError as error:
            log.exception("updates.disk_failed")
            raise busy("unavailable", "The update cannot be stored now; try again.") from error


def _released(work: Callable[[], Submission]) -> Callable[[], Submission]:
    """Return the same work that gives the thread's database connection back."""

    def run() -> Submission:
        try:
            return work()
        finally:
            connection.close()

    return run


def _read(body: bytes, caller: Caller) -> tuple[Statement, bytes]:
    """Return a statement that the caller has signed of itself, with its signature."""
    try:
        announcement = msgspec.json.decode(body, type=Announcement)
        signature = b64decode(announcement.signature)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "malformed", "This is no statement of an update.") from error
    statement = announcement.statement
    if any("\0" in name for name in statement.samples):  # the database holds no such text
        raise Refusal(400, "malformed", "This is no statement of an update.")
    if statement.node != str(caller.uid):
        raise Refusal(403, "other_node", "A node hands over its own updates alone.")
    try:
        caller.verify(TRAINING_UPDATE, statement.signed_part(), signature)
    except SignatureError as error:
        raise Refusal(403, "bad_signature", "The statement is not signed by this node.") from error
    return statement, signature


def _offset(scope: Scope) -> int:
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"upload-offset"]
    if len(values) != 1 or not OFFSET.match(values[0]):
        raise Refusal(400, "malformed", "Say in Upload-Offset how many bytes come before this piece.")
    return int(values[0])


def _refusal(error: DomainError) -> Refusal:
    if isinstance(error, WrongOffset):
        return Refusal(error.status, error.code, str(error), offset=error.offset)
    if isinstance(error, TooMuch):
        return Refusal(413, error.code, str(error))
    if isinstance(error, DiskFull):
        return Refusal(error.status, error.code, str(error), (b"retry-after", str(limits.DISK_RETRY_S).encode()))
    return Refusal(error.status, error.code, str(error))
