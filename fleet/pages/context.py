"""What every page's shell needs: navigation, counts, version and zone."""

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from fleet.pages.navigation import SECTIONS
from fleet.registry.core.node_states import NodeState
from fleet.registry.models import Node
from fleet.trust.access import Verb, visible
from muster import __version__


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return the shell's values; the count is asked of the database only where a template shows it."""
    match = request.resolver_match
    return {
        "nav_sections": SECTIONS,
        "current_place": match.url_name if match else None,
        "waiting_count": cache(lambda: _waiting(request)),
        "server_version": __version__,
        "zone_label": _zone_label(),
    }


def _waiting(request: HttpRequest) -> int:
    """Return how many devices wait for a decision that this person may make."""
    return visible(Node.objects.filter(state=NodeState.PENDING.value), request.user, Verb.OPERATE).count()


def _zone_label() -> str:
    """Return the active zone as people write it: UTC, UTC+8, UTC−3:30."""
    offset = timezone.localtime().utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")
