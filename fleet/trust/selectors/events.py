"""Reads the audit trail as a person may see it."""

import uuid

from django.db.models import QuerySet

from fleet.trust.access import Person, visible
from fleet.trust.models import Event


def listing(user: Person) -> QuerySet[Event]:
    """Return the events at the sites that `user` sees, the newest first."""
    return visible(Event.objects.select_related("site"), user)


def about(user: Person, target_id: uuid.UUID) -> QuerySet[Event]:
    """Return what happened to one object."""
    return listing(user).filter(target_id=target_id)
