"""Figures for Prometheus, read from the database at each scrape: no process keeps a count of its own."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fleet.registry.selectors import nodes
from fleet.trust.access import Person
from fleet.trust.selectors import canaries, enrolment_tokens, sites


class FleetCollector(Collector):
    """The fleet as one person sees it."""

    def __init__(self, user: Person) -> None:
        self._user = user

    def collect(self) -> Iterable[GaugeMetricFamily]:
        by_status = GaugeMetricFamily("muster_nodes", "Nodes by status.", labels=["status"])
        for status, number in nodes.status_counts(self._user).items():
            by_status.add_metric([status], number)
        yield by_status
        yield GaugeMetricFamily("muster_sites", "Sites.", value=sites.listing(self._user).count())
        yield GaugeMetricFamily(
            "muster_enrolment_tokens_usable",
            "Enrolment tokens with which a device could enrol now.",
            value=enrolment_tokens.usable(self._user).count(),
        )
        ages = GaugeMetricFamily(
            "muster_worker_canary_age_seconds",
            "Age of the last sign of life of a queue's worker.",
            labels=["queue"],
        )
        for queue, age in canaries.ages().items():
            ages.add_metric([queue], age.total_seconds())
        yield ages


def registry(user: Person) -> CollectorRegistry:
    """Return the fleet's figures for `user`, and those of the process that answers."""
    collectors = CollectorRegistry()
    collectors.register(FleetCollector(user))
    ProcessCollector(registry=collectors)
    PlatformCollector(registry=collectors)
    return collectors
