"""Reads who may watch which live topic."""

from collections.abc import Iterable

from fleet.registry.models import Node
from fleet.telemetry.core.topics import Kind, Topic
from fleet.trust.access import Person, visible
from fleet.trust.models import Site


def allowed(user: Person, topics: Iterable[Topic]) -> set[Topic]:
    """Return those of `topics` that `user` may watch now."""
    topics = set(topics)
    nodes = [topic.id for topic in topics if topic.kind is Kind.NODE]
    sites = [topic.id for topic in topics if topic.kind is Kind.SITE]
    seen_nodes = visible(Node.objects.filter(uid__in=nodes), user).values_list("uid", flat=True)
    seen_sites = visible(Site.objects.filter(pk__in=sites), user).values_list("pk", flat=True)
    seen = {Topic(Kind.NODE, uid) for uid in seen_nodes} | {Topic(Kind.SITE, pk) for pk in seen_sites}
    return topics & seen
