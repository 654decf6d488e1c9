"""Places whose subject does not exist yet. They say so, and what will be here."""

from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView


def place(name: str, title: str | Promise, explanation: str | Promise) -> URLPattern:
    """Return the address of a page that says honestly that it is empty."""
    view = TemplateView.as_view(
        template_name="pages/placeholder.html", extra_context={"title": title, "explanation": explanation}
    )
    return path(f"{name}/", view, name=name)


urlpatterns = [
    place(
        "topology",
        _("Topology"),
        _("No sharding plan exists, so no model runs along a path of nodes that could be drawn."),
    ),
    place(
        "alerts",
        _("Alerts"),
        _("This server has no alert rules. Nodes in a bad state are listed on the overview."),
    ),
    place("plans", _("Sharding plans"), _("No model has been registered that a plan could place on nodes.")),
    place("models", _("Models"), _("No model has been registered on this server.")),
    place("rounds", _("Federated rounds"), _("No training job has been created on this server.")),
]
