"""The fleet's pulse: what one leased process finds, records and tells each second."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from django.db import DatabaseError, close_old_connections
from psycopg_pool import PoolTimeout

from fleet.telemetry.core.site_figures import SiteTopic, figures
from fleet.telemetry.selectors import fleet_now
from fleet.telemetry.services import fleet_figures, liveness, watch
from fleet.telemetry.services.lease import Lease
from fleet.telemetry.services.pulse_parts import Part, parts
from muster.clock import Clock, now_us

log = structlog.get_logger(__name__)

LEASE_KEY = 0x6D757374_70756C73  # "mustpuls"
PRUNE_EVERY = timedelta(minutes=10)
DATABASE_AWAY = (DatabaseError, PoolTimeout, psycopg.Error)


class Pulse:
    """Ticks while it holds the lease; another process waits as stand-by with the same object."""

    def __init__(self, clock: Clock = now_us) -> None:
        self._clock = clock
        self._lease = Lease(LEASE_KEY, "muster-pulse")
        self._topics: dict[uuid.UUID, SiteTopic] = {}
        self._parts: dict[str, Part] = {}
        self._failing: set[str] = set()
        self._recorded: datetime | None = None
        self._pruned: datetime | None = None
        self._away = False

    def tick(self) -> list[dict[str, Any]]:
        """Do one second's work and return the messages for the site topics; nothing as stand-by or without database."""
        close_old_connections()
        try:
            if not self._lease.hold():
                self._topics.clear()
                self._parts.clear()
                return []
            messages = self._beat()
        except DATABASE_AWAY as error:
            self._lost(error)
            return []
        finally:
            close_old_connections()
        if self._away:
            log.info("pulse.database_back")
        self._away = False
        return messages

    def stop(self) -> None:
        """Give the lease to a stand-by."""
        self._lease.release()

    def _beat(self) -> list[dict[str, Any]]:
        now = self._clock()
        liveness.watch(watch.PULSE)
        found = figures(fleet_now.nodes())
        self._record(found, now)
        for site in self._topics.keys() - {site.site for site in found}:
            del self._topics[site]
        told = (self._topics.setdefault(site.site, SiteTopic()).message(site, now) for site in found)
        return [message for message in told if message is not None] + self._run_parts(now)

    def _run_parts(self, now: int) -> list[dict[str, Any]]:
        """Let every part do its second's work; one that fails is logged, once, and tried again the next second."""
        messages: list[dict[str, Any]] = []
        for name, make in parts.items():
            try:
                if name not in self._parts:
                    self._parts[name] = make()
                messages += self._parts[name](now)
            except Exception:  # whatever it is: the fleet's pulse does not stop for a part of it
                if name not in self._failing:
                    log.exception("pulse.part_failed", part=name)
                self._failing.add(name)
            else:
                self._failing.discard(name)
        return messages

    def _record(self, found: list[Any], now: int) -> None:
        at = fleet_figures.slot(now)
        if at == self._recorded:
            return
        fleet_figures.record(found, at)
        self._recorded = at
        if self._pruned is None or at - self._pruned >= PRUNE_EVERY:
            fleet_figures.prune(at)
            self._pruned = at

    def _lost(self, error: Exception) -> None:
        """Say once that the database is away."""
        if not self._away:
            log.warning("pulse.database_away", error=str(error).strip())
        self._away = True
