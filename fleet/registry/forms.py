"""Forms of the registry's pages."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.registry.core.version_states import Origin
from fleet.registry.models.workload_labels import translated
from fleet.registry.selectors.uploads import tenants
from fleet.trust.access import Person, Verb
from fleet.trust.models import Site
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.selectors import sites
from muster.workloads import catalogue

LARGEST_SEED = (1 << 63) - 1  # what the column holds
LEAST_REASON = 5  # letters; "ok" explains nothing to whoever reads the log next year


class SitePicker(forms.ModelChoiceField):
    """A site by its name, with where it lies."""

    def label_from_instance(self, site: Site) -> str:
        """Return the name with its path, which tells equal names apart."""
        return f"{site.name} ({site})"


class TokenForm(forms.Form):
    """Where the devices will be, and how they are let in."""

    APPROVAL = [("wait", _("An operator approves each device")), ("auto", _("Devices are approved at once"))]

    site = SitePicker(label=_("Site"), queryset=Site.objects.none(), empty_label=None)
    tier = forms.ChoiceField(label=_("Tier"), choices=Tier.choices)
    approval = forms.ChoiceField(label=_("Approval"), choices=APPROVAL)
    max_uses = forms.IntegerField(label=_("Devices"), min_value=1, max_value=1000, initial=1)
    minutes = forms.IntegerField(label=_("Valid for (minutes)"), min_value=1, max_value=60, initial=30)

    def __init__(self, *args: Any, user: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = sites.listing(user, Verb.OPERATE)  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """Return what the service wants."""
        data = self.cleaned_data
        return {
            "site": data["site"],
            "tier": data["tier"],
            "auto_approve": data["approval"] == "auto",
            "max_uses": data["max_uses"],
            "lifetime": timedelta(minutes=data["minutes"]),
        }


class PublishForm(forms.Form):
    """A new version of a model, and the model too where its name is new."""

    ORIGINS = [
        (Origin.INITIAL.value, _("Start untrained, drawn from a seed")),
        (Origin.UPLOADED.value, _("Upload its weights")),
    ]

    site = forms.ChoiceField(label=_("Tenant"))
    workload = forms.ChoiceField(label=_("Workload"))
    name = forms.SlugField(
        label=_("Name"),
        max_length=63,
        help_text=_("Small letters, digits and hyphens. A name that exists gets its next version."),
    )
    origin = forms.ChoiceField(
        label=_("Weights"), choices=ORIGINS, initial=Origin.INITIAL.value, widget=forms.RadioSelect
    )
    seed = forms.IntegerField(
        label=_("Seed"),
        required=False,
        initial=0,
        min_value=0,
        max_value=LARGEST_SEED,
        help_text=_("Equal seeds give equal weights, byte for byte."),
    )
    upload = forms.UUIDField(required=False, widget=forms.HiddenInput)
    note = forms.CharField(label=_("Note"), required=False, max_length=200, help_text=_("Shown beside the version."))

    def __init__(self, *args: Any, user: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenants = {site.path: site for site in tenants(user)}
        self.fields["site"].choices = [(path, site.name) for path, site in self.tenants.items()]  # type: ignore[attr-defined]
        self.fields["site"].initial = next(iter(self.tenants), None)
        titles = [(name, translated(catalogue.get(name).title)) for name in catalogue.names()]
        self.fields["workload"].choices = titles  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Want a seed or an upload, as the origin says."""
        values = super().clean() or {}
        if values.get("origin") == Origin.UPLOADED and not values.get("upload") and "upload" not in self.errors:
            self.add_error("upload", _("Choose the file that holds the weights."))
        if values.get("origin") == Origin.INITIAL and values.get("seed") is None and "seed" not in self.errors:
            self.add_error("seed", _("Give the seed that the weights are drawn from."))
        return values


class ReasonForm(forms.Form):
    """Why something is done, kept in the audit log."""

    reason = forms.CharField(required=False, max_length=400)

    def __init__(self, *args: Any, needs_reason: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.needs_reason = needs_reason

    def clean_reason(self) -> str:
        """Refuse a reason that is too short to explain anything."""
        reason: str = self.cleaned_data["reason"].strip()
        if self.needs_reason and len(reason) < LEAST_REASON:
            raise forms.ValidationError(_("Write a reason of at least 5 characters."))
        return reason

    def problem(self) -> str:
        """Return why the form is refused, in one sentence."""
        return " ".join(str(error) for errors in self.errors.values() for error in errors)
