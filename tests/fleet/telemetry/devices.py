"""A device that speaks to a gateway, a gateway under a real server, and a look into the tables."""

import asyncio
import contextlib
import hashlib
import itertools
import os
import threading
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis
import uvicorn
import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection
from websockets.asyncio.client import ClientConnection, connect

from fleet.registry.models import Node
from fleet.registry.models import NodeTarget as NodeTargetRow
from fleet.registry.models import NodeWork as NodeWorkRow
from fleet.trust.services import server_key
from muster.canon import signatures
from muster.clock import now_us
from muster.wire import envelope
from muster.wire.enrolment import b64encode
from muster.wire.messages import Challenge, Frame, Hello, Inference, Message, Report, Sample, StreamState, Welcome
from muster.wire.targets import NodeTarget, Reason, ReportState
from muster.wire.versions import MINOR
from muster.wire.work import JobKind, LocalTraining, NodeWork, Statement, TrainingTask, UpdateKind, update_request_part


@dataclass
class Device:
    """A node's row and the key that proves it."""

    node: Node
    key: Ed25519PrivateKey
    boot: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class Line:
    """A device's end of a node socket."""

    socket: ClientConnection
    device: Device
    ids: Any = field(default_factory=lambda: itertools.count(1))
    welcome: Welcome | None = None

    @property
    def answer(self) -> Welcome:
        """The Welcome; only asked for on a line that has entered."""
        assert self.welcome is not None
        return self.welcome

    async def say(self, message: Message) -> None:
        minor = self.welcome.minor if self.welcome else MINOR
        await self.socket.send(envelope.encode(message, id=next(self.ids), at=now_us(), minor=minor))

    async def hear(self) -> Any:
        async with asyncio.timeout(10):
            return envelope.decode(await self.socket.recv())[1]

    async def hear_end(self) -> tuple[int, list[Any]]:
        """Read to the end; return the close code and what was said before."""
        heard = []
        try:
            while True:
                heard.append(await self.hear())
        except websockets.ConnectionClosed as end:
            assert end.rcvd is not None
            return end.rcvd.code, heard


def sample(at: int | None = None, **figures: Any) -> Sample:
    values: dict[str, Any] = {"cpu": 0.25, "memory_used_bytes": 1 << 30, "load1": 0.5, "rtt_us": 1500}
    return Sample(at=now_us() if at is None else at, **{**values, **figures})


def inference(shard: int = 1, at: int | None = None, **figures: Any) -> Inference:
    values: dict[str, Any] = {"requests": 2, "errors": 0, "total_us": 3000, "least_us": 1000, "most_us": 2000}
    return Inference(at=now_us() if at is None else at, shard=shard, **{**values, "local": True, **figures})


def frame(boot: str, seq: int, *samples: Sample, inferences: Sequence[Inference] = (), **counters: int) -> Frame:
    waiting, dropped = counters.get("waiting", 0), counters.get("dropped", 0)
    return Frame(boot, seq, dropped, waiting, list(samples) or [sample()], list(inferences))


def hello(device: Device, challenge: bytes, **changes: Any) -> Hello:
    parts = {
        "node": str(device.node.uid),
        "boot": device.boot,
        "nonce": os.urandom(32),
        "minors": [0, MINOR],
        "streams": [StreamState(device.boot, 0)],
        **changes,
    }
    body = Hello.signed_part(challenge, parts["node"], parts["boot"], parts["nonce"], parts["minors"], parts["streams"])
    signature = signatures.sign(device.key, signatures.SOCKET_HELLO, body)
    return Hello(agent_version="0.1.0", signature=signature, **parts)


def report(device: Device, number: int = 1, **changes: Any) -> Report:
    """Return a report of this device, signed after the changes by its key."""
    fields: dict[str, Any] = {
        "node": str(device.node.uid),
        "boot": device.boot,
        "number": number,
        "at": now_us(),
        "generation": None,
        "serving": None,
        "state": ReportState.IDLE,
        "reason": Reason.NONE,
        "detail": "",
        "shards": [],
        "running": [],
        "signature": signatures.Signature("", "", b""),
    }
    unsigned = Report(**fields | changes)
    signature = signatures.sign(device.key, signatures.NODE_REPORT, unsigned.signed_part())
    return msgspec.structs.replace(unsigned, signature=signature)


def issue(device: Device, counter: int = 1, *, artifacts: Sequence[str] = (), hint: bool = True) -> bytes:
    """Give a node a signed target that names `artifacts`, and return its document; without a hint as if it was lost."""
    target = NodeTarget(1, str(device.node.uid), (1, counter), now_us(), 1000, [])
    document = target.document()
    signature = signatures.sign(server_key.load(), signatures.NODE_TARGET, document)
    values = {
        "release_epoch": 1,
        "counter": counter,
        "document": document,
        "content_sha256": "0" * 64,
        "signature_algorithm": signature.algorithm,
        "signature_key_id": signature.key_id,
        "signature_value": signature.value,
        "artifacts": list(artifacts),
    }
    NodeTargetRow.objects.update_or_create(node=device.node, defaults=values)
    if hint:
        _hint(device)
    connection.close()  # this may be a thread of its own
    return document


