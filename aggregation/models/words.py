"""The words for what becomes of jobs, rounds and updates: the one place where every page takes them from."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from aggregation.core.failures import Failure, NotPushed
from aggregation.core.lifecycle import Screen
from muster.wire.work import WorkReason

Text = str | Promise


@dataclass(frozen=True)
class Words:
    """What happened in a few words, and what a person does about it."""

    name: Text
    advice: Text


STRATEGIES = {
    "fedavg": Words(
        _("Federated averaging"),
        _("Each member trains on its own data; every tensor takes the mean of their changes, by their samples."),
    )
}

SCREENS = {
    Screen.NONE: Words("", ""),
    Screen.MALFORMED: Words(
        _("No readable safetensors file"),
        _("Look at the device's disk and at its agent's log; it trains anew in the next round."),
    ),
    Screen.EXTRA_TENSOR: Words(
        _("A tensor that the model does not have"),
        _("Install the same version of the workload's package on the device as on the server."),
    ),
    Screen.MISSING_TENSOR: Words(
        _("A tensor is missing"),
        _("Install the same version of the workload's package on the device as on the server."),
    ),
    Screen.WRONG_SHAPE: Words(
        _("A tensor has another shape"),
        _("Install the same version of the workload's package on the device as on the server."),
    ),
    Screen.WRONG_DTYPE: Words(
        _("A tensor has another type"),
        _("Install the same version of the workload's package on the device as on the server."),
    ),
    Screen.NOT_FINITE: Words(
        _("NaN or infinity in the update"),
        _("Training diverged there: lower the learning rate, and look at the device's data."),
    ),
    Screen.NORM: Words(
        _("The change is larger than the bound"),
        _("Look at the device's data. If many are refused, lower the learning rate or raise the bound."),
    ),
    Screen.NO_SAMPLES: Words(
        _("The number of samples cannot be"),
        _("A device may not claim so many samples, or none. Look at its data and who can change its agent."),
    ),
    Screen.KIND: Words(_("Another kind of update than the round wants"), _("Update the agent on the device.")),
    Screen.UNTRAINED: Words(
        _("It changes a component that it has no samples for"),
        _("Look who can change the agent on this device; an unchanged agent leaves such tensors out."),
    ),
}

REASONS = {
    WorkReason.NONE: Words("", ""),
    WorkReason.UNREACHABLE: Words(
        _("A shard of the base could not be fetched"), _("Look at the device's connection to the server.")
    ),
    WorkReason.RUNTIME_MISSING: Words(
        _("PyTorch is not installed on the device"),
        _("Install the agent with its serving extra on the device: muster-agent[serving]."),
    ),
    WorkReason.WORKLOAD_MISSING: Words(
        _("The workload's package is not installed on the device"), _("Install the package on the device.")
    ),
    WorkReason.WORKLOAD_VERSION: Words(
        _("The device has another version of the workload"),
        _("Update the agent or the workload's package to the version that the model was published with."),
    ),
    WorkReason.NO_DATA: Words(
        _("There is no labelled sample on the device"), _("Check the folder that its agent was given by --data.")
    ),
    WorkReason.MEMORY_SHORT: Words(
        _("Memory does not suffice to train"), _("Choose a smaller batch, or leave the device's tier out.")
    ),
    WorkReason.DISK_FULL: Words(_("The disk is full"), _("Free space on the device.")),
    WorkReason.NOT_FINITE: Words(
        _("Training diverged on the device"), _("Lower the learning rate, and look at the device's data.")
    ),
    WorkReason.WORKER_DIED: Words(
        _("The process that trains ended"), _("Look at the device's memory and at its agent's log.")
    ),
    WorkReason.REFUSED: Words(
        _("The server did not take the update"), _("It came after the round had closed, or was never asked for.")
    ),
}

FAILURES = {
    Failure.NO_MEMBERS: Words(
        _("Too few nodes could be invited"), _("Lower the quorum, or choose more tiers or a larger site.")
    ),
    Failure.QUORUM_MISSED: Words(
        _("Too few updates came in time"), _("Allow more time, lower the quorum, or see below why members dropped out.")
    ),
    Failure.QUORUM_LOST: Words(_("Too few of the updates were accepted"), _("See below why the others were refused.")),
    Failure.NOT_PUBLISHABLE: Words(
        _("What was aggregated is no model"), _("Lower the learning rate or the bound of an update's norm.")
    ),
    Failure.GAVE_UP: Words(
        _("Whoever computed it was lost too often"),
        _("Look at the memory and the log of the worker of the queue “aggregation”."),
    ),
    Failure.STOPPED: Words(_("The job was stopped"), _("What was published before stays.")),
    Failure.ROUNDS_FAILED: Words(_("Too many rounds failed"), _("Open the last round to see why.")),
    Failure.WORKLOAD_UNFIT: Words(
        _("The workload is not on this server in the version that the model was published with"),
        _("Install that version of the workload's package on the server."),
    ),
}

NOT_PUSHED = {
    NotPushed.NO_BETTER: Words(
        _("The best version was not pushed: it answers no better than the one that training began with"),
        _("The nodes keep what they run. Train longer, or with other settings."),
    ),
    NotPushed.NO_PLAN: Words(
        _("The best version was not pushed: no plan of this model is active"), _("Make a plan for it and push that.")
    ),
    NotPushed.REFUSED: Words(
        _("The best version was not pushed: the plan does not fit the fleet as it is"),
        _("Mend what it names, then make a plan for it and push that."),
    ),
}

# What the services write beside a drop-out in English.
DETAILS = {
    "did not come in time": _("It did not hand over its update in time"),
    "not active any more": _("The node is not active any more"),
    "the round ended": _("The round ended before it was done"),
}
