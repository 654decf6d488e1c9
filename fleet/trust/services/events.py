"""Writes the audit trail. A caller records inside the transaction of the move itself."""

import uuid
from typing import Any

from fleet.trust.models import Event, Site
from fleet.trust.services.actors import Actor

REASON_LENGTH = Event._meta.get_field("reason").max_length
LABEL_LENGTH = Event._meta.get_field("target_label").max_length


def record(
    verb: str,
    *,
    actor: Actor,
    target_kind: str,
    target_id: uuid.UUID | None,
    target_label: str,
    site: Site | None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> Event:
    """Store one event.

    Args:
        verb: `<entity>.<past participle>`, like `node.approved`.
        site: where it belongs; whoever may see the site sees the event.
        before, after: the changed fields only, never a secret.
        reason: what the actor gave as reason; cut to what the column holds.
    """
    return Event.objects.create(
        verb=verb,
        actor_kind=actor.kind,
        actor=actor.person,
        actor_label=actor.label[:LABEL_LENGTH],
        site=site,
        target_kind=target_kind,
        target_id=target_id,
        target_label=target_label[:LABEL_LENGTH],
        before=before or {},
        after=after or {},
        reason=reason[:REASON_LENGTH],
        address=actor.address,
    )
