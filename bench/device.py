"""A device that enrolled already: says a signed Hello, sends frames and times their acknowledgements."""

import asyncio
import itertools
import os
import time
import uuid
from collections import deque
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect

from muster.canon import signatures
from muster.clock import now_us
from muster.wire import envelope
from muster.wire.messages import Ack, Frame, Hello, Inference, Message, Sample, StreamState, Welcome

WINDOW = 256  # frames sent and not yet acknowledged when a device sends as fast as it can


@dataclass
class Device:
    """One node's end of the socket.

    Attributes:
        inferences: how many shards answered since each reading.
        latencies: seconds from sending a frame to the acknowledgement that covers it.
    """

    uid: str
    key: Ed25519PrivateKey
    inferences: int = 0
    boot: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent: int = 0
    acked: int = 0
    latencies: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)
        self._waiting: deque[tuple[int, float]] = deque()
        self._room = asyncio.Event()

    async def run(self, url: str, begin: asyncio.Event, end: asyncio.Event, interval_s: float) -> None:
        """Connect, wait for `begin`, send until `end`; with an interval of 0 as fast as the window allows."""
        async with connect(url, compression=None, max_size=None, ping_interval=None, open_timeout=60) as socket:
            await self._greet(socket)
            reading = asyncio.create_task(self._read(socket))
            await begin.wait()
            await (self._send_steadily(socket, end, interval_s) if interval_s else self._send_all(socket, end))
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _greet(self, socket: ClientConnection) -> None:
        _, challenge = envelope.decode(await socket.recv())
        nonce, streams = os.urandom(32), [StreamState(self.boot, 0)]
        body = Hello.signed_part(challenge.nonce, self.uid, self.boot, nonce, challenge.minors, streams)
        signature = signatures.sign(self.key, signatures.SOCKET_HELLO, body)
        await self._say(socket, Hello(self.uid, self.boot, nonce, challenge.minors, "bench", streams, signature))
        _, welcome = envelope.decode(await socket.recv())
        if not isinstance(welcome, Welcome):
            raise RuntimeError(f"refused: {welcome}")

    async def _send_all(self, socket: ClientConnection, end: asyncio.Event) -> None:
        """Keep the window full. Frames are laid out by hand: a library's client costs more than the gateway does."""
        while not end.is_set():
            room = WINDOW - (self.sent - self.acked)
            if room < WINDOW // 2:
                self._room.clear()
                await asyncio.wait([asyncio.ensure_future(self._room.wait())], timeout=0.2)
                continue
            socket.transport.write(b"".join(_masked(self._encode(self._frame())) for _ in range(room)))
            await asyncio.sleep(0)

    async def _send_steadily(self, socket: ClientConnection, end: asyncio.Event, interval_s: float) -> None:
        await asyncio.sleep(interval_s * (hash(self.uid) % 1000) / 1000)  # devices do not tick together
        while not end.is_set():
            await self._send(socket)
            await asyncio.sleep(interval_s)

    async def _send(self, socket: ClientConnection) -> None:
        await self._say(socket, self._frame())

    def _frame(self) -> Frame:
        self.sent += 1
        self._waiting.append((self.sent, time.perf_counter()))
        sample = Sample(now_us(), 0.25, 1 << 30, 0.5, 1500, 48.5, None)
        answers = [Inference(sample.at, shard, 1, 0, 900, 900, 900, True) for shard in range(self.inferences)]
        return Frame(self.boot, self.sent, 0, len(self._waiting), [sample], answers)

    async def _read(self, socket: ClientConnection) -> None:
        async for data in socket:
            _, message = envelope.decode(data)
            if isinstance(message, Ack):
                self._note(message)

    def _note(self, ack: Ack) -> None:
        now = time.perf_counter()
        self.acked = ack.seq
        while self._waiting and self._waiting[0][0] <= ack.seq:
            self.latencies.append(now - self._waiting.popleft()[1])
        self._room.set()

    async def _say(self, socket: ClientConnection, message: Message) -> None:
        await socket.send(self._encode(message))

    def _encode(self, message: Message) -> bytes:
        return envelope.encode(message, id=next(self._ids), at=now_us())


def _masked(payload: bytes) -> bytes:
    """Return a client's binary websocket frame (RFC 6455, 5.2) with a mask of zeros, which changes nothing."""
    return b"\x82\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload
