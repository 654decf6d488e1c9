"""Reads how the whole fleet is right now, in one query."""

from datetime import timedelta

from django.db.models import BooleanField, Case, F, IntegerField, Value, When
from django.db.models.functions import Now

from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node
from fleet.registry.selectors.nodes import with_status
from fleet.telemetry.core.site_figures import NodeNow

ANSWERS_FRESH = timedelta(seconds=30)  # a node that is asked less often than this shows in its own chart alone


def nodes() -> list[NodeNow]:
    """Return every node that is not retired, with its status and its last figures."""
    rows = with_status(Node.objects.exclude(state=NodeState.RETIRED)).annotate(online=online(), answers_us=answers_us())
    names = ["site_id", "uid", "status", "online", "presence__rtt_us", "presence__cpu", "presence__memory_used_bytes"]
    return [NodeNow(*row) for row in rows.order_by("key").values_list(*names, "answers_us")]


def online() -> Case:
    """Return the expression "the node's lease lies ahead"."""
    ahead = When(presence__expires_at__gt=Now(), state=NodeState.ACTIVE, then=Value(True))
    return Case(ahead, default=Value(False), output_field=BooleanField())


def answers_us() -> Case:
    """Return the expression "mean time in a component, of what the node answered of late"; null where nothing."""
    late = When(presence__inference_at__gt=Now() - ANSWERS_FRESH, then=F("presence__inference_us"))
    return Case(late, default=None, output_field=IntegerField())
