from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from fleet.trust.management.base import OPERATOR_AT_THE_SERVER, MusterCommand, site_at
from fleet.trust.models.enrolment_token import Tier
from fleet.trust.selectors import enrol_command, server_key
from fleet.trust.services import enrolment_tokens


class Command(MusterCommand):
    help = "Make an enrolment token and print the command to copy to the device."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--site", required=True, metavar="PATH", help="like north/plant-a")
        parser.add_argument("--tier", required=True, choices=Tier.values)
        parser.add_argument("--auto-approve", action="store_true", help="let the devices in without an operator")
        parser.add_argument("--uses", type=int, default=1, help="how many devices may enrol (%(default)s)")
        parser.add_argument("--minutes", type=int, default=30, help="until it expires, at most 60 (%(default)s)")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        pin = server_key.pin()  # before the token is made: without a server key no device can use it
        token, secret = enrolment_tokens.create(
            actor=OPERATOR_AT_THE_SERVER,
            site=site_at(options["site"]),
            tier=options["tier"],
            auto_approve=options["auto_approve"],
            max_uses=options["uses"],
            lifetime=timedelta(minutes=options["minutes"]),
        )
        self.tell(
            options,
            {
                "id": token.pk,
                "token": secret,
                "pin": pin,
                "expires_at": token.expires_at.isoformat(),
                "command": enrol_command.for_secret(secret),
            },
        )
