from typing import Any

from django.core.management.base import CommandParser

from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand, user_named
from fleet.trust.services import passwords


class Command(MusterCommand):
    help = "Give somebody who lost their password a new one: `reset_password ann`. It is printed once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_named(options["username"])
        password = passwords.reset(user, actor=OPERATOR_AT_THE_SERVER)
        self.tell(options, {"username": user.get_username(), "password": password})
