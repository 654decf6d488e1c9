"""Version negotiation: the server speaks minor N and N-1; a device names what it speaks."""

from muster.wire.errors import UnknownVersion

MAJOR = 1
MINOR = 1  # the newest minor version that this code speaks: 1.1 added targets, reports and inferences
OLDEST_MINOR = max(0, MINOR - 1)
TARGETS_SINCE = 1  # an end of an older minor version is sent no Target and sends no Report


def negotiate(offered: range | list[int], newest: int = MINOR, oldest: int = OLDEST_MINOR) -> int:
    """Return the highest minor version that both ends speak.

    Args:
        offered: minor versions that the device speaks.
        newest, oldest: bounds, both included, that this end speaks.

    Raises:
        UnknownVersion: there is none.

    >>> negotiate([0, 1, 2], newest=1, oldest=0)
    1
    """
    shared = [minor for minor in offered if oldest <= minor <= newest]
    if not shared:
        raise UnknownVersion(f"this end speaks wire {MAJOR}.{oldest} to {MAJOR}.{newest}, the other {sorted(offered)}")
    return max(shared)
