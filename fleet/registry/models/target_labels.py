"""The words for what nodes report of their targets: the one place where every page takes them from."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from muster.wire.targets import Reason, ReportState, ShardState


@dataclass(frozen=True)
class ReasonWords:
    """Why a target failed, or an active one is not as it should be; and what a person does about it."""

    name: str | Promise
    advice: str | Promise


REASONS = {
    Reason.NONE: ReasonWords("", ""),
    Reason.BAD_SIGNATURE: ReasonWords(
        _("A target came that this server's key did not sign"),
        _("The node kept what it runs. Find out who else sends targets; if the server's key was changed, enrol anew."),
    ),
    Reason.OLDER: ReasonWords(
        _("A target came that is older than the accepted one"),
        _("The node kept the newer one. After a restore from backup, raise the release epoch."),
    ),
    Reason.MALFORMED: ReasonWords(
        _("This agent cannot read the target"), _("Update the agent on the device; it is too old for this server.")
    ),
    Reason.UNREACHABLE: ReasonWords(
        _("A shard could not be fetched"), _("The node tries again by itself. Look at its connection to the server.")
    ),
    Reason.DOWNLOAD_CORRUPT: ReasonWords(
        _("What was downloaded had other bytes than the plan names"),
        _("It is fetched again by itself. If it happens again, something between server and node changes bytes."),
    ),
    Reason.DISK_CORRUPT: ReasonWords(
        _("A stored shard changed on disk"), _("It is fetched again by itself. If it happens again, test the disk.")
    ),
    Reason.LIVE_MISMATCH: ReasonWords(
        _("The tensors in memory are not those of the plan"),
        _("They are loaded again by themselves. If it happens again, test the memory or look who touches the process."),
    ),
    Reason.DISK_FULL: ReasonWords(
        _("The disk is full"), _("Free space on the device; the node tries again by itself.")
    ),
    Reason.MEMORY_SHORT: ReasonWords(
        _("Memory does not suffice"), _("Place a component elsewhere or choose a smaller variant, and push again.")
    ),
    Reason.RUNTIME_MISSING: ReasonWords(
        _("PyTorch is not installed on the device"),
        _("Install the agent with its serving extra on the device: muster-agent[serving]."),
    ),
    Reason.WORKLOAD_MISSING: ReasonWords(
        _("The workload's package is not installed on the device"), _("Install the package on the device.")
    ),
    Reason.WORKLOAD_VERSION: ReasonWords(
        _("The device has another version of the workload"),
        _("Update the agent or the workload's package to the version that the model was published with."),
    ),
    Reason.WEIGHTS_REFUSED: ReasonWords(
        _("The weights do not fit the component"),
        _("The device's package declares the component differently. Install the same one as on the server."),
    ),
    Reason.PROBE_FAILED: ReasonWords(
        _("The loaded shards answer otherwise than the publisher computed"),
        _("The switch was not made. Compare the versions of PyTorch on the device and on the server."),
    ),
    Reason.WORKER_DIED: ReasonWords(
        _("The process that runs the shards ended"),
        _("It is started again by itself. If it happens again, look at memory and at the agent's log."),
    ),
}

REPORT_STATES = {
    ReportState.IDLE: pgettext_lazy("report", "Nothing to run"),
    ReportState.ACCEPTED: pgettext_lazy("report", "Target accepted"),
    ReportState.DOWNLOADING: pgettext_lazy("report", "Downloading"),
    ReportState.STAGED: pgettext_lazy("report", "Loaded"),
    ReportState.PROBED: pgettext_lazy("report", "Probed"),
    ReportState.ACTIVE: pgettext_lazy("report", "Running it"),
    ReportState.FAILED: pgettext_lazy("report", "Failed"),
}

SHARD_STATES = {
    ShardState.MISSING: pgettext_lazy("shard", "Missing"),
    ShardState.DOWNLOADING: pgettext_lazy("shard", "Downloading"),
    ShardState.HELD: pgettext_lazy("shard", "Stored"),
    ShardState.STAGED: pgettext_lazy("shard", "Loaded"),
    ShardState.SERVING: pgettext_lazy("shard", "Serving"),
    ShardState.CORRUPT: pgettext_lazy("shard", "Damaged"),
}
