"""Makes models: names at a tenant, each of a workload."""

import re

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from fleet.registry.models import Model
from fleet.trust.models import Site
from fleet.trust.services import events
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import Conflict, refuse
from muster.workloads import catalogue

# Lower case only, so that no two names differ in case alone.
NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
NAME_LENGTH = Model._meta.get_field("name").max_length or 0


class ModelExists(Conflict):
    """The tenant has a model of this name."""

    code = "model_exists"


@transaction.atomic
def create(*, actor: Actor, site: Site, name: str, workload: str) -> Model:
    """Make a model without versions.

    Raises:
        InvalidInput: the site is no root, the name cannot be accepted, the workload is not in the catalogue.
        ModelExists: the tenant has one of this name.
    """
    if site.parent_id is not None:
        raise refuse("site", _("Models belong to a root site."))
    if not NAME.fullmatch(name) or len(name) > NAME_LENGTH:
        raise refuse("name", _("Use lower-case letters and digits, with single hyphens or underscores between them."))
    if workload not in catalogue.names():
        known = ", ".join(catalogue.names())
        raise refuse("workload", _("There is no such workload. There are: %(names)s.") % {"names": known})
    try:
        with transaction.atomic():  # its own savepoint: the caller's transaction survives a duplicate
            model = Model.objects.create(site=site, name=name, workload=workload, created_by=actor.person)
    except IntegrityError as error:
        raise ModelExists(_("There is a model %(name)s already.") % {"name": name}) from error
    events.record(
        "model.created",
        actor=actor,
        target_kind="model",
        target_id=model.pk,
        target_label=model.name,
        site=site,
        after={"workload": workload},
    )
    return model
