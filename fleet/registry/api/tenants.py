"""For which tenant something is made: the one that is named, or the only one there is for the person."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from fleet.registry.selectors.uploads import tenants
from fleet.trust.access import Verb, require
from fleet.trust.api.requests import person
from fleet.trust.api.sites import SitePathField
from fleet.trust.models import Site


class TenantIn(serializers.Serializer[Any]):
    site = SitePathField(
        required=False,
        help_text="Path of the tenant's site, a root. It may be left out where the person releases for one alone.",
    )


def tenant(request: Request, named: Site | None) -> Site:
    """Return the tenant of a wish that the person may release for.

    Raises:
        PermissionDenied: not for the one that is named, or for none at all.
        ValidationError: none is named, and there is not just one.
    """
    if named is not None:
        require(person(request), Verb.RELEASE, named)
        return named
    found = list(tenants(person(request))[:2])
    if not found:
        raise PermissionDenied
    if len(found) > 1:
        raise serializers.ValidationError({"site": [_("Say for which root site.")]})
    return found[0]
