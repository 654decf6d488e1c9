"""Forms of the settings page."""

from datetime import timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm
from django.utils.translation import gettext_lazy as _

from fleet.trust.models import User


def zones() -> list[tuple[str, str]]:
    """Return every zone that people live in, without the database's links and historical names."""
    places = sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix/", "right/"))
    )
    return [("UTC", "UTC")] + [(name, name.replace("_", " ")) for name in places]


class OwnColumnsForm(forms.ModelForm):
    """Stores its own columns only: a person read before may have been deactivated, or changed their password."""

    def save(self, commit: bool = True) -> Any:
        if commit:
            self.instance.save(update_fields=list(self.fields))
        return self.instance


class PreferencesForm(OwnColumnsForm):
    """How a person wants to see the pages."""

    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=lambda: [("", _("As the browser asks")), *settings.LANGUAGES]
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=zones)

    class Meta:
        model = User
        fields = ["language", "time_zone", "theme", "density", "shortcuts"]
        labels = {"theme": _("Theme"), "density": _("Density"), "shortcuts": _("Single-key shortcuts")}


class ThemeForm(OwnColumnsForm):
    """The theme alone, from the top bar."""

    class Meta:
        model = User
        fields = ["theme"]


class ChangePasswordForm(PasswordChangeForm):
    """Old and new password, without taking the focus of a page that holds other forms."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].widget.attrs.pop("autofocus", None)


class AccessTokenForm(forms.Form):
    """A name and a lifetime for a script's token."""

    LIFETIMES = [(1, _("1 day")), (7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("1 year"))]

    name = forms.CharField(label=_("Name"), max_length=80, help_text=_("What will use it, such as “nightly export”."))
    days = forms.TypedChoiceField(label=_("Valid for"), choices=LIFETIMES, coerce=int, initial=30)

    def clean(self) -> dict[str, object]:
        """Add the lifetime as a duration."""
        values = super().clean() or {}
        if "days" in values:
            values["lifetime"] = timedelta(days=values["days"])
        return values
