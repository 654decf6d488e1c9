"""Events as people read them."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from fleet.pages.core.numbers import NO_DATA
from fleet.pages.event_words import words
from fleet.trust.models import Event

register = template.Library()


@register.filter
def event_name(verb: str) -> str:
    """Return what happened in two or three words."""
    return str(words(verb).name)


@register.filter
def event_sentence(event: Event) -> SafeString:
    """Return what happened as a sentence, with the name of its target in bold."""
    target = format_html("<b>{}</b>", event.target_label)
    return format_html(str(words(event.verb).sentence), target=target, actor=event.actor_label)


@register.filter
def event_tone(verb: str) -> str:
    """Return the silhouette beside an event."""
    return words(verb).tone


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
