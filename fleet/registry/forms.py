"""Forms of the registry's pages."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from fleet.trust.access import Person, Verb
from fleet.trust.models import Site
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.selectors import sites

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
