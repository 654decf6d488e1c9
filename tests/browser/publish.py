"""Stores and publishes readings of a node as the gateway that owns it does. Run as a program with the environment of
the web process: the browser's driver has a running event loop in the tests' own process.

    python -m tests.browser.publish NODE SEQ RTT_US
"""

import asyncio
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from channels.layers import get_channel_layer  # noqa: E402

from fleet.registry.models import Node  # noqa: E402
from fleet.telemetry.core.topics import live_message, node_topic  # noqa: E402
from fleet.telemetry.models import Sample  # noqa: E402
from fleet.telemetry.services.sender import LiveSender  # noqa: E402
from muster.clock import now_us  # noqa: E402


def main(uid: str, seq: int, rtt_us: int) -> None:
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
    message = live_message(node_topic(uid), seq, now_us(), {"epoch": 1, "samples": [sample]})
    if not asyncio.run(LiveSender(get_channel_layer()).send(message)):
        raise SystemExit("Redis did not take it")


def store(uid: str, sample: dict[str, Any]) -> None:
    """Put a reading where the figures are drawn from."""
    node = Node.objects.get(uid=uid)
    at = sample["at"]
    Sample.objects.create(node=node.pk, received_at=at, stream=2, seq=at // 1_000_000, **sample)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
