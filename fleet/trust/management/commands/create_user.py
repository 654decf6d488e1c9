from typing import Any

from django.core.management.base import CommandError, CommandParser

from fleet.trust.core.roles import Role
from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand, site_at
from fleet.trust.models import Site
from fleet.trust.services import users


class Command(MusterCommand):
    help = "Make an account: `create_user ann --grant north/plant-a=operator`. Its password is printed once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--grant",
            action="append",
            default=[],
            metavar="SITE=ROLE",
            help=f"role: {', '.join(Role)}; may be repeated",
        )
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        grants = [self._grant(text) for text in options["grant"]]
        user, password = users.create(actor=OPERATOR_AT_THE_SERVER, username=options["username"], grants=grants)
        self.tell(options, {"id": user.pk, "username": user.username, "password": password})

    def _grant(self, text: str) -> tuple[Site, str]:
        path, equals, role = text.partition("=")
        if not equals:
            raise CommandError(f"{text!r} is not of the form SITE=ROLE.")
        return site_at(path), role
