"""Lays down an update of a node as its gateway would, reconciles, and tells the pages that watch it, as pulse does.
Run as a program with the environment of the web process: the browser's driver has a running event loop in the tests'
own process.

    python -m tests.browser.hand_over NODE
"""

import asyncio
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from channels.layers import get_channel_layer  # noqa: E402

from aggregation.services.beat import Progress  # noqa: E402
from fleet.registry.models import Node  # noqa: E402
from fleet.telemetry.services.sender import LiveSender  # noqa: E402
from muster.clock import now_us  # noqa: E402
from tests.aggregation.members import submit, task_of  # noqa: E402


def main(uid: str) -> None:
    """Store the update, reconcile, and tell whoever watches what moved."""
    node = Node.objects.get(uid=uid)
    submit(node, task_of(node), data=node.name.encode())
    for message in Progress()(now_us()):
        if not asyncio.run(LiveSender(get_channel_layer()).send(message)):
            raise SystemExit("Redis did not take it")


if __name__ == "__main__":
    main(sys.argv[1])
