"""What Muster's commands share."""

import json
import logging
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fleet.trust.models import Site, User
from fleet.trust.selectors import sites
from fleet.trust.selectors.server_key import ServerKeyError
from fleet.trust.services.actors import Actor
from fleet.trust.services.errors import DomainError

# Whoever may run commands on the server may do everything, and the audit trail says so.
OPERATOR_AT_THE_SERVER = Actor.system("manage.py")


class MusterCommand(BaseCommand):
    """Turns a refusal into one line and a non-zero exit; prints results for people or, with --json, for programs."""

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as typed: standard output carries the answer alone, and only what is wrong is logged beside it."""
        root = logging.getLogger()
        root.setLevel(max(root.level, logging.WARNING))
        for handler in root.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(sys.stderr)
        super().run_from_argv(argv)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except DomainError as error:
            reasons = "; ".join(f"{field}: {' '.join(why)}" for field, why in error.fields.items())
            raise CommandError(reasons or str(error)) from error
        except ServerKeyError as error:
            raise CommandError(str(error)) from error

    def tell(self, options: dict[str, Any], facts: dict[str, Any]) -> None:
        """Print the facts: one JSON object, or a line each."""
        if options["json"]:
            self.stdout.write(json.dumps(facts, default=str))
            return
        for name, value in facts.items():
            self.stdout.write(f"{name}: {value}")


def site_at(path: str) -> Site:
    """Return the site at `path`, or end the command."""
    site = sites.by_path(path)
    if site is None:
        raise CommandError(f"There is no site {path!r}. `manage.py create_site` makes one.")
    return site


def user_named(username: str) -> User:
    """Return the user with that name, or end the command."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no user {username!r}. `manage.py create_user` makes one.")
    return user
