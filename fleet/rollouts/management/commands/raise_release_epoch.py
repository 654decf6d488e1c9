from typing import Any

from django.core.management.base import CommandParser

from fleet.rollouts.services import reconcile, release_epochs
from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand


class Command(MusterCommand):
    help = (
        "After a restore from backup: raise the release epoch, so that nodes accept the targets of this server again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        epoch = release_epochs.raise_epoch(actor=OPERATOR_AT_THE_SERVER)
        self.tell(options, {"epoch": epoch, "targets": reconcile.run()["issued"]})
