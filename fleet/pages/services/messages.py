"""Finds the texts of the sources and keeps catalogues in step with them.

Python is read by Babel; templates are turned into Python-like source by Django's own
`templatize`, as `makemessages` does, and then read the same way.
"""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import polib
from babel.messages.extract import extract_python
from django.utils.translation import templatize

# Keyword → places of singular, plural and context among its arguments.
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...]] = {
    "_": (1,),
    "gettext": (1,),
    "gettext_lazy": (1,),
    "gettext_noop": (1,),
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
PACKAGES = ("fleet", "aggregation", "inference", "config")


@dataclass
class Text:
    """One text of the sources: what a catalogue has an entry for."""

    singular: str
    plural: str = ""
    context: str | None = None
    places: list[tuple[str, str]] = field(default_factory=list)


def extract(root: Path) -> list[Text]:
    """Return every translatable text below `root`, in order of where it is first used."""
    found: dict[tuple[str | None, str], Text] = {}
    for path in _sources(root):
        source = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            # The indentation of HTML is none of Python's.
            source = _at_the_margin(templatize(source, origin=str(path)))
        name = path.relative_to(root).as_posix()
        for _line, function, arguments, _comments in extract_python(
            BytesIO(source.encode()), KEYWORDS, [], {"encoding": "utf-8"}
        ):
            text = _text(function, arguments)
            if text is not None:
                known = found.setdefault((text.context, text.singular), text)
                known.plural = known.plural or text.plural
                if (name, "") not in known.places:  # without line numbers, which would change with every edit
                    known.places.append((name, ""))
    return list(found.values())


def _at_the_margin(source: str) -> str:
    """Return a text whose lines all begin at the margin.

    >>> _at_the_margin("a\\n    b")
    'a\\nb'
    """
    return "\n".join(line.lstrip() for line in source.split("\n"))


def update(path: Path, texts: list[Text], *, write: bool = True) -> polib.POFile:
    """Give the catalogue at `path` exactly these texts, keeping the translations it has."""
    catalogue = polib.pofile(str(path), wrapwidth=110)
    old = {(entry.msgctxt, entry.msgid): entry for entry in catalogue}
    entries = [_entry(text, old.get((text.context, text.singular))) for text in texts]
    catalogue[:] = entries
    if write:
        catalogue.save()
    return catalogue


def _sources(root: Path) -> list[Path]:
    """Return the files that may hold texts."""
    python = [path for package in PACKAGES for path in (root / package).rglob("*.py") if "migrations" not in path.parts]
    return sorted(python) + sorted((root / "templates").rglob("*.html"))


def _text(function: Any, arguments: Any) -> Text | None:
    """Return the text of one call, or None where its argument is no literal."""
    values = list(arguments) if isinstance(arguments, (list, tuple)) else [arguments]
    numbers = [spec for spec in KEYWORDS[function] if isinstance(spec, int)]
    has_context = any(isinstance(spec, tuple) for spec in KEYWORDS[function])
    picked = [values[number - 1] if number <= len(values) else None for number in numbers]
    if not isinstance(picked[0], str) or not picked[0]:
        return None
    plural = picked[1] if len(picked) > 1 and isinstance(picked[1], str) else ""
    return Text(picked[0], plural, values[0] if has_context else None)


def _entry(text: Text, old: polib.POEntry | None) -> polib.POEntry:
    """Return the catalogue's entry of a text with the translation it had."""
    entry = polib.POEntry(msgid=text.singular, msgctxt=text.context, occurrences=text.places)
    if "%" in text.singular:
        entry.flags = ["python-format"]
    if text.plural:
        entry.msgid_plural = text.plural
        entry.msgstr_plural = dict(old.msgstr_plural) if old and old.msgstr_plural else {0: ""}
    elif old:
        entry.msgstr = old.msgstr
    return entry
