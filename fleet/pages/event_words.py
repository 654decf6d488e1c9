"""The words of every kind of event: its tone, its name, and the sentence that tells it."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Words:
    """How one kind of event is told.

    Attributes:
        tone: the silhouette beside it.
        name: what happened, for a column or a choice.
        sentence: the same in full; `{target}` and `{actor}` are filled in.
    """

    tone: str
    name: str | Promise
    sentence: str | Promise


EVENTS = {
    "node.enrolled": Words("todo", _("Node asked to join"), _("{target} asked to join.")),
    "node.approved": Words("ok", _("Node approved"), _("{target} was approved by {actor}.")),
    "node.refused": Words("off", _("Node refused"), _("{target} was refused by {actor}.")),
    "node.quarantined": Words("crit", _("Node quarantined"), _("{target} was put in quarantine by {actor}.")),
    "node.released": Words("ok", _("Node released"), _("{target} was released from quarantine by {actor}.")),
    "node.retired": Words("off", _("Node retired"), _("{target} was retired by {actor}.")),
    "node.online": Words("ok", _("Node online"), _("{target} came online.")),
    "node.offline": Words("off", _("Node silent"), _("{target} went silent.")),
    "plan.created": Words("busy", _("Plan made"), _("The plan {target} was made by {actor}.")),
    "rollout.started": Words("busy", _("Plan pushed"), _("The plan {target} was pushed by {actor}.")),
    "rollout.superseded": Words(
        "off", _("Push superseded"), _("The push of {target} was superseded by a later one of {actor}.")
    ),
    "rollout.done": Words("ok", _("Push done"), _("Every node proved that it runs the plan {target}.")),
    "rollout.reopened": Words("todo", _("Push open again"), _("Not every node runs the plan {target} any more.")),
    "target.active": Words("ok", _("Target running"), _("{target} runs what it shall.")),
    "target.failed": Words("warn", _("Target failed"), _("{target} could not take on its target.")),
    "shard.mismatch": Words(
        "crit", _("Wrong weights in memory"), _("The weights in the memory of {target} are not the published ones.")
    ),
    "shard.corrupt": Words("warn", _("Shard damaged"), _("{target} found a damaged shard and fetches it again.")),
    "release_epoch.raised": Words(
        "todo", _("Release epoch raised"), _("{target} was raised by {actor}; every node gets its target anew.")
    ),
    "job.started": Words("busy", _("Training started"), _("The training job {target} was started by {actor}.")),
    "job.done": Words("ok", _("Training done"), _("The training job {target} has done its rounds.")),
    "job.failed": Words("crit", _("Training failed"), _("The training job {target} failed.")),
    "job.stopped": Words("off", _("Training stopped"), _("The training job {target} was stopped by {actor}.")),
    "round.opened": Words("busy", _("Round opened"), _("The round {target} was opened and its members invited.")),
    "round.closed": Words("busy", _("Round closed"), _("The round {target} was closed; its updates are aggregated.")),
    "round.published": Words("ok", _("Round published"), _("The round {target} was published as a new version.")),
    "round.failed": Words("warn", _("Round failed"), _("The round {target} failed.")),
    "enrolment_token.created": Words(
        "busy", _("Enrolment token made"), _("Enrolment token {target} was made by {actor}.")
    ),
    "enrolment_token.revoked": Words(
        "off", _("Enrolment token revoked"), _("Enrolment token {target} was revoked by {actor}.")
    ),
    "access_token.created": Words("busy", _("Access token made"), _("Access token {target} was made by {actor}.")),
    "access_token.revoked": Words("off", _("Access token revoked"), _("Access token {target} was revoked by {actor}.")),
    "site.created": Words("busy", _("Site created"), _("Site {target} was created by {actor}.")),
    "model.created": Words("busy", _("Model created"), _("Model {target} was created by {actor}.")),
    "version.created": Words(
        "busy", _("Version made"), _("Version {target} was made by {actor} and is being checked.")
    ),
    "version.published": Words("ok", _("Version published"), _("Version {target} was published.")),
    "version.refused": Words("crit", _("Version refused"), _("Version {target} was refused.")),
    "upload.refused": Words("crit", _("Upload refused"), _("Upload {target} was refused.")),
    "submission.refused": Words(
        "warn", _("Update damaged"), _("{target} handed over an update with other bytes than it had announced.")
    ),
    "user.created": Words("busy", _("Account created"), _("The account {target} was created by {actor}.")),
    "user.deactivated": Words("off", _("Account closed"), _("The account {target} was closed by {actor}.")),
    "user.password_changed": Words(
        "busy", _("Password changed"), _("The password of {target} was changed by {actor}.")
    ),
    "user.password_reset": Words("busy", _("Password reset"), _("{target} was given a new password by {actor}.")),
    "grant.given": Words("busy", _("Role given"), _("{target} was given a role by {actor}.")),
    "grant.taken": Words("off", _("Role taken away"), _("{actor} took a role away from {target}.")),
}


def words(verb: str) -> Words:
    """Return how an event is told; a verb of a later version stands as it is."""
    return EVENTS.get(verb) or Words("busy", verb, f"{{target}}: {verb}")
