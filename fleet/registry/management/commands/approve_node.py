from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from fleet.registry.models import Node
from fleet.registry.services import nodes
from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand


class Command(MusterCommand):
    help = "Let a waiting node in. Compare its fingerprint with the device's first: `muster-agent status` prints it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("node", type=UUID, help="its id, as `list_nodes` prints it")
        parser.add_argument("--reason", default="")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        node = Node.objects.select_related("site").filter(uid=options["node"]).first()
        if node is None:
            raise CommandError(f"There is no node {options['node']}. `manage.py list_nodes` lists them.")
        nodes.approve(node, actor=OPERATOR_AT_THE_SERVER, reason=options["reason"])
        self.tell(options, {"id": node.uid, "name": node.name, "state": node.state, "fingerprint": node.fingerprint})
