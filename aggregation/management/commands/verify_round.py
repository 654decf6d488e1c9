import uuid
from typing import Any

from django.core.management.base import CommandError, CommandParser

from aggregation.models import Round
from aggregation.services import verifying
from fleet.trust.management.base import MusterCommand
from muster.workloads.catalogue import UnknownWorkload

DIFFERS = 2  # exit code


class Command(MusterCommand):
    help = (
        "Compute the result of a round again from its stored updates and compare it byte for byte. "
        f"Exit codes: 0 the same bytes, {DIFFERS} others, 1 it cannot be computed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("round", type=uuid.UUID)
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        round = Round.objects.select_related("job__model", "base_version").filter(pk=options["round"]).first()
        if round is None or not round.result_sha256:
            raise CommandError("There is no such round, or it has no result.")
        try:
            found = verifying.verify(round)
        except (UnknownWorkload, OSError) as error:
            raise CommandError(f"The round cannot be computed again: {error}") from error
        facts = {"recorded": found.recorded, "stored": found.stored, "recomputed": found.recomputed}
        self.tell(options, facts | {"updates": found.updates})
        if not found.holds:
            raise CommandError("The bytes differ.", returncode=DIFFERS)
