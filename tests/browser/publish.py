"""Stores and publishes readings of a node as the gateway that owns it does. Run as a program with the environment of
the web process: the browser's driver has a running event loop in the tests' own process.

    python -m tests.browser.publish NODE SEQ RTT_US [SHARD MEAN_US]

With a shard, the node runs it from then on.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from channels.layers import get_channel_layer  # noqa: E402

from fleet.registry.models import Node, RunningShard  # noqa: E402
from fleet.telemetry.core.topics import live_message, node_topic  # noqa: E402
from fleet.telemetry.models import Inference, Sample  # noqa: E402
from fleet.telemetry.services.sender import LiveSender  # noqa: E402
from muster.clock import now_us  # noqa: E402


def main(uid: str, seq: int, rtt_us: int, shard: int | None = None, mean_us: int = 0) -> None:
    """Store one reading, and tell whoever watches the node of it."""
    sample = {
        "at": now_us(),
        "cpu": 0.5,
        "memory_used_bytes": 8 << 30,
        "load1": 2.0,
        "rtt_us": rtt_us,
        "temperature_c": 61.0,
        "battery": None,
    }
    store(uid, sample)
    data: dict[str, Any] = {"epoch": 1, "samples": [sample]}
    if shard is not None:
        data["inferences"] = [answer(uid, sample["at"], shard, mean_us)]
    message = live_message(node_topic(uid), seq, now_us(), data)
    if not asyncio.run(LiveSender(get_channel_layer()).send(message)):
        raise SystemExit("Redis did not take it")


def store(uid: str, sample: dict[str, Any]) -> None:
    """Put a reading where the figures are drawn from."""
    node = Node.objects.get(uid=uid)
    at = sample["at"]
    Sample.objects.create(node=node.pk, received_at=at, stream=2, seq=at // 1_000_000, **sample)


def answer(uid: str, at: int, shard: int, mean_us: int) -> dict[str, Any]:
    """Let a shard of the node run and answer once, and return what its live topic says of it."""
    node = Node.objects.get(uid=uid)
    running = {"weights_sha256": "a" * 64, "verified_at": datetime.now(UTC)}
    RunningShard.objects.update_or_create(node=node, shard=shard, defaults=running)
    times = {"total_us": mean_us, "least_us": mean_us, "most_us": mean_us}
    own = {"requests": 1, "errors": 0, "local": False}
    Inference.objects.create(
        node=node.pk, at=at, received_at=at, stream=2, seq=at // 1_000_000, shard=shard, **times, **own
    )
    return {"at": at, "shard": shard, "mean_ms": mean_us / 1000, "most_ms": mean_us / 1000, **own}


if __name__ == "__main__":
    main(sys.argv[1], *(int(word) for word in sys.argv[2:]))
