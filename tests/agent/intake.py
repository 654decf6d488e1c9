"""The updates endpoint of the tests' gateway: it can break off, lie about offsets, and be slow."""

import asyncio
import hashlib
import json
import re
from dataclasses import dataclass, field

import msgspec

from muster.canon.signatures import (
    ED25519,
    TRAINING_UPDATE,
    UPDATE_REQUEST,
    Signature,
    fingerprint,
    verify,
)
from muster.wire.enrolment import b64decode
from muster.wire.work import MAX_PIECE_BYTES, Statement, update_request_part

_LINE = re.compile(rb"(POST|PATCH|GET) (/updates(?:/([0-9a-f-]{36})/([0-9]+))?) HTTP/1.1\r\n")

Key = tuple[str, int]  # task and attempt


@dataclass
class Intake:
    """What the endpoint has taken and how it behaves.

    Attributes:
        named: tasks that it wants, None for every one.
        statements: as the node signed them, and the bytes that were signed, of each announcement.
        taken: bytes that it counts, by task and attempt.
        complete, spoiled: which of them are whole, with the right and with another hash.
        asked: (method, offset) of every request; the offset is −1 for an announcement.
        refusals: (status, code) to answer, once for each entry.
        break_after: bytes of a request's body after which the connection is dropped, once for each entry.
        lies: offsets to answer in place of the true one, once for each entry.
        stays_at: offsets that every piece is told is the next, in turn; it never takes one.
        spoil: pieces to be stored with a flipped bit, once for each.
        piece_s: how long each piece takes.
        hold_after: offset from which on pieces are not answered until `go`.
    """

    device_key: bytes = b""
    named: set[str] | None = None
    statements: dict[Key, Statement] = field(default_factory=dict)
    announced: list[Statement] = field(default_factory=list)
    taken: dict[Key, bytearray] = field(default_factory=dict)
    complete: set[Key] = field(default_factory=set)
    spoiled: set[Key] = field(default_factory=set)
    asked: list[tuple[str, int]] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    break_after: list[int] = field(default_factory=list)
    lies: list[int] = field(default_factory=list)
    stays_at: tuple[int, ...] = ()
    spoil: int = 0
    piece_s: float = 0.0
    hold_after: int | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; the connection ends with it."""
        match = _LINE.match(request)
        assert match is not None, request
        headers = _headers(request)
        method, path = match[1].decode(), match[2].decode()
        part = update_request_part(headers["muster-node"], method, path, int(headers["muster-at"]))
        self._verify(UPDATE_REQUEST, part, headers["muster-signature"])
        length = int(headers.get("content-length", "0"))
        broken_after = self.break_after.pop(0) if self.break_after and method == "PATCH" else None
        body = await reader.readexactly(length if broken_after is None else min(length, broken_after))
        self.asked.append((method, int(headers.get("upload-offset", "-1"))))
        try:
            if broken_after is not None:
                writer.transport.abort()
                return
            status, document = await self._answer(match, headers, body)
        finally:
            self.changed.set()
        data = json.dumps(document).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(data), data))
        await writer.drain()

    async def _answer(
        self, match: re.Match[bytes], headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, object]]:
        if self.refusals:
            status, code = self.refusals.pop(0)
            return status, {"code": code, "detail": "as the test wants"}
        if match[1] == b"POST":
            return self._announce(json.loads(body))
        key = (match[3].decode(), int(match[4]))
        if key not in self.statements:
            return 404, {"code": "not_found", "detail": "never announced"}
        if match[1] == b"PATCH":
            return await self._append(key, int(headers["upload-offset"]), body)
        return self._standing(key)

    def _announce(self, document: dict[str, object]) -> tuple[int, dict[str, object]]:
        statement = msgspec.convert(document["statement"], Statement)
        self._verify(TRAINING_UPDATE, statement.signed_part(), str(document["signature"]))
        self.announced.append(statement)
        key = (statement.task, statement.attempt)
        if self.named is not None and statement.task not in self.named:
            return 403, {"code": "no_such_task", "detail": "nobody asks for it"}
        if self.statements.setdefault(key, statement) != statement:
            return 409, {"code": "other_statement", "detail": "announced otherwise"}
        self.taken.setdefault(key, bytearray())
        return self._standing(key)

    async def _append(self, key: Key, offset: int, body: bytes) -> tuple[int, dict[str, object]]:
        assert len(body) <= MAX_PIECE_BYTES
        if self.named is not None and key[0] not in self.named:
            return 403, {"code": "no_such_task", "detail": "not any more"}
        if self.hold_after is not None and offset >= self.hold_after:
            await self.go.wait()
        await asyncio.sleep(self.piece_s)
        if self.stays_at:
            named = self.stays_at[len(self.asked) % len(self.stays_at)]
            return 409, {"code": "wrong_offset", "detail": "as the test wants", "offset": named}
        have = self.taken[key]
        if offset != len(have):
            return 409, {"code": "wrong_offset", "detail": "not there", "offset": len(have)}
        if self.spoil and body:
            self.spoil -= 1
            body = bytes([body[0] ^ 1]) + body[1:]
        have += body
        statement = self.statements[key]
        assert len(have) <= statement.size_bytes
        if len(have) == statement.size_bytes:
            is_right = hashlib.sha256(have).hexdigest() == statement.sha256
            (self.complete if is_right else self.spoiled).add(key)
            if not is_right:
                return 409, {"code": "wrong_hash", "detail": "other bytes"}
        return self._standing(key)

    def _standing(self, key: Key) -> tuple[int, dict[str, object]]:
        state = "complete" if key in self.complete else "refused" if key in self.spoiled else "open"
        offset = self.lies.pop(0) if self.lies and state == "open" else len(self.taken[key])
        return 200, {"offset": offset, "state": state}

    def _verify(self, context: str, part: bytes, signature: str) -> None:
        """Raise what the real gateway would refuse."""
        value = b64decode(signature)
        verify(self.device_key, context, part, Signature(ED25519, fingerprint(self.device_key), value))


def _headers(request: bytes) -> dict[str, str]:
    lines = request.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
