"""Models, versions, shards and pushes as pages show them."""

from collections.abc import Iterable
from typing import Protocol

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from fleet.pages.core.bars import Piece, pieces
from fleet.pages.templatetags.status import glyph
from fleet.registry.models.model import Model
from fleet.registry.models.target_labels import REASONS, REPORT_STATES, SHARD_STATES
from fleet.registry.models.workload_labels import evidence as evidence_word
from fleet.registry.models.workload_labels import metric as metric_word
from fleet.registry.models.workload_labels import modality as modality_word
from fleet.registry.models.workload_labels import translated
from fleet.rollouts.models import ShardingPlan
from fleet.trust.models.enrolment_token import Tier
from muster.wire.targets import Reason, ReportState, ShardState
from muster.workloads import catalogue

register = template.Library()


class Counted(Protocol):
    """So many of something are in a state."""

    @property
    def state(self) -> str: ...

    @property
    def count(self) -> int: ...


# Silhouettes of states that are not a node's status.
TONES = {
    "checking": "busy",
    "published": "ok",
    "refused": "crit",
    "running": "busy",
    "done": "ok",
    "superseded": "off",
    "active": "ok",
    "pushing": "busy",
    "earlier": "off",
    "never": "todo",
    "pending": "todo",
    "accepted": "todo",
    "downloading": "busy",
    "staged": "busy",
    "probed": "busy",
    "failed": "crit",
    "deferred": "off",
    "missing": "todo",
    "held": "busy",
    "serving": "ok",
    "corrupt": "crit",
    "idle": "todo",
    "match": "ok",
    "differs": "crit",
    "unknown": "todo",
}


@register.filter
def state_tone(state: str) -> str:
    """Return the style sheet's name of a state."""
    return TONES.get(state, "off")


@register.simple_tag
def state(value: str, words: object) -> SafeString:
    """Return glyph and words of a state, for lists and text."""
    tone = state_tone(value)
    return format_html('<span class="st" data-s="{}">{}{}</span>', tone, glyph(tone), words)


@register.simple_tag
def state_pill(value: str, words: object) -> SafeString:
    """Return glyph and words of a state on a tint, for beside a title."""
    tone = state_tone(value)
    return format_html('<span class="pill" data-s="{}">{}{}</span>', tone, glyph(tone), words)


@register.simple_tag
def bar_pieces(counts: Iterable[Counted]) -> list[Piece]:
    """Return the pieces of a bar of what has a state and a count."""
    return pieces([(counted.state, counted.count) for counted in counts])


@register.filter
def translated_text(text: str) -> str:
    """Return a text of a workload's declaration in the reader's language."""
    return translated(text)


@register.filter
def modality(name: str) -> str:
    return modality_word(name)


@register.filter
def metric(name: str) -> str:
    return metric_word(name)


@register.filter
def evidence(kind: str) -> str:
    return evidence_word(kind)


@register.filter
def tier(name: str) -> str:
    """Return the word for a tier."""
    return str(Tier(name).label) if name in Tier.values else name


@register.filter
def placement(plan: ShardingPlan) -> list[tuple[str, dict[str, str]]]:
    """Return component → place in the order of the model; the database keeps none."""
    try:
        order = [component.name for component in catalogue.get(plan.model.workload).components]
    except catalogue.UnknownWorkload:
        order = []
    places = plan.components
    known = [name for name in order if name in places]
    return [(name, places[name]) for name in [*known, *sorted(places.keys() - set(known))]]


@register.filter
def workload_title(model: Model) -> str:
    """Return what a model's workload is called, or its bare name where this server does not have it."""
    try:
        return translated(catalogue.get(model.workload).title)
    except catalogue.UnknownWorkload:
        return model.workload


@register.simple_tag
def synthetic(model: Model) -> SafeString | str:
    """Return the word Synthetic where a model's data is generated."""
    try:
        is_synthetic = catalogue.get(model.workload).synthetic
    except catalogue.UnknownWorkload:
        return ""
    return synthetic_tag() if is_synthetic else ""


@register.simple_tag
def synthetic_tag() -> SafeString:
    return format_html('<span class="tag" data-synthetic>{}</span>', _("Synthetic"))


@register.filter
def target_reason(value: str) -> str:
    """Return why a target failed."""
    return str(REASONS[Reason(value)].name)


@register.filter
def target_advice(value: str) -> str:
    """Return what to do about it."""
    return str(REASONS[Reason(value)].advice)


@register.filter
def shard_state(value: str) -> str:
    return str(SHARD_STATES[ShardState(value)])


@register.filter
def report_state(value: str) -> str:
    return str(REPORT_STATES[ReportState(value)])
