"""Jobs, rounds and updates as pages show them."""

from datetime import timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from aggregation.models import Round
from aggregation.models.words import STRATEGIES
from aggregation.selectors import accuracy, job_pages
from fleet.pages.core.numbers import NO_DATA, SPACE, plain, three_digits
from fleet.pages.templatetags.figures import span
from fleet.pages.templatetags.status import glyph

register = template.Library()

# Silhouettes of the states of jobs, rounds and members.
TONES = {
    "running": "busy",
    "done": "ok",
    "failed": "crit",
    "stopped": "off",
    "planned": "todo",
    "open": "busy",
    "aggregating": "busy",
    "evaluating": "busy",
    "published": "ok",
    "invited": "todo",
    "training": "busy",
    "received": "busy",
    "accepted": "ok",
    "refused": "crit",
    "late": "warn",
    "dropped": "off",
}


@register.filter
def learning_tone(state: str) -> str:
    """Return the style sheet's name of a state."""
    return TONES.get(state, "off")


@register.simple_tag
def learning_state(value: str, words: object) -> SafeString:
    """Return glyph and words of a state, for lists and text."""
    tone = learning_tone(value)
    return format_html('<span class="st" data-s="{}">{}{}</span>', tone, glyph(tone), words)


@register.simple_tag
def learning_pill(value: str, words: object) -> SafeString:
    """Return glyph and words of a state on a tint, for beside a title."""
    tone = learning_tone(value)
    return format_html('<span class="pill" data-s="{}">{}{}</span>', tone, glyph(tone), words)


@register.filter
def strategy_title(name: str) -> str:
    """Return what a strategy is called, or its bare name where nobody has given it words."""
    return str(STRATEGIES[name].name) if name in STRATEGIES else name


@register.filter
def right(share: float | None) -> SafeString | str:
    """Return a share of right answers in per cent with one digit."""
    return NO_DATA if share is None else format_html('{}{}<span class="u">%</span>', plain(share * 100, 1), SPACE)


@register.filter
def points(gain: float | None) -> SafeString | str:
    """Return a difference of two shares in percentage points with its sign."""
    if gain is None:
        return ""
    sign = "+" if gain >= 0 else ""
    return format_html('{}{}{}<span class="u">{}</span>', sign, plain(gain * 100, 1), SPACE, _("points"))


@register.filter
def millionths(value: int | None) -> str:
    """Return a setting that is kept in millionths without needless digits.

    >>> millionths(50_000), millionths(100_000_000)
    ('0.05', '100')
    """
    return NO_DATA if value is None else f"{value / 1_000_000:,.6f}".rstrip("0").rstrip(".")


@register.filter
def figure(value: float | None) -> str:
    """Return a norm or a loss with about three digits.

    >>> figure(1.708), figure(31.26), figure(0.00042)
    ('1.71', '31.3', '4.2e-04')
    """
    if value is None:
        return NO_DATA
    if value and abs(value) < 0.01:
        return f"{value:.1e}"
    return plain(value, 2) if abs(value) < 10 else three_digits(value)


@register.filter
def took(round: Round) -> str:
    """Return how long a round that is over took."""
    return NO_DATA if round.finished_at is None else span(round.finished_at - round.created_at)


@register.filter
def round_right(round: Round) -> SafeString | str:
    """Return the accuracy of a round's result."""
    return right(accuracy.of(round.metrics))


@register.filter
def duration(value_ms: int | None) -> str:
    """Return milliseconds as a duration."""
    return NO_DATA if value_ms is None else span(timedelta(milliseconds=value_ms))


@register.filter
def failure_word(failure: str) -> str:
    """Return why a round or a job failed, in a few words."""
    found = job_pages.failed(failure)
    return str(found.words.name) if found else ""
