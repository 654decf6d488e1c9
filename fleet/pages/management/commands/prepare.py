import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from fleet.pages.services import agent_wheel, catalogues, first_steps, static_files
from fleet.telemetry.services import partitions
from fleet.trust.services import enrolment_tokens, server_key
from muster import __version__


@dataclass(frozen=True)
class Ask:
    """A token that is wanted: for a device of this name, at this site, on this tier."""

    name: str
    site: str
    tier: str


class Command(BaseCommand):
    help = (
        "Makes everything ready that the processes need, and changes nothing that is: tables, partitions, "
        "translations, static files, the agent's wheel, the server's key, the first operator, sites."
    )
    requires_system_checks: tuple[str, ...] = ()  # they cost a second of every start; `make test` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--operator", default="operator", help="user name of the first account")
        parser.add_argument("--password-file", type=Path, help="holds the first account's password; else one is made")
        parser.add_argument("--root", default="local", help="slug of the root site (default: %(default)s)")
        parser.add_argument("--site", action="append", default=[], metavar="PATH", help="site to make; may be repeated")
        parser.add_argument(
            "--token", action="append", default=[], type=_ask, metavar="NAME:SITE:TIER",
            help="make an enrolment token that approves this device by itself; may be repeated",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        with agent_wheel.built():  # beside the rest: it takes a second of its own
            _migrate()
            partitions.reconcile()
            for locale in settings.LOCALE_PATHS:
                catalogues.compile_all(Path(locale))
            static_files.collect()
            server_key.ensure()
            root = first_steps.ensure_site(options["root"])
            for path in options["site"]:
                first_steps.ensure_site(path)
            password = first_steps.ensure_operator(options["operator"], [root], _read(options["password_file"]))
            tokens = {ask.name: _token(ask) for ask in options["token"]}
        if options["json"]:
            made = None if options["password_file"] else password
            result = {"version": __version__, "pin": server_key.pin(), "password": made, "tokens": tokens}
            self.stdout.write(json.dumps(result))
        elif password is not None and options["password_file"] is None:
            self.stdout.write(f"Sign in as {options['operator']} with the password {password} (shown this once).")


def _ask(text: str) -> Ask:
    parts = text.split(":")
    if len(parts) != len(Ask.__dataclass_fields__):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:SITE:TIER")
    return Ask(*parts)


def _read(path: Path | None) -> str | None:
    return None if path is None else path.read_text(encoding="utf-8").strip()


def _migrate() -> None:
    """Apply the migrations that are missing; looking is much cheaper than the command when none is."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def _token(ask: Ask) -> str:
    site = first_steps.ensure_site(ask.site)
    _row, secret = enrolment_tokens.create(actor=first_steps.ACTOR, site=site, tier=ask.tier, auto_approve=True)
    return secret
