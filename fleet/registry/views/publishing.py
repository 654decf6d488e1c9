"""Publishing from a page: a new version of a model, and the model too where its name is new."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from fleet.registry.core.version_states import Origin
from fleet.registry.forms import PublishForm
from fleet.registry.models import ModelVersion
from fleet.registry.selectors import models as selector
from fleet.registry.services.publishing import publish_next
from fleet.trust.access import Verb, require, visible
from fleet.trust.services.errors import DomainError
from fleet.trust.views.people import actor, person
from muster.workloads import catalogue


@require_http_methods(["GET", "HEAD", "POST"])
def model_new(request: HttpRequest) -> HttpResponse:
    """Show the form; on a POST make the version, which a worker then checks and cuts."""
    if request.method != "POST":
        return _page(request, PublishForm(user=person(request), initial=_initial(request)))
    form = PublishForm(request.POST, user=person(request))
    if not form.is_valid():
        return _page(request, form, status=400)
    try:
        made = _make(request, form)
    except DomainError as error:
        _blame(form, error)
        return _page(request, form, status=error.status)
    messages.success(request, _("%(version)s was made and is being checked.") % {"version": made})
    return redirect("model-version", made.model_id, made.number)


def _make(request: HttpRequest, form: PublishForm) -> ModelVersion:
    """Make the version that the form describes."""
    values, site = form.cleaned_data, form.tenants[form.cleaned_data["site"]]
    require(person(request), Verb.RELEASE, site)
    return publish_next(
        actor=actor(request),
        site=site,
        name=values["name"],
        workload=values["workload"],
        origin=Origin(values["origin"]),
        seed=values["seed"],
        upload_id=values["upload"],
        note=values["note"],
    )


def _blame(form: PublishForm, error: DomainError) -> None:
    """Put a refusal beside the fields that it is about."""
    known = {name: reasons for name, reasons in error.fields.items() if name in form.fields}
    for name, reasons in known.items():
        form.add_error(name, reasons)
    if not known:
        form.add_error(None, str(error))


def _initial(request: HttpRequest) -> dict[str, str]:
    """Return name and workload of the model that the address names."""
    named = request.GET.get("model", "")
    found = visible(selector.models(person(request)), person(request), Verb.RELEASE)
    for model in found.select_related("site"):
        if str(model.pk) == named:
            return {"site": model.site.path, "name": model.name, "workload": model.workload}
    return {}


def _page(request: HttpRequest, form: PublishForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "may_release": bool(form.tenants),
        "workloads": [catalogue.get(name) for name in catalogue.names()],
        "uploads": reverse("api-upload-list"),
    }
    return render(request, "registry/model_new.html", context, status=status)
