"""Who does something, as the audit trail names them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from fleet.trust.models import Event, User


@dataclass(frozen=True)
class Actor:
    """Somebody or something that acts; make one with `user`, `node` or `system`."""

    kind: str
    label: str
    person: User | None = None
    uid: uuid.UUID | None = None
    address: str | None = None

    @classmethod
    def user(cls, user: User, address: str | None = None) -> Actor:
        """Return a signed-in person, with the network address they act from."""
        return cls(Event.Actor.USER, user.get_username(), person=user, uid=user.pk, address=address or None)

    @classmethod
    def node(cls, uid: uuid.UUID, name: str, address: str | None = None) -> Actor:
        """Return a device that acts for itself."""
        return cls(Event.Actor.NODE, name, uid=uid, address=address or None)

    @classmethod
    def system(cls, name: str) -> Actor:
        """Return a part of Muster itself: a command, a reconciler, a policy."""
        return cls(Event.Actor.SYSTEM, name)
