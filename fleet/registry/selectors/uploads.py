"""Reads uploads as a person may see them."""

from django.db.models import QuerySet

from fleet.registry.models import Upload
from fleet.trust.access import Person, Verb, visible
from fleet.trust.models import Site


def listing(user: Person) -> QuerySet[Upload]:
    """Return the uploads for the tenants that `user` sees, the newest first."""
    return visible(Upload.objects.select_related("site", "created_by"), user)


def tenants(user: Person, verb: Verb = Verb.RELEASE) -> QuerySet[Site]:
    """Return the root sites at which `user` may `verb`."""
    return visible(Site.objects.filter(parent=None).order_by("path"), user, verb)
