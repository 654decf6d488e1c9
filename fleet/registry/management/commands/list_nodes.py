import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from fleet.registry.models import Node
from fleet.registry.selectors.nodes import with_status
from fleet.trust.selectors.sites import normal_path


class Command(BaseCommand):
    help = "List nodes with their status."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", metavar="PATH", help="only at this site and below")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        nodes = with_status(Node.objects.select_related("site")).order_by("site__path", "name")
        if options["site"]:
            nodes = nodes.filter(site__path__startswith=normal_path(options["site"]))
        for node in nodes:
            facts = {
                "id": str(node.uid),
                "site": str(node.site),
                "name": node.name,
                "tier": node.tier,
                "state": node.state,
                "status": node.status,
                "fingerprint": node.fingerprint,
            }
            self.stdout.write(json.dumps(facts) if options["json"] else "  ".join(facts.values()))
