"""Updates the translation catalogues from the sources, without GNU gettext."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from fleet.pages.services import messages


class Command(BaseCommand):
    """Put new texts into every catalogue, take vanished ones out, and say what is untranslated."""

    help = __doc__ or ""
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--check`."""
        parser.add_argument("--check", action="store_true", help="Change nothing; fail where a text is untranslated.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Update each catalogue, or check it."""
        texts = messages.extract(Path(settings.BASE_DIR))
        missing = 0
        for path in sorted(Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.po")):
            catalogue = messages.update(path, texts, write=not options["check"])
            untranslated = [entry for entry in catalogue if not entry.obsolete and not entry.translated()]
            missing += len(untranslated)
            self.stdout.write(
                f"{path.relative_to(settings.BASE_DIR)}: {len(texts)} texts, {len(untranslated)} untranslated"
            )
            for entry in untranslated:
                self.stdout.write(f"  {entry.occurrences[0][0]}: {entry.msgid!r}")
        if options["check"] and missing:
            raise SystemExit(1)
