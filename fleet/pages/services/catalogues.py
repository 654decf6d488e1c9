"""Compiles the translations: a checkout holds the readable `.po` files alone."""

import os
from pathlib import Path

import polib


def compile_all(locale: Path) -> list[Path]:
    """Write the `.mo` file of every catalogue that is newer than it; return those written."""
    written = []
    for source in sorted(locale.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        new = target.with_suffix(f".mo.{os.getpid()}")
        polib.pofile(str(source)).save_as_mofile(str(new))
        new.replace(target)  # a reader sees the old one or the new one
        written.append(target)
    return written
