"""The gateway beside its ceiling: `python -m bench.gateway [--sockets N] [--seconds S]`.

The gateway is the real process; devices say real signed Hellos and wait for acknowledgements,
from another process on the same machine. The ceiling is what one connection can bring into the
same table by the same binary COPY, in transactions of the same size, with no sockets in front.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import psutil
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.device import Device
from bench.ground import ground
from muster.canon import signatures
from muster.clock import now_us
from muster.ids import uuid7
from muster.wire.messages import Sample

STEADY_INTERVAL_S = 1.0
PUBLISHED = 3_000  # messages; about a second


@dataclass(frozen=True)
class Result:
    """What one run of devices has measured."""

    frames_per_s: float
    cores: float  # of the gateway process
    p50_ms: float
    p99_ms: float
    frames_per_batch: float


def main() -> None:
    arguments = _arguments()
    with ground():
        keys = _enrol(arguments.sockets + arguments.steady)
        with _gateway() as (url, process):
            fast = [Device(*key, arguments.inferences) for key in keys[: arguments.sockets]]
            slow = [Device(*key, arguments.inferences) for key in keys[arguments.sockets :]]
            flat = asyncio.run(_measure(url, process, fast, arguments.seconds, 0.0))
            steady = asyncio.run(_measure(url, process, slow, arguments.seconds, STEADY_INTERVAL_S))
        publish_us = asyncio.run(_publish(PUBLISHED)) * 1e6
        ceiling = _ceiling(arguments.seconds, max(1, round(flat.frames_per_batch)))
    _show(f"{arguments.sockets} sockets, flat out", flat)
    print(
        f"  ceiling {ceiling:,.0f} rows/s by COPY alone in batches of the same size:"
        f" ratio {flat.frames_per_s / ceiling:.2f}"
    )
    _show(f"{arguments.steady} sockets at 1 Hz", steady)
    print(f"live topics: {publish_us:.0f} µs for each message, after the acknowledgement and apart from it")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sockets", type=int, default=50, help="devices that send as fast as they can")
    parser.add_argument("--steady", type=int, default=500, help="devices that send once a second")
    parser.add_argument("--inferences", type=int, default=0, help="shards that answered since each reading")
    parser.add_argument("--seconds", type=float, default=10.0)
    return parser.parse_args()


def _show(title: str, result: Result) -> None:
    print(
        f"{title}: {result.frames_per_s:,.0f} frames/s stored and acknowledged, {result.cores:.2f} cores"
        f" ({result.frames_per_s / max(result.cores, 1e-9):,.0f} per core), acknowledged after"
        f" {result.p50_ms:.0f} ms (p50), {result.p99_ms:.0f} ms (p99), {result.frames_per_batch:.0f} frames a batch"
    )


def _enrol(count: int) -> list[tuple[str, Ed25519PrivateKey]]:
    from fleet.registry.models import Node
    from fleet.trust.models import Site

    site = Site.objects.create(slug="bench", path="bench/", name="Bench")
    keys = [(uuid7(), Ed25519PrivateKey.generate()) for _ in range(count)]
    nodes = []
    for number, (uid, key) in enumerate(keys):
        public = signatures.public_bytes(key)
        nodes.append(
            Node(
                uid=uid,
                site=site,
                name=f"device-{number}",
                tier="terminal",
                state="active",
                public_key=public,
                fingerprint=signatures.fingerprint(public),
            )
        )
    Node.objects.bulk_create(nodes)
    return [(str(uid), key) for uid, key in keys]


@contextlib.contextmanager
def _gateway() -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-access-log", "--lifespan", "on", "--ws-max-size", "1048576", "--ws-per-message-deflate", "false"]
    command = [sys.executable, "-m", "uvicorn", "config.gateway:application", "--port", str(port), *options]
    child = subprocess.Popen([*command, "--log-level", "warning"], env=os.environ, stdout=subprocess.DEVNULL)
    try:
        _await_health(f"http://127.0.0.1:{port}/healthz", child)
        yield f"ws://127.0.0.1:{port}/node", psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(20)


def _await_health(url: str, child: subprocess.Popen[bytes]) -> None:
    while child.poll() is None:
        try:
            if httpx.get(url, timeout=1).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the gateway did not start")


async def _measure(
    url: str, process: psutil.Process, devices: list[Device], seconds: float, interval_s: float
) -> Result:
    begin, end = asyncio.Event(), asyncio.Event()
    runs = [asyncio.create_task(device.run(url, begin, end, interval_s)) for device in devices]
    health = url.replace("ws:", "http:").replace("/node", "/healthz")
    async with httpx.AsyncClient() as client:
        while (await client.get(health)).json()["sockets"] < len(devices):  # noqa: ASYNC110  (another process is asked)
            await asyncio.sleep(0.05)
        before, used, started = (await client.get(health)).json(), _cpu(process), time.perf_counter()
        begin.set()
        await asyncio.sleep(seconds)
        acked = sum(device.acked for device in devices)
        took, cores = time.perf_counter() - started, _cpu(process) - used
        after = (await client.get(health)).json()
    end.set()
    await asyncio.gather(*runs)
    latencies = sorted(latency for device in devices for latency in device.latencies)
    batches = max(1, after["batches"] - before["batches"])
    return Result(
        frames_per_s=acked / took,
        cores=cores / took,
        p50_ms=_share(latencies, 0.50) * 1000,
        p99_ms=_share(latencies, 0.99) * 1000,
        frames_per_batch=(after["frames"] - before["frames"]) / batches,
    )


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


async def _publish(count: int) -> float:
    """Return the seconds that one live message of a node takes to Redis."""
    from channels.layers import get_channel_layer

    from fleet.telemetry.gateway.publisher import Feed
    from fleet.telemetry.services.sender import LiveSender

    sender, feed = LiveSender(get_channel_layer()), Feed(str(uuid7()), epoch=1)
    started = time.perf_counter()
    for _ in range(count):
        feed.add([Sample(now_us(), 0.25, 1 << 30, 0.5, 1500, 48.5, None)], oldest_us=0)
        await sender.send(feed.take(now_us()))
    took = (time.perf_counter() - started) / count
    await get_channel_layer().flush()
    return took


def _ceiling(seconds: float, batch: int) -> float:
    """Return the rows that one connection brings in each second in transactions of `batch` rows."""
    from fleet.telemetry.gateway.store import COPY, TYPES

    rows, started = 0, time.perf_counter()
    with psycopg.connect(os.environ["MUSTER_DATABASE_URL"]) as connection:
        while time.perf_counter() - started < seconds:
            now = now_us()
            with connection.cursor() as cursor, cursor.copy(COPY) as copy:
                copy.set_types(TYPES)
                for seq in range(batch):
                    copy.write_row((seq, now, now, 1, rows + seq, 0.25, 1 << 30, 0.5, 1500, 48.5, None))
            connection.commit()
            rows += batch
    return rows / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
