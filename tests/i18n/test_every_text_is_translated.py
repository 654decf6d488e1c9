"""Catalogues hold every text of the sources, translated, with the same placeholders."""

import re
from pathlib import Path

import polib
import pytest
from django.conf import settings

from fleet.pages.services import messages

CATALOGUES = sorted(Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.parts[-3])
def catalogue(request):
    return polib.pofile(str(request.param))


def test_there_is_a_catalogue_for_each_language_but_english():
    languages = {path.parts[-3].lower().replace("_", "-") for path in CATALOGUES}
    assert languages == {code for code, _name in settings.LANGUAGES} - {"en"}


def test_a_catalogue_has_exactly_the_texts_of_the_sources(catalogue):
    wanted = {(text.context, text.singular) for text in messages.extract(Path(settings.BASE_DIR))}
    assert {(entry.msgctxt, entry.msgid) for entry in catalogue} == wanted, "run: manage.py messages"


def test_every_text_is_translated(catalogue):
    assert [entry.msgid for entry in catalogue if not entry.translated() or "fuzzy" in entry.flags] == []


def test_a_translation_has_the_placeholders_of_its_text(catalogue):
    for entry in catalogue:
        allowed = {frozenset(PLACEHOLDER.findall(text)) for text in (entry.msgid, entry.msgid_plural) if text}
        for translation in translations(entry):
            assert frozenset(PLACEHOLDER.findall(translation)) in allowed, entry.msgid


def test_chinese_has_chinese_punctuation():
    """A half-width comma between two Chinese characters is a slip; `是,否` is Django's own list of answers."""
    half_width = re.compile(r"[\u4e00-\u9fff][,.:;!?()]|[,:;!?()][\u4e00-\u9fff]")
    catalogue = polib.pofile(str(next(path for path in CATALOGUES if "zh_Hans" in path.parts)))
    slips = {text for entry in catalogue for text in translations(entry) if half_width.search(text)}
    assert slips == {"是,否"}
