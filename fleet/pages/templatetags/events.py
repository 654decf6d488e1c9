"""Events as people read them."""

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fleet.pages.core.numbers import NO_DATA
from fleet.trust.models import Event

register = template.Library()

# What stands behind the name of the target: "edge-07 was approved".
WORDS: dict[str, str | Promise] = {
    "node.enrolled": _("asked to join"),
    "node.approved": _("was approved"),
    "node.refused": _("was refused"),
    "node.quarantined": _("was put in quarantine"),
    "node.released": _("was released from quarantine"),
    "node.retired": _("was retired"),
    "node.online": _("came online"),
    "node.offline": _("went silent"),
    "enrolment_token.created": _("was created as enrolment token"),
    "enrolment_token.revoked": _("was revoked as enrolment token"),
    "access_token.created": _("was created as access token"),
    "access_token.revoked": _("was revoked as access token"),
    "site.created": _("was created as site"),
    "user.created": _("was created as user"),
    "user.deactivated": _("was deactivated"),
    "user.password_changed": _("changed the password"),
    "user.password_reset": _("was given a new password"),
    "grant.given": _("was given a role"),
    "grant.taken": _("lost a role"),
}
TONES = {
    "node.approved": "ok",
    "node.released": "ok",
    "node.online": "ok",
    "node.enrolled": "todo",
    "node.refused": "off",
    "node.retired": "off",
    "node.offline": "off",
    "node.quarantined": "crit",
    "enrolment_token.revoked": "off",
    "access_token.revoked": "off",
    "user.deactivated": "off",
    "grant.taken": "off",
}


@register.filter
def event_words(verb: str) -> str:
    """Return what happened; a verb of a later version stands as it is."""
    return str(WORDS.get(verb, verb))


@register.filter
def event_tone(verb: str) -> str:
    """Return the silhouette beside an event."""
    return TONES.get(verb, "busy")


@register.filter
def before_after(event: Event) -> str:
    """Return the changed fields as `name: old → new`."""
    names = dict.fromkeys([*event.before, *event.after])
    parts = []
    for name in names:
        new = _plain(event.after.get(name))
        parts.append(f"{name}: {_plain(event.before[name])} → {new}" if name in event.before else f"{name}: {new}")
    return "; ".join(parts)


def _plain(value: object) -> str:
    """Return a stored value without the marks of a programming language."""
    return NO_DATA if value is None else str(value).lower() if isinstance(value, bool) else str(value)
