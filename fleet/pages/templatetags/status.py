"""Status as glyph and word: five states, five silhouettes, five words; waiting and retired beside them."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from fleet.registry.core.health import NEEDS_ATTENTION, SEVERITY, Reason, Status
from fleet.registry.models.labels import REASON_LABELS, STATUS_LABELS

register = template.Library()

# What the style sheet calls the state's tone and its silhouette.
TONES = {
    "healthy": "ok",
    "updating": "busy",
    "degraded": "warn",
    "critical": "crit",
    "offline": "off",
    "waiting": "todo",
    "retired": "off",
}


@register.simple_tag
def icon(name: str, size: int = 16) -> SafeString:
    """Return a symbol of the sprite, without meaning for a screen reader."""
    return format_html(
        '<svg width="{0}" height="{0}" aria-hidden="true" focusable="false"><use href="#i-{1}"/></svg>', size, name
    )


@register.simple_tag
def glyph(status: str) -> SafeString:
    """Return the silhouette of a status, or of a tone."""
    return format_html(
        '<svg class="g" data-s="{0}" width="14" height="14" aria-hidden="true" focusable="false">'
        '<use href="#g-{0}"/></svg>',
        TONES.get(status, status),
    )


@register.simple_tag
def status(value: str) -> SafeString:
    """Return glyph and word, for lists and text."""
    return format_html('<span class="st" data-s="{}">{}{}</span>', tone(value), glyph(value), word(value))


@register.simple_tag
def pill(value: str) -> SafeString:
    """Return glyph and word on a tint, for beside a title."""
    return format_html('<span class="pill" data-s="{}">{}{}</span>', tone(value), glyph(value), word(value))


@register.filter
def tone(value: str) -> str:
    """Return the style sheet's name of a status."""
    return TONES.get(value, "off")


@register.filter
def word(value: str) -> str:
    """Return the word of a status in the reader's language."""
    return str(STATUS_LABELS[Status(value)])


@register.filter
def reason(value: str) -> str:
    """Return why a node has its status, in a few words; nothing for a healthy one."""
    return str(REASON_LABELS[Reason(value)])


@register.filter
def worst_first(counts: dict[str, int]) -> list[str]:
    """Return the states in `counts` that are worth a mark beside a site's name, the worst first."""
    return [status.value for status in SEVERITY if status in NEEDS_ATTENTION and counts.get(status.value)]
