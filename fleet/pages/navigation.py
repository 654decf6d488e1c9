"""The places of the shell, by what people come to do."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Place:
    """One entry of the navigation.

    Attributes:
        name: name of its URL.
        icon: symbol in `templates/_icons.html`.
        under: names of further URLs that belong to this entry.
        key: the key that follows `g` to come here.
    """

    name: str
    label: str | Promise
    icon: str
    under: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True)
class Section:
    label: str | Promise
    places: tuple[Place, ...]


SECTIONS = (
    Section(
        _("Operate"),
        (
            Place("overview", _("Overview"), "overview", key="o"),
            Place("nodes", _("Nodes"), "nodes", under=("node",), key="n"),
            Place("topology", _("Topology"), "topology", key="t"),
            Place("alerts", _("Alerts"), "alerts", key="a"),
        ),
    ),
    Section(
        _("Change"),
        (
            Place("plans", _("Sharding plans"), "plans", under=("plan-new", "plan", "rollout"), key="p"),
            Place("models", _("Models"), "models", under=("model-new", "model", "model-version"), key="m"),
            Place("rounds", _("Federated rounds"), "rounds", under=("job-new", "job", "round"), key="r"),
        ),
    ),
    Section(
        _("Govern"),
        (
            Place("enrolment", _("Enrolment"), "enrol", under=("enrolment-token-create",), key="e"),
            Place("audit", _("Audit log"), "audit", key="l"),
            Place("settings", _("Settings"), "settings", under=("access-token-create", "password"), key="s"),
        ),
    ),
)


def places() -> list[Place]:
    """Return every entry, in the order of the navigation."""
    return [place for section in SECTIONS for place in section.places]
