"""A new plan: choose the tier of each component, or paste the mapping; what it means is shown before it is made."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.registry.models import ModelVersion
from fleet.rollouts.selectors import plan_pages as selector
from fleet.rollouts.selectors import plans as plan_selector
from fleet.rollouts.services import drafts, plans
from fleet.rollouts.services.refusals import not_a_mapping, sentence
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.services.errors import DomainError
from fleet.trust.views.people import actor, person, wanted_panel

TIER_FIELD = "tier-"  # and the component's name
MAX_MAPPING = 16 * 1024  # characters; the largest plan that is accepted is a fifth of it


@dataclass
class Wish:
    """What the form says.

    Attributes:
        mapping: component → tier; None where nothing was said yet.
        model: id or name of the model, empty where the mapping shall say it.
        text: the mapping as it was pasted.
        problem: why there is no draft.
    """

    way: str = "choose"
    mapping: Any = None
    model: str = ""
    version: int | None = None
    text: str = ""
    problem: str = ""
    candidates: list[str] = field(default_factory=list)
    draft: drafts.Draft | None = None


@require_http_methods(["GET", "HEAD", "POST"])
def plan_new(request: HttpRequest) -> HttpResponse:
    """Show the form with what it would mean; on a POST make the plan."""
    published = selector.published(person(request))
    wish = _read(request.POST if request.method == "POST" else request.GET, published)
    _draft(request, wish)
    if request.method == "POST":
        if wish.draft is not None and not wish.draft.refusals:
            plan, is_new = plans.keep(wish.draft, actor=actor(request))
            told = _("The plan was made.") if is_new else _("This plan exists already; equal content is one plan.")
            messages.success(request, told)
            return redirect("plan", pk=plan.pk)
        return _page(request, wish, published, status=409)
    return _page(request, wish, published)


def _read(data: QueryDict, published: list[ModelVersion]) -> Wish:
    """Return what the form says; without a word, the first model as it stands."""
    wish = Wish(way="paste" if data.get("way") == "paste" else "choose", model=data.get("model", ""))
    number = data.get("version", "")
    wish.version = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
    if wish.way == "paste":
        wish.text = data.get("mapping", "")[:MAX_MAPPING]
        return wish
    if not wish.model and published:
        wish.model = str(published[0].model_id)
    chosen = next((version for version in published if str(version.model_id) == wish.model), None)
    names = [part.name for part in chosen.components.all()] if chosen else []
    wish.mapping = {name: data[TIER_FIELD + name] for name in names if data.get(TIER_FIELD + name)}
    return wish


def _draft(request: HttpRequest, wish: Wish) -> None:
    """Work out what the wish means, or why it means nothing."""
    if wish.way == "paste" and not wish.text.strip():
        return
    try:
        if wish.way == "paste":
            wish.mapping = _parsed(wish.text)
        if wish.mapping is not None:
            allowed = plan_selector.models(person(request))
            wish.draft = drafts.draft(
                models=allowed, mapping=wish.mapping, model=wish.model or None, version=wish.version
            )
    except DomainError as error:
        wish.problem = str(error)
        wish.candidates = error.fields.get("model", [])


def _parsed(text: str) -> Any:
    """Return pasted JSON; two values for one component would leave open which is meant."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _value in pairs}) != len(pairs):
            raise not_a_mapping()
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise not_a_mapping() from error


def _page(request: HttpRequest, wish: Wish, published: list[ModelVersion], status: int = 200) -> HttpResponse:
    draft = wish.draft
    context: dict[str, Any] = {
        "wish": wish,
        "published": published,
        "tiers": Tier.choices,
        "draft": draft,
        "current": draft.current if draft else None,
    }
    if draft is not None:
        before = draft.current.plan if draft.current else None
        context |= {
            "drawing": selector.draw(draft.version, draft.seats, before),
            "refusals": [sentence(refusal) for refusal in draft.refusals],
            "changes": draft.changes,
            "sums": selector.sums(draft.changes),
            "is_current": before is not None and before.plan_sha256 == draft.plan_sha256,
            "numbers": selector.numbers(draft.model),
            "seats": _seats(draft),
        }
    template = "rollouts/_draft.html" if wanted_panel(request) == "draft" else "rollouts/plan_new.html"
    return render(request, template, context, status=status)


def _seats(draft: drafts.Draft) -> list[dict[str, str]]:
    """Return each component with its place, in the model's order."""
    return [
        {"name": part.name, "modality": part.modality, "default": part.default_tier}
        | {"tier": draft.seats[part.name].tier, "variant": draft.seats[part.name].variant}
        for part in draft.version.components.all()
        if part.name in draft.seats
    ]
