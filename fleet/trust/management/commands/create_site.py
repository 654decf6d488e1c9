from typing import Any

from django.core.management.base import CommandParser

from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand, site_at
from fleet.trust.services import sites


class Command(MusterCommand):
    help = "Add a site: `create_site north/plant-a`. The site above it must exist; without one it is a root, a tenant."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path")
        parser.add_argument("--name", help="how people call it; the last part of the path without")
        parser.add_argument("--time-zone", default="UTC", help="of the IANA database, like Europe/Berlin")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        above, _slash, slug = options["path"].strip("/").rpartition("/")
        site = sites.create(
            actor=OPERATOR_AT_THE_SERVER,
            parent=site_at(above) if above else None,
            slug=slug,
            name=options["name"] or slug,
            time_zone=options["time_zone"],
        )
        self.tell(options, {"id": site.pk, "path": site})
