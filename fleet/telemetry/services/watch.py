"""Who watches the leases, and how long already: a lease that ended while nobody could renew it says nothing.

While the database is away no gateway can renew a lease. When it is back, all leases
have ended at once although no node has gone. So whoever wants to note departures
leaves a mark at each look. A break in the marks, or a server that has just started,
means that leases are believed only after every node had the time to come back.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection

# A node that was there is back within this time: the gateway's longest back-off, a dial, a frame.
RETURN = timedelta(seconds=5)

LOOK = """
INSERT INTO telemetry_watch AS w (name, looked_at, unbroken_since) VALUES (%(name)s, now(), now())
ON CONFLICT (name) DO UPDATE SET looked_at = now(),
    unbroken_since = CASE WHEN w.looked_at < now() - make_interval(secs => %(patience_s)s)
        THEN now() ELSE w.unbroken_since END
RETURNING LEAST(now() - unbroken_since, now() - pg_postmaster_start_time())
"""
LOOKED = """
SELECT EXISTS (
    SELECT FROM telemetry_watch WHERE name = %(name)s AND looked_at > now() - make_interval(secs => %(within_s)s))
"""


@dataclass(frozen=True)
class Watcher:
    """One who watches, and how far apart two of its looks may lie."""

    name: str
    patience: timedelta

    def sees_departures(self) -> bool:
        """Leave a mark, and say whether an ended lease means that its node has gone."""
        with connection.cursor() as cursor:
            cursor.execute(LOOK, {"name": self.name, "patience_s": self.patience.total_seconds()})
            (unbroken,) = cursor.fetchone()
        return bool(unbroken >= timedelta(seconds=settings.MUSTER_LEASE_SECONDS) + RETURN)

    def looked(self, within: timedelta) -> bool:
        """Say whether it left a mark lately."""
        with connection.cursor() as cursor:
            cursor.execute(LOOKED, {"name": self.name, "within_s": within.total_seconds()})
            (found,) = cursor.fetchone()
        return bool(found)


PULSE = Watcher("pulse", patience=timedelta(seconds=5))  # looks once a second
STAND_IN = Watcher("stand-in", patience=timedelta(seconds=45))  # looks every 30 s, from a worker
