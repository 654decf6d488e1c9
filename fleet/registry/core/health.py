"""When a node counts as well: the statuses, the reasons and the limits between them, as data.

`selectors.nodes.with_status` turns these rules into one SQL expression.
"""

from dataclasses import dataclass
from enum import StrEnum

from muster.wire.targets import ReportState


class Status(StrEnum):
    """What a page shows of a node, derived from its state, its lease and its last figures."""

    WAITING = "waiting"
    HEALTHY = "healthy"
    UPDATING = "updating"  # takes on a new target
    DEGRADED = "degraded"
    CRITICAL = "critical"
    OFFLINE = "offline"
    RETIRED = "retired"


class Reason(StrEnum):
    """Why a node has its status."""

    NONE = ""
    UNDECIDED = "undecided"  # waits for an operator
    RETIRED = "retired"
    QUARANTINED = "quarantined"
    NEVER_SEEN = "never_seen"
    SILENT = "silent"  # its lease ran out
    MEMORY = "memory"
    TEMPERATURE = "temperature"
    LOAD = "load"
    ROUND_TRIP = "round_trip"
    LIVE_MISMATCH = "live_mismatch"  # runs other weights than were published
    TARGET_FAILED = "target_failed"
    TARGET = "target"  # a new target is on its way to run


class Figure(StrEnum):
    """What a limit is held against."""

    MEMORY_SHARE = "memory_share"  # of the memory in the inventory, 0 to 1
    TEMPERATURE_C = "temperature_c"
    LOAD_PER_CORE = "load_per_core"  # load average over one minute, for each core of the inventory
    RTT_US = "rtt_us"


# The kernel starts to kill processes when nothing is left; at 95 % there is no room for a second model version.
MEMORY_CRITICAL = 0.99
MEMORY_DEGRADED = 0.95
# Boards of this class throttle at about 85 °C and switch off between 95 and 105 °C.
TEMPERATURE_CRITICAL_C = 95.0
TEMPERATURE_DEGRADED_C = 85.0
# A busy processor is what a device is for: one reading of 100 % means nothing. Eight runnable threads for each core
# over a whole minute mean that every request waits for seven others.
LOAD_PER_CORE_DEGRADED = 8.0
# Beyond half a second a request that goes up a tier feels broken to a person.
RTT_DEGRADED_US = 500_000


@dataclass(frozen=True)
class Limit:
    """From `least` on, `figure` makes a connected node `status` for `reason`."""

    figure: Figure
    least: float
    status: Status
    reason: Reason


# The first that holds decides, so the worse stands first.
LIMITS = (
    Limit(Figure.MEMORY_SHARE, MEMORY_CRITICAL, Status.CRITICAL, Reason.MEMORY),
    Limit(Figure.TEMPERATURE_C, TEMPERATURE_CRITICAL_C, Status.CRITICAL, Reason.TEMPERATURE),
    Limit(Figure.MEMORY_SHARE, MEMORY_DEGRADED, Status.DEGRADED, Reason.MEMORY),
    Limit(Figure.TEMPERATURE_C, TEMPERATURE_DEGRADED_C, Status.DEGRADED, Reason.TEMPERATURE),
    Limit(Figure.LOAD_PER_CORE, LOAD_PER_CORE_DEGRADED, Status.DEGRADED, Reason.LOAD),
    Limit(Figure.RTT_US, RTT_DEGRADED_US, Status.DEGRADED, Reason.ROUND_TRIP),
)


class Sign(StrEnum):
    """What a node's report says of its target."""

    LIVE_MISMATCH = "live_mismatch"  # a hash of its live tensors is not the published one, or it says so itself
    FAILED = "failed"
    ON_ITS_WAY = "on_its_way"  # the newest target is accepted and does not serve yet


@dataclass(frozen=True)
class Rule:
    """Where `sign` holds, a connected node is `status` for `reason`."""

    sign: Sign
    status: Status
    reason: Reason


# Among equal statuses these speak before the limits: wrong weights matter more than a slow connection.
RULES = (
    Rule(Sign.LIVE_MISMATCH, Status.DEGRADED, Reason.LIVE_MISMATCH),
    Rule(Sign.FAILED, Status.DEGRADED, Reason.TARGET_FAILED),
    Rule(Sign.ON_ITS_WAY, Status.UPDATING, Reason.TARGET),
)
# Reports that say so are of a target that was taken and does not serve yet.
UNDER_WAY = (ReportState.ACCEPTED, ReportState.DOWNLOADING, ReportState.STAGED, ReportState.PROBED)

# The worst first: how lists sort by status.
SEVERITY = (
    Status.CRITICAL,
    Status.OFFLINE,
    Status.DEGRADED,
    Status.WAITING,
    Status.UPDATING,
    Status.HEALTHY,
    Status.RETIRED,
)

# One letter for each status in the cells of a wall.
LETTERS = {
    Status.HEALTHY: "o",
    Status.UPDATING: "u",
    Status.DEGRADED: "d",
    Status.CRITICAL: "c",
    Status.OFFLINE: "f",
    Status.WAITING: "w",
}

NEEDS_ATTENTION = (Status.CRITICAL, Status.OFFLINE, Status.DEGRADED, Status.WAITING)
