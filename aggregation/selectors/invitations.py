"""Reads who would be invited if a round opened now, for whoever is about to start a job."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from aggregation.core import membership
from aggregation.selectors import candidates
from fleet.registry.models import ModelVersion
from fleet.trust.models import Site


@dataclass(frozen=True)
class Invitation:
    """How many nodes would be invited now, and how many could be if all were online and free."""

    now: int
    able: int

    @property
    def missing(self) -> int:
        return self.able - self.now


def invitation(version: ModelVersion, site: Site, tiers: Iterable[str]) -> Invitation:
    """Return who would be invited to train this version at a site and below it."""
    found = candidates.nodes(site, tiers, timezone.now())
    present, able = membership.places(found, model_bytes=candidates.model_bytes(version))
    return Invitation(len(present), able)
