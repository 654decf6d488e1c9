"""Leases that ended while the database was away are no departures, whoever looks first afterwards."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from fleet.registry.models import Presence
from fleet.telemetry.models import Watch
from fleet.telemetry.services import liveness, watch
from fleet.telemetry.services.pulse import Pulse
from fleet.telemetry.services.watch import PULSE, STAND_IN, Watcher
from fleet.trust.models import Event

MakeNode = Any
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def settled_server(transactional_db: None) -> None:
    """A server that has run for longer than leases are disbelieved after its start."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT now() - pg_postmaster_start_time()")
            if cursor.fetchone()[0] > timedelta(seconds=11):
                return
            time.sleep(0.2)


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    pulse = Pulse()
    yield pulse
    pulse.stop()


@pytest.fixture
def expired(make_node: MakeNode) -> Callable[[], str]:
    """A node whose lease ended; says how it is recorded."""
    node = make_node(liveness="online", expires_at=timezone.now() - timedelta(seconds=30))
    return lambda: str(Presence.objects.get(node=node).liveness)


def looked(watcher: Watcher, *, ago: timedelta, watching_for: timedelta = timedelta(hours=1)) -> None:
    """Put a watcher's mark where an earlier look left it."""
    looked_at = timezone.now() - ago
    Watch.objects.update_or_create(
        name=watcher.name, defaults={"looked_at": looked_at, "unbroken_since": looked_at - watching_for}
    )


def departures() -> int:
    return Event.objects.filter(verb="node.offline").count()


def test_a_pulse_without_a_break_records_a_departure(pulse: Pulse, expired: Callable[[], str]) -> None:
    looked(PULSE, ago=timedelta(seconds=1))
    pulse.tick()

    assert (expired(), departures()) == ("offline", 1)


def test_after_an_outage_of_a_minute_the_same_pulse_records_nothing(pulse: Pulse, expired: Callable[[], str]) -> None:
    looked(PULSE, ago=MINUTE)
    for _ in range(3):
        pulse.tick()

    assert (expired(), departures()) == ("online", 0)


def test_a_pulse_that_starts_after_the_outage_records_nothing(pulse: Pulse, expired: Callable[[], str]) -> None:
    pulse.tick()

    assert (expired(), departures()) == ("online", 0)


def test_who_does_not_come_back_is_recorded_once_all_had_the_time(pulse: Pulse, expired: Callable[[], str]) -> None:
    looked(PULSE, ago=MINUTE)
    pulse.tick()
    broken = Watch.objects.get(name=PULSE.name)
    Watch.objects.update(unbroken_since=broken.unbroken_since - timedelta(seconds=6) - watch.RETURN)
    pulse.tick()

    assert (expired(), departures()) == ("offline", 1)


def test_the_stand_in_leaves_a_living_pulse_alone(expired: Callable[[], str]) -> None:
    looked(PULSE, ago=timedelta(seconds=40))  # an outage that both share
    looked(STAND_IN, ago=timedelta(seconds=30))
    liveness.stand_in()

    assert (expired(), departures()) == ("online", 0)


def test_the_stand_in_disbelieves_leases_after_a_break_of_its_own(expired: Callable[[], str]) -> None:
    looked(PULSE, ago=2 * MINUTE)
    looked(STAND_IN, ago=MINUTE)
    liveness.stand_in()

    assert (expired(), departures()) == ("online", 0)


def test_the_stand_in_records_departures_while_no_pulse_runs(expired: Callable[[], str]) -> None:
    looked(PULSE, ago=5 * MINUTE)
    looked(STAND_IN, ago=timedelta(seconds=30))
    liveness.stand_in()

    assert (expired(), departures()) == ("offline", 1)


def test_a_return_is_recorded_at_once(pulse: Pulse, make_node: MakeNode) -> None:
    node = make_node(online=True)
    pulse.tick()

    assert Presence.objects.get(node=node).liveness == "online"
