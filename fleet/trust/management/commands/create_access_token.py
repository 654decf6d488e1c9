from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand, user_named
from fleet.trust.services import access_tokens


class Command(MusterCommand):
    help = "Make a bearer token with which a script acts for a user. It is printed once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument("--days", type=int, default=30, help="until it expires (%(default)s)")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        token, secret = access_tokens.create(
            actor=OPERATOR_AT_THE_SERVER,
            user=user_named(options["username"]),
            name=options["name"],
            lifetime=timedelta(days=options["days"]),
        )
        self.tell(options, {"id": token.pk, "token": secret, "expires_at": token.expires_at.isoformat()})
