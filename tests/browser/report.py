"""Takes a report of a node as its gateway would hand it over, and tells the pages that watch the push, as pulse does.
Run as a program with the environment of the web process: the browser's driver has a running event loop in the tests'
own process.

    python -m tests.browser.report NODE KIND
"""

import asyncio
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from channels.layers import get_channel_layer  # noqa: E402

from fleet.registry.models import NodeTarget  # noqa: E402
from fleet.rollouts.services.beat import Progress  # noqa: E402
from fleet.telemetry.services.sender import LiveSender  # noqa: E402
from muster.clock import now_us  # noqa: E402
from tests.browser.seed_models import report  # noqa: E402


def main(uid: str, kind: str) -> None:
    """Store the report, reconcile, and tell whoever watches what moved."""
    report(NodeTarget.objects.select_related("node").get(node__uid=uid), kind)
    for message in Progress()(now_us()):
        if not asyncio.run(LiveSender(get_channel_layer()).send(message)):
            raise SystemExit("Redis did not take it")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
