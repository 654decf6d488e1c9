"""What making and pushing a plan refuses, and the words for it.

DomainError
├── InvalidInput
│   └── PlanMalformed     400  the mapping names what does not exist
└── Conflict
    ├── NoModel           409  no published model owns all the named components
    ├── AmbiguousModel    409  several do
    ├── WorkloadUnfit     409  the workload's package is not here, or in another version
    └── PlanRefused       409  the checks stand against it
"""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fleet.rollouts.core.placing import MALFORMED, MIB, Code, Refusal
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.services.errors import Conflict, DomainError, InvalidInput

TEXTS = {
    Code.UNKNOWN_COMPONENT: gettext_lazy("There is no component “%(subject)s”; the model has %(known)s."),
    Code.UNKNOWN_TIER: gettext_lazy("“%(tier)s” is no tier; there are terminal, edge and cloud."),
    Code.NO_NODE: gettext_lazy("The tier %(subject)s has no active node for %(components)s."),
    Code.MEMORY_SHORT: gettext_lazy(
        "%(node)s, the smallest node of the tier %(subject)s, would need %(needed)d MiB of memory and may use "
        "%(usable)d MiB."
    ),
    Code.TOO_MANY_SHARDS: gettext_lazy(
        "Nodes of the tier %(subject)s would hold %(shards)d shards; a node takes %(most)d."
    ),
    Code.RAW_INPUT_LEAVES: gettext_lazy(
        "%(subject)s on the tier %(tier)s would need the raw input “%(input)s”, which may not leave the tier %(home)s."
    ),
    Code.NOT_PUBLISHED: gettext_lazy("%(subject)s was published neither as %(variant)s nor as its reference."),
}


class NoModel(Conflict):
    """No published model fits; `fields["model"]` names those that there are."""

    code = "no_model"


class AmbiguousModel(Conflict):
    """Several models fit; `fields["model"]` names them."""

    code = "ambiguous_model"


class WorkloadUnfit(Conflict):
    """The declaration of the model's workload is not what it was published with."""

    code = "workload_unfit"


class PlanMalformed(InvalidInput):
    """The mapping names what does not exist."""


class PlanRefused(Conflict):
    """The checks stand against the placement; `fields` has the reasons by component or tier."""

    code = "plan_refused"


def refused(refusals: Sequence[Refusal]) -> DomainError:
    """Return the exception for what the checks found, with every reason in words."""
    fields: dict[str, list[str]] = {}
    for refusal in refusals:
        fields.setdefault(refusal.subject or "?", []).append(sentence(refusal))
    kind = PlanMalformed if any(refusal.code in MALFORMED for refusal in refusals) else PlanRefused
    return kind(" ".join(sentence(refusal) for refusal in refusals), fields=fields)


def sentence(refusal: Refusal) -> str:
    """Return why, for a person, in the language that is active."""
    tiers = {value: str(label) for value, label in Tier.choices}
    facts: dict[str, Any] = {"subject": tiers.get(refusal.subject, refusal.subject), **refusal.facts}
    if refusal.code is Code.RAW_INPUT_LEAVES:
        facts |= {name: tiers[str(facts[name])] for name in ("tier", "home")}
    if refusal.code is Code.MEMORY_SHORT:
        facts["needed"] = -(-int(facts["needed_bytes"]) // MIB)  # rounded up, so that it is never shown as enough
        facts["usable"] = int(facts["usable_bytes"]) // MIB
    return str(TEXTS[refusal.code]) % facts


def not_a_mapping() -> PlanMalformed:
    """Return the refusal of a wish that is no object of texts."""
    text = _('A plan is an object like {"vision": "terminal", "fusion": "cloud"}.')
    return PlanMalformed(text, fields={"non_field_errors": [text]})
