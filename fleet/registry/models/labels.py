"""The words for what core derives."""

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from fleet.registry.core.health import Reason, Status

STATUS_LABELS = {
    Status.WAITING: pgettext_lazy("node status", "Waiting"),
    Status.HEALTHY: pgettext_lazy("node status", "Healthy"),
    Status.UPDATING: pgettext_lazy("node status", "Updating"),
    Status.DEGRADED: pgettext_lazy("node status", "Degraded"),
    Status.CRITICAL: pgettext_lazy("node status", "Critical"),
    Status.OFFLINE: pgettext_lazy("node status", "Offline"),
    Status.RETIRED: pgettext_lazy("node status", "Retired"),
}

REASON_LABELS = {
    Reason.NONE: "",
    Reason.UNDECIDED: _("Waits for approval"),
    Reason.RETIRED: _("Retired"),
    Reason.QUARANTINED: _("In quarantine"),
    Reason.NEVER_SEEN: _("Never connected"),
    Reason.SILENT: _("No signal"),
    Reason.MEMORY: _("Memory nearly full"),
    Reason.TEMPERATURE: _("Too hot"),
    Reason.LOAD: _("Processor overloaded"),
    Reason.ROUND_TRIP: _("Slow connection"),
    Reason.LIVE_MISMATCH: _("Runs other weights than were published"),
    Reason.TARGET_FAILED: _("Could not take on its target"),
    Reason.TARGET: _("Takes on a new target"),
}
