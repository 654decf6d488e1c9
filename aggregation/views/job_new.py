"""A new training job: what each choice means, and who would be invited, is shown before it starts."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from aggregation.core.lifecycle import JobState
from aggregation.forms import JobForm
from aggregation.models import TrainingJob
from aggregation.selectors import jobs as selector
from aggregation.selectors.invitations import Invitation, invitation
from aggregation.services import jobs as services
from fleet.registry.models import Model
from fleet.trust.access import Verb, require
from fleet.trust.services.errors import DomainError
from fleet.trust.views.people import actor, person, wanted_panel


@require_http_methods(["GET", "HEAD", "POST"])
def job_new(request: HttpRequest) -> HttpResponse:
    """Show the form with what it would mean; on a POST start the job."""
    models = list(selector.trainable(person(request)).order_by("name"))
    if not models:
        return render(request, "aggregation/job_new.html", status=200 if request.method != "POST" else 403)
    if request.method != "POST":
        return _page(request, _asked(request, models))
    form = _form(request, request.POST, models)
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        job = _start(request, form)
    except DomainError as error:
        form.blame(error.fields, str(error))
        return _page(request, form, status=error.status)
    messages.success(request, _("The job was started. Its first round invites the nodes by itself."))
    return redirect("job", pk=job.pk)


def _start(request: HttpRequest, form: JobForm) -> TrainingJob:
    values = form.cleaned_data
    require(person(request), Verb.RELEASE, form.chosen)
    return services.create(
        actor=actor(request),
        model=form.chosen,
        config=form.settings(values),
        site=values["site"],
        base_version=form.base if values["version"] else None,
        strategy=values["strategy"],
    )


def _asked(request: HttpRequest, models: list[Model]) -> JobForm:
    """Return the form as the address names it: whole where the page asks anew, otherwise with what it begins with."""
    data = request.GET.copy()
    if "rounds" not in data:
        return _form(request, None, models, data.get("model", ""))
    chosen = _chosen(models, data.get("model", ""))
    # Another model was chosen: its versions and sites are others.
    if not data.get("site", "").startswith(chosen.site.path):
        data["site"] = chosen.site.path
    number = data.get("version", "")
    if not number.isdecimal() or len(number) > 9 or not chosen.versions.filter(number=int(number)).exists():
        data["version"] = ""
    return _form(request, data, models)


def _form(request: HttpRequest, data: QueryDict | None, models: list[Model], named: str = "") -> JobForm:
    chosen = _chosen(models, data.get("model", "") if data is not None else named)
    return JobForm(data, user=person(request), models=models, chosen=chosen)


def _chosen(models: list[Model], named: str) -> Model:
    """Return the named model, or the first."""
    return next((model for model in models if str(model.pk) == named), models[0])


def _page(request: HttpRequest, form: JobForm, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "model": form.chosen,
        "base": form.base,
        "running": form.chosen.jobs.filter(state=JobState.RUNNING).first(),
        "invitation": _invitation(form),
        "quorum": _value(form, "quorum"),
        "source": form["source"].value(),
    }
    is_panel = wanted_panel(request) == "wish"
    return render(request, "aggregation/_wish.html" if is_panel else "aggregation/job_new.html", context, status=status)


def _invitation(form: JobForm) -> Invitation | None:
    """Return who would be invited; None where site or tiers are not said."""
    site, tiers = _value(form, "site"), _value(form, "tiers")
    if form.is_bound and (site is None or not tiers):
        return None
    return invitation(form.base, site if form.is_bound else form.chosen.site, tiers)


def _value(form: JobForm, name: str) -> Any:
    """Return what a field holds, as far as it can be read."""
    return (
        form.cleaned_data.get(name)
        if form.is_bound and form.is_valid_so_far()
        else form.get_initial_for_field(form.fields[name], name)
    )
