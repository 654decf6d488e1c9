"""What training adds to the pages of the fleet: running jobs on the overview, jobs and a new one in the palette."""

from django.db.models import CharField, Q
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aggregation.selectors import job_pages, jobs
from fleet.pages.extensions import Change, Found, Group
from fleet.trust.access import Verb, can_anywhere
from fleet.trust.models import User


def change(user: User) -> Change:
    """Return the jobs that are running."""
    return Change("aggregation/_overview_change.html", list(job_pages.running(user)))


def group(user: User, text: str, most: int) -> Group:
    """Return the jobs whose model is called so, or whose id ends or begins with the text."""
    wanted = (
        Q(model__name__icontains=text) | Q(id_text__startswith=text.casefold()) | Q(id_text__endswith=text.casefold())
    )
    found = jobs.listing(user).annotate(id_text=Cast("id", CharField())).filter(wanted)[:most]
    options = [Found(str(job), job.get_state_display(), reverse("job", args=[job.pk]), "rounds") for job in found]
    return Group("jobs", gettext_lazy("Federated rounds"), options)


def actions(user: User) -> list[tuple[str, str, str]]:
    """Return the start of a job, for whom may start one."""
    return [(_("Train a model"), reverse("job-new"), "rounds")] if can_anywhere(user, Verb.RELEASE) else []
