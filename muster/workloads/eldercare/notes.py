"""Short notes of carers: the vocabulary, the tokenizer and the templates from which notes are generated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

LENGTH = 12  # words of a note; what is longer is cut

PADDING, UNKNOWN = 0, 1

VAGUE_SHARE = 0.25  # of notes, that say nothing about the class
CONTRADICTING_SHARE = 0.08  # of notes, that speak of another class

# What a note says about each class, in the order of the classes. `{who}` and `{when}` are filled in at random.
TELLING = {
    "steady": (
        "{who} is well and calm {when}",
        "{who} reads in the chair {when}",
        "{who} had tea and walked a little {when}",
        "quiet {when} all fine with {who}",
    ),
    "wandering": (
        "{who} walks the corridor at night",
        "{who} stood at the front door {when} and did not know where",
        "{who} looks for home {when}",
        "{who} restless walks up and down {when}",
    ),
    "agitation": (
        "{who} shouts and is upset {when}",
        "{who} restless pulls at clothes {when}",
        "{who} angry hits the table {when}",
        "{who} upset walks up and down {when}",
    ),
    "resting": (
        "{who} sleeps in bed {when}",
        "{who} tired lay down {when}",
        "{who} lies in bed and dozes {when}",
        "nap {when} {who} breathes calm",
    ),
    "lying_still": (
        "{who} lies and does not answer {when}",
        "{who} found on the floor {when}",
        "{who} does not move {when}",
        "{who} lies very quiet {when}",
    ),
    "fall": (
        "{who} fell {when}",
        "{who} found on the floor {when}",
        "heard a bang {when} {who} on the floor",
        "{who} lies and calls for help {when}",
    ),
}

# Notes that say nothing about the moment.
VAGUE = (
    "visited {who} {when}",
    "gave {who} the pills {when}",
    "{who} had soup {when}",
    "daughter called {when}",
    "changed the battery {when}",
)

WHO = ("she", "he", "resident", "mother", "father")
WHEN = ("today", "now", "this morning", "this evening", "at night", "after lunch", "")

_WORD = re.compile(r"[a-z]+")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without digits and punctuation."""
    return _WORD.findall(text.lower())


def _vocabulary() -> tuple[str, ...]:
    """Return every word that a template can yield, sorted, behind the two that are none."""
    templates = [*VAGUE, *(template for group in TELLING.values() for template in group)]
    plain = (template.replace("{who}", " ").replace("{when}", " ") for template in templates)
    return ("", "<unknown>", *sorted({word for text in (*plain, *WHO, *WHEN) for word in words(text)}))


VOCABULARY = _vocabulary()

_IDS = {word: index for index, word in enumerate(VOCABULARY) if index > UNKNOWN}


def encode(text: str) -> list[int]:
    """Return a text as LENGTH word ids, padded with 0; a text without words is absent: zeros alone.

    >>> encode("She fell!")[2:]
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    """
    ids = [_IDS.get(word, UNKNOWN) for word in words(text)[:LENGTH]]
    return ids + [PADDING] * (LENGTH - len(ids))


def draw(rng: np.random.Generator, truth: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return notes (N, LENGTH) int64 for class indices (N,); some are vague, some contradict."""
    import numpy as np

    return np.array([encode(_note(rng, int(label))) for label in truth], dtype=np.int64).reshape(-1, LENGTH)


def _note(rng: np.random.Generator, label: int) -> str:
    chance = rng.random()
    contradicts = chance < CONTRADICTING_SHARE
    about = (label + int(rng.integers(1, len(TELLING)))) % len(TELLING) if contradicts else label
    vague = CONTRADICTING_SHARE <= chance < CONTRADICTING_SHARE + VAGUE_SHARE
    templates: Sequence[str] = VAGUE if vague else TELLING[tuple(TELLING)[about]]
    template = templates[int(rng.integers(len(templates)))]
    who, when = WHO[int(rng.integers(len(WHO)))], WHEN[int(rng.integers(len(WHEN)))]
    return template.format(who=who, when=when)
