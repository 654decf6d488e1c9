"""Settings that only make sense together."""

from config.env import ConfigError

# One reading may be lost or late without its node being called offline.
READINGS_IN_A_LEASE = 2


def check_lease(lease_seconds: int, interval_ms: int) -> None:
    """Refuse a lease that a healthy node could not keep.

    >>> check_lease(6, 3000)

    Raises:
        ConfigError: the lease ends before a second reading can arrive.
    """
    if lease_seconds * 1000 < READINGS_IN_A_LEASE * interval_ms:
        raise ConfigError(
            f"MUSTER_LEASE_SECONDS is {lease_seconds} and MUSTER_SAMPLE_INTERVAL_MS is {interval_ms}: a healthy node"
            f" would be shown offline between two readings. Set MUSTER_LEASE_SECONDS to"
            f" {-(-READINGS_IN_A_LEASE * interval_ms // 1000)} or more, or take readings more often."
        )
