from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from fleet.registry.core.version_states import Origin, VersionState
from fleet.registry.models import Artifact, Model, ModelVersion
from fleet.registry.selectors import models as selectors
from fleet.registry.services import blobs, models, parts, versions
from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand, site_at
from fleet.trust.models import Site


class Command(MusterCommand):
    help = "Publish a version of a model: of first weights drawn from a seed, or of a safetensors file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workload", help="what the model is made of, like digits")
        parser.add_argument("--weights", type=Path, metavar="FILE", help="a safetensors file of the whole model")
        parser.add_argument("--name", help="of the model, made where it is missing; the workload's without")
        parser.add_argument("--site", metavar="PATH", help="the tenant; the only root site without")
        parser.add_argument("--seed", type=int, help="of first weights (0)")
        parser.add_argument("--parent", type=int, metavar="NUMBER", help="the version that these weights come from")
        parser.add_argument("--note", default="", help="what a person shall know of this version")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["weights"] and options["seed"] is not None:
            raise CommandError("Give either --weights or --seed.")
        source = _stored(options["weights"]) if options["weights"] else ""  # before anything is made
        model = _model(_tenant(options["site"]), options["name"] or options["workload"], options["workload"])
        made = versions.create_version(
            actor=OPERATOR_AT_THE_SERVER,
            model=model,
            origin=Origin.UPLOADED if source else Origin.INITIAL,
            seed=options["seed"] or 0,
            source_sha256=source,
            parent=_parent(model, options["parent"]),
            note=options["note"],
            wake=False,  # it is published here
        )
        try:
            version = versions.publish(made.pk, actor=OPERATOR_AT_THE_SERVER, wait=True)
        except OSError as error:
            raise CommandError(f"{made} could not be checked and will be tried again: {error}") from error
        if version.state != VersionState.PUBLISHED:
            raise CommandError(f"{version} was refused ({version.refusal_code}): {version.refusal}")
        self.tell(options, _facts(version, options["json"]))


def _stored(path: Path) -> str:
    """Return the name of the blob that a file on this machine has become."""
    try:
        size_bytes = path.stat().st_size
        if not 0 < size_bytes <= settings.MUSTER_MAX_ARTIFACT_BYTES:
            raise CommandError(f"{path} has {size_bytes} bytes; 1 to {settings.MUSTER_MAX_ARTIFACT_BYTES} are taken.")
        parts.check_room(size_bytes)
        return blobs.store().put_file(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be stored: {error.strerror}.") from error


def _tenant(path: str | None) -> Site:
    if path is not None:
        return site_at(path)
    roots = list(Site.objects.filter(parent=None).order_by("path")[:20])
    if len(roots) != 1:
        known = ", ".join(str(root) for root in roots) or "none"
        raise CommandError(f"Say for which root site with --site; there is not just one: {known}.")
    return roots[0]


def _model(site: Site, name: str, workload: str) -> Model:
    model = Model.objects.filter(site=site, name=name).first()
    if model is None:
        return models.create(actor=OPERATOR_AT_THE_SERVER, site=site, name=name, workload=workload)
    if model.workload != workload:
        raise CommandError(f"The model {name} is of the workload {model.workload}; give another --name.")
    return model


def _parent(model: Model, number: int | None) -> ModelVersion | None:
    if number is None:
        return None
    found = model.versions.filter(number=number).first()
    if found is None:
        raise CommandError(f"The model {model} has no version {number}.")
    return found


def _facts(version: ModelVersion, as_json: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "model": version.model.name,
        "version": version.number,
        "id": version.pk,
        "manifest_sha256": version.manifest_sha256,
        "same_weights_as": selectors.same_weights(version),
    }
    shards = Artifact.objects.filter(component__version=version).select_related("component").order_by("key")
    if as_json:
        return facts | {"shards": [_shard(shard) for shard in shards]}
    same = ", ".join(map(str, facts.pop("same_weights_as")))
    if same:
        facts["same weights as version"] = same
    lines = {
        f"{shard.component.name} ({shard.variant})": (
            f"{shard.size_bytes:,} bytes, {shard.parameters:,} parameters, {shard.flops:,} FLOPs"
        )
        for shard in shards
    }
    return facts | lines


def _shard(shard: Artifact) -> dict[str, Any]:
    columns = ("variant", "artifact_sha256", "weights_sha256", "size_bytes", "parameters", "flops")
    return {"component": shard.component.name} | {column: getattr(shard, column) for column in columns}
