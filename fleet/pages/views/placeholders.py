"""Places whose subject does not exist yet. They say what will be here, and what to use meanwhile."""

from django.urls import URLPattern, path
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView

Text = str | Promise


def place(name: str, title: Text, explanation: Text, *, instead: str, label: Text) -> URLPattern:
    """Return the address of a page that says honestly that it is empty.

    Args:
        instead, label: the page that helps meanwhile, and what its button says.
    """
    context = {"title": title, "explanation": explanation, "instead": instead, "label": label}
    return path(
        f"{name}/", TemplateView.as_view(template_name="pages/placeholder.html", extra_context=context), name=name
    )


urlpatterns = [
    place(
        "alerts",
        _("Alerts"),
        _(
            "Rules and the alerts that they fire will be listed here. "
            "Until then the node list shows every node that is outside its limits."
        ),
        instead="nodes",
        label=_("Open the node list"),
    ),
]
