import sys
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from fleet.trust.core.canaries import FRESH_FOR
from fleet.trust.selectors import canaries

PULSE = "pulse"
BEAT = "beat"


class Command(BaseCommand):
    help = (
        "Says by its exit code whether a process without a port does its work: a queue's worker leaves a fresh "
        "canary, beat sends the canaries, pulse holds its lease. For health checks of containers."
    )
    requires_system_checks: Sequence[str] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("process", help="a queue's name, beat or pulse")

    def handle(self, *_args: Any, process: str, **_options: Any) -> None:
        if not _works(process):
            self.stderr.write(f"{process} does not work")
            sys.exit(1)


def _works(process: str) -> bool:
    if process == PULSE:
        return _connected("muster-pulse")
    ages = canaries.ages()
    if process == BEAT:
        return any(age <= FRESH_FOR for age in ages.values())
    return process in ages and ages[process] <= FRESH_FOR


def _connected(application: str) -> bool:
    """Say whether a process of this name holds its connection, which is its lease."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = %s)", [application])
        return bool(cursor.fetchone()[0])
