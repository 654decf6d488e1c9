"""Reads which nodes might take part in a job's rounds."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q, Sum

from aggregation.core.lifecycle import RoundState
from aggregation.core.membership import Candidate
from aggregation.models import Member
from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Artifact, ModelVersion, Node
from fleet.trust.access import within
from fleet.trust.models import Site


def nodes(site: Site, tiers: Iterable[str], now: datetime) -> list[Candidate]:
    """Return the active nodes at a site and below it that are on these tiers."""
    found = Node.objects.filter(within([site.path]), state=NodeState.ACTIVE, tier__in=list(tiers))
    rows = found.values_list("key", "uid", "presence__expires_at", "memory_bytes")
    open_rounds = Member.objects.filter(round__state=RoundState.OPEN, node__in=found.values("key"))
    busy = dict(open_rounds.values_list("node").annotate(count=Count("pk")).order_by())
    return [
        Candidate(key, str(uid), expires_at is not None and expires_at > now, memory_bytes, busy.get(key, 0))
        for key, uid, expires_at, memory_bytes in rows
    ]


def model_bytes(version: ModelVersion) -> int:
    """Return the size of a version's weights in their reference variants."""
    references = Artifact.objects.filter(Q(component__version=version), is_reference=True)
    return references.aggregate(total=Sum("size_bytes"))["total"] or 0
