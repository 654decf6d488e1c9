"""Reads who may watch which live topic."""

import uuid
from collections.abc import Callable, Iterable

from fleet.registry.models import Node
from fleet.telemetry.core.topics import Kind, Topic
from fleet.trust.access import Person, visible
from fleet.trust.models import Site

Seen = Callable[[Person, list[uuid.UUID]], Iterable[uuid.UUID]]


def _nodes(user: Person, ids: list[uuid.UUID]) -> Iterable[uuid.UUID]:
    return visible(Node.objects.filter(uid__in=ids), user).values_list("uid", flat=True)


def _sites(user: Person, ids: list[uuid.UUID]) -> Iterable[uuid.UUID]:
    return visible(Site.objects.filter(pk__in=ids), user).values_list("pk", flat=True)


# Kind → which of these identifiers a person may see. Apps above this one add theirs when they are ready.
kinds: dict[Kind, Seen] = {Kind.NODE: _nodes, Kind.SITE: _sites}


def allowed(user: Person, topics: Iterable[Topic]) -> set[Topic]:
    """Return those of `topics` that `user` may watch now."""
    wanted: dict[Kind, list[uuid.UUID]] = {}
    for topic in set(topics):
        wanted.setdefault(topic.kind, []).append(topic.id)
    return {Topic(kind, seen) for kind, ids in wanted.items() if kind in kinds for seen in kinds[kind](user, ids)}