def ask(device: Device, *tasks: str, counter: int = 1, artifacts: Sequence[str] = (), hint: bool = False) -> bytes:
    """Give a node signed work of `tasks`, and return its document; with a hint as a service would."""
    named = [training_task(task) for task in tasks]
    document = NodeWork(1, str(device.node.uid), counter, now_us(), named).document()
    signature = signatures.sign(server_key.load(), signatures.NODE_WORK, document)
    values = {
        "counter": counter,
        "document": document,
        "signature_algorithm": signature.algorithm,
        "signature_key_id": signature.key_id,
        "signature_value": signature.value,
        "artifacts": list(artifacts),
        "tasks": list(tasks),
    }
    NodeWorkRow.objects.update_or_create(node=device.node, defaults=values)
    if hint:
        _hint(device)
    connection.close()
    return document


def training_task(task: str) -> TrainingTask:
    """Return a task that a member of a round could be given."""
    return TrainingTask(
        task=task,
        round=str(uuid.uuid4()),
        round_number=1,
        job=str(uuid.uuid4()),
        kind=JobKind.HORIZONTAL,
        phase="train",
        strategy="fedavg",
        model="digits",
        version_id=str(uuid.uuid4()),
        workload="digits",
        workload_version=1,
        manifest_sha256="0" * 64,
        shards=[],
        trained=["vision"],
        local=LocalTraining(1, 32, 10_000, 0, 1),
        partition=None,
        deadline_us=now_us() + 60_000_000,
    )


def statement(device: Device, task: str, data: bytes, **changes: Any) -> Statement:
    """Return what a device says of an update with these bytes."""
    fields: dict[str, Any] = {
        "node": str(device.node.uid),
        "task": task,
        "attempt": 1,
        "kind": UpdateKind.PLAIN,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "samples": {"vision": 120},
        "loss_before_millionths": 2_300_000,
        "loss_after_millionths": None,
        "trained_ms": 950,
    }
    return Statement(**fields | changes)


def announcement(device: Device, said: Statement) -> dict[str, Any]:
    """Return the body that announces an update."""
    value = signatures.sign(device.key, signatures.TRAINING_UPDATE, said.signed_part()).value
    return {"statement": msgspec.to_builtins(said), "signature": b64encode(value)}


def update_headers(device: Device, method: str, path: str, at: int | None = None, **changes: str) -> dict[str, str]:
    """Return what proves a request about an update; `changes` come after the signature."""
    at = now_us() if at is None else at
    part = update_request_part(str(device.node.uid), method, path, at)
    value = signatures.sign(device.key, signatures.UPDATE_REQUEST, part).value
    own = {"Muster-Node": str(device.node.uid), "Muster-At": str(at), "Muster-Signature": b64encode(value)}
    return {**own, **{name.replace("_", "-"): text for name, text in changes.items()}}


def _hint(device: Device) -> None:
    with redis.Redis.from_url(settings.MUSTER_REDIS_URL) as client:
        client.publish("muster:nodes", str(device.node.uid))


@dataclass
class Door:
    """Where a gateway listens."""

    url: str

    @property
    def http(self) -> str:
        return self.url.replace("ws://", "http://").removesuffix("/node")

    @contextlib.asynccontextmanager
    async def dial(self, device: Device) -> AsyncIterator[Line]:
        """Open a socket that has said nothing yet."""
        async with connect(self.url, compression=None, max_size=None) as socket:
            yield Line(socket, device)

    @contextlib.asynccontextmanager
    async def enter(self, device: Device, **changes: Any) -> AsyncIterator[Line]:
        """Open a socket and say Hello; the Welcome has come."""
        async with self.dial(device) as line:
            challenge = await line.hear()
            assert isinstance(challenge, Challenge)
            await line.say(hello(device, challenge.nonce, **changes))
            line.welcome = await line.hear()
            assert isinstance(line.welcome, Welcome)
            yield line


class Served(uvicorn.Server):
    """The gateway under a real server in a thread of this process."""

    def install_signal_handlers(self) -> None:
        """A thread has none."""

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield self._port()
        finally:
            self.should_exit = True
            thread.join()

    def _port(self) -> int:
        started = threading.Event()
        for _ in range(2000):
            if self.started:
                break
            started.wait(0.005)
        return self.servers[0].sockets[0].getsockname()[1]


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
