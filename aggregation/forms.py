"""The form of a training job: each choice with a line that explains it. What cannot hold is refused by the settings
themselves, see `aggregation.core.config`; the form only says it beside the field."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from aggregation.core import config as configs
from aggregation.core import strategies
from aggregation.core.config import BOUNDS, DEFAULT, ConfigRefused
from aggregation.models.words import STRATEGIES
from aggregation.services.refusals import sentence
from fleet.registry.core.version_states import VersionState
from fleet.registry.forms import SitePicker
from fleet.registry.models import Model, ModelVersion
from fleet.trust.access import Person, Verb
from fleet.trust.models import Site
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.selectors import sites

MILLION = Decimal(configs.MILLION)
OWN, SPLIT = "own", "split"
DEFAULT_ALPHA = Decimal("0.3")
# Setting → field of the form, where the names differ.
FIELDS = {
    "learning_rate_millionths": "learning_rate",
    "momentum_millionths": "momentum",
    "max_norm_millionths": "max_norm",
    "partition_alpha_millionths": "alpha",
    "base_version": "version",
}


def _decimal(name: str, **options: Any) -> forms.DecimalField:
    """Return the field of a setting that is kept in millionths, with its bounds."""
    least, most = BOUNDS[name]
    widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
    return forms.DecimalField(
        min_value=least / MILLION, max_value=most / MILLION, max_digits=16, decimal_places=6, widget=widget, **options
    )


class JobForm(forms.Form):
    """What is trained, where, and how."""

    SOURCES = [
        (OWN, _("Each node trains on its own data")),
        (SPLIT, _("Simulation: the workload's included data is split among the members")),
    ]

    model = forms.ChoiceField(label=_("Model"), help_text=_("One job at a time trains a model."))
    version = forms.TypedChoiceField(
        label=_("Base version"),
        coerce=int,
        empty_value=None,
        required=False,
        help_text=_("Training begins with its weights; they are what every result is compared with."),
    )
    strategy = forms.ChoiceField(label=_("Strategy"))
    rounds = forms.IntegerField(
        label=_("Rounds"), help_text=_("Each invites members, averages what they learned, and publishes a version.")
    )
    epochs = forms.IntegerField(
        label=_("Local epochs"),
        help_text=_("How often a member goes through its data in a round. More need fewer rounds but drift apart."),
    )
    batch_size = forms.IntegerField(
        label=_("Batch size"), help_text=_("Samples of one step. Smaller ones need less memory on the device.")
    )
    learning_rate = _decimal(
        "learning_rate_millionths",
        label=_("Learning rate"),
        help_text=_("How far one step goes. If updates are refused as not finite, lower it."),
    )
    momentum = _decimal(
        "momentum_millionths", label=_("Momentum"), help_text=_("How much of the step before is kept; 0 is plain.")
    )
    seed = forms.IntegerField(
        label=_("Seed"), help_text=_("Of shuffling and of all else that is random; equal seeds train alike.")
    )
    site = SitePicker(
        label=_("Site"),
        queryset=Site.objects.none(),
        to_field_name="path",
        empty_label=None,
        help_text=_("Members are the active nodes there and below."),
    )
    tiers = forms.MultipleChoiceField(
        label=_("Tiers"),
        choices=Tier.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Only nodes of these tiers are invited."),
    )
    quorum = forms.IntegerField(
        label=_("Quorum"), help_text=_("With fewer accepted updates a round fails, and nothing is published of it.")
    )
    deadline_s = forms.IntegerField(
        label=_("Deadline (seconds)"), help_text=_("So long a round collects at most; who comes later is late.")
    )
    grace_s = forms.IntegerField(
        label=_("Grace (seconds)"), help_text=_("So long a round waits for slower members once the quorum is reached.")
    )
    max_norm = _decimal(
        "max_norm_millionths",
        label=_("Norm bound"),
        help_text=_("An update whose change is larger, as Euclidean norm, is refused."),
    )
    source = forms.ChoiceField(label=_("Data"), choices=SOURCES, widget=forms.RadioSelect, initial=OWN)
    alpha = _decimal(
        "partition_alpha_millionths",
        label=_("Dirichlet alpha"),
        required=False,
        initial=DEFAULT_ALPHA,
        help_text=_("How unequal the members' labels are: 0.1 is very unequal, 100 nearly equal."),
    )
    push = forms.BooleanField(
        label=_("Push the best version when the job is over"),
        required=False,
        help_text=_("It takes the place of the version that runs, by the active plan. Otherwise it is only published."),
    )

    def __init__(self, data: QueryDict | None, *, user: Person, models: list[Model], chosen: Model) -> None:
        super().__init__(data, initial=defaults())
        self.chosen = chosen
        self.versions = list(chosen.versions.filter(state=VersionState.PUBLISHED).order_by("-number"))
        self.choices("model", [(str(model.pk), model.name) for model in models], str(chosen.pk))
        numbers = [(version.number, str(version.number)) for version in self.versions]
        self.choices("version", [("", _("Newest")), *numbers])
        titles = [(name, STRATEGIES[name].name if name in STRATEGIES else name) for name in strategies.names()]
        self.choices("strategy", titles, titles[0][0])
        self.fields["strategy"].help_text = str(STRATEGIES["fedavg"].advice)
        below = sites.listing(user, Verb.RELEASE).filter(path__startswith=chosen.site.path)
        self.fields["site"].queryset = below  # type: ignore[attr-defined]
        self.fields["site"].initial = chosen.site.path

    def choices(self, name: str, choices: list[Any], initial: str = "") -> None:
        """Give a field its choices."""
        self.fields[name].choices = choices  # type: ignore[attr-defined]
        self.fields[name].initial = initial

    @property
    def base(self) -> ModelVersion:
        """The version that training would begin with."""
        number = self.cleaned_data.get("version") if self.is_bound and self.is_valid_so_far() else None
        return next((version for version in self.versions if version.number == number), self.versions[0])

    def is_valid_so_far(self) -> bool:
        """Run the checks, and say whether they left anything to work with."""
        self.full_clean() if not hasattr(self, "cleaned_data") else None
        return hasattr(self, "cleaned_data")

    def clean(self) -> dict[str, Any]:
        """Let the settings refuse what cannot hold."""
        values = super().clean() or {}
        if values.get("source") == SPLIT and values.get("alpha") is None and "alpha" not in self.errors:
            self.add_error("alpha", _("Give the alpha by which the data is split."))
        if not self.errors:
            try:
                configs.from_document(self.settings(values))
            except ConfigRefused as error:
                for problem in error.problems:
                    self.add_error(FIELDS.get(problem.field, problem.field), sentence(problem))
        return values

    @staticmethod
    def settings(values: dict[str, Any]) -> dict[str, Any]:
        """Return the job's settings as the service takes them."""
        return {
            "rounds": values["rounds"],
            "local": {
                "epochs": values["epochs"],
                "batch_size": values["batch_size"],
                "learning_rate_millionths": _whole(values["learning_rate"]),
                "momentum_millionths": _whole(values["momentum"]),
                "seed": values["seed"],
            },
            "quorum": values["quorum"],
            "deadline_s": values["deadline_s"],
            "grace_s": values["grace_s"],
            "tiers": values["tiers"],
            "max_norm_millionths": _whole(values["max_norm"]),
            "partition_alpha_millionths": _whole(values["alpha"]) if values["source"] == SPLIT else None,
            "push": values["push"],
        }

    def blame(self, fields: dict[str, list[str]], message: str) -> None:
        """Put a refusal beside the fields that it is about."""
        known = {at: reasons for name, reasons in fields.items() if (at := FIELDS.get(name, name)) in self.fields}
        for name, reasons in known.items():
            self.add_error(name, reasons)
        if not known:
            self.add_error(None, message)


def defaults() -> dict[str, Any]:
    """Return the form's values of the product's own settings."""
    local = DEFAULT.local
    return {
        "rounds": DEFAULT.rounds,
        "epochs": local.epochs,
        "batch_size": local.batch_size,
        "learning_rate": _plain(local.learning_rate_millionths),
        "momentum": _plain(local.momentum_millionths),
        "seed": local.seed,
        "tiers": list(DEFAULT.tiers),
        "quorum": DEFAULT.quorum,
        "deadline_s": DEFAULT.deadline_s,
        "grace_s": DEFAULT.grace_s,
        "max_norm": _plain(DEFAULT.max_norm_millionths),
        "push": DEFAULT.push,
    }


def _whole(value: Decimal) -> int:
    return int((value * MILLION).to_integral_value(ROUND_HALF_EVEN))


def _plain(value_millionths: int) -> Decimal:
    """Return a setting without needless zeros: 0.05, 100."""
    value = (Decimal(value_millionths) / MILLION).normalize()
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value
