"""Publishes from a form: the next version of a model, and the model too where its name is new."""

import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from fleet.registry.core.version_states import Origin
from fleet.registry.models import Model, ModelVersion, Upload
from fleet.registry.services.versions import create_model, create_version
from fleet.trust.models import Site
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import refuse


@transaction.atomic
def publish_next(
    *,
    actor: Actor,
    site: Site,
    name: str,
    workload: str,
    origin: Origin,
    seed: int | None = None,
    upload_id: uuid.UUID | None = None,
    note: str = "",
) -> ModelVersion:
    """Make the next version of the tenant's model `name`, which a worker then checks and cuts.

    Raises:
        DomainError: the name stands for another workload, or what `create_model` and `create_version` refuse.
    """
    model = Model.objects.filter(site=site, name=name).first()
    if model is None:
        model = create_model(actor=actor, site=site, name=name, workload=workload)
    elif model.workload != workload:
        text = _("A model of this name exists and is made of the workload “%(workload)s”.")
        raise refuse("name", text % {"workload": model.workload})
    upload = Upload.objects.filter(site=site, pk=upload_id).first() if upload_id else None
    return create_version(actor=actor, model=model, origin=origin, seed=seed, upload=upload, note=note)
