"""Reads how the whole fleet is right now, in one query."""

from django.db.models import BooleanField, Case, Value, When
from django.db.models.functions import Now

from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node
from fleet.registry.selectors.nodes import with_status
from fleet.telemetry.core.site_figures import NodeNow


def nodes() -> list[NodeNow]:
    """Return every node that is not retired, with its status and its last figures."""
    rows = with_status(Node.objects.exclude(state=NodeState.RETIRED)).annotate(online=online()).order_by("key")
    names = ["site_id", "uid", "status", "online", "presence__rtt_us", "presence__cpu", "presence__memory_used_bytes"]
    return [NodeNow(*row) for row in rows.values_list(*names)]


def online() -> Case:
    """Return the expression "the node's lease lies ahead"."""
    ahead = When(presence__expires_at__gt=Now(), state=NodeState.ACTIVE, then=Value(True))
    return Case(ahead, default=Value(False), output_field=BooleanField())
