"""Canonical JSON is RFC 8785, compared with a second implementation written from the RFC for this purpose."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.canon.json import CanonError, canonical, canonical_sha256

SAFE = 2**53 - 1
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
# What the sorting of keys could get wrong: below and above the surrogates, which UTF-16 puts before U+E000.
KEYS = TEXTS | st.text(st.sampled_from("\ud7ff\ue000\uffff\U00010000\U0001f600\U0010ffff" + "aA\x7f\x80é"), max_size=4)
SCALARS = st.none() | st.booleans() | st.integers(-SAFE, SAFE) | TEXTS
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)

# RFC 8785, 3.2.2.2: these by two characters, other controls by \u00xx, nothing else is escaped.
SHORT = {0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}


def by_hand(value: Any) -> str:
    """Return the canonical text of a document without fractions."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return f"{value:d}"
    if isinstance(value, str):
        return '"' + "".join(escaped(ord(character)) for character in value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(by_hand, value)) + "]"
    members = sorted(value.items(), key=lambda member: utf16_units(member[0]))
    return "{" + ",".join(f"{by_hand(name)}:{by_hand(inner)}" for name, inner in members) + "}"


def escaped(code: int) -> str:
    return SHORT.get(code) or (f"\\u{code:04x}" if code < 0x20 else chr(code))


def utf16_units(text: str) -> list[int]:
    """Return the UTF-16 code units, computed as Unicode defines surrogate pairs."""
    units = []
    for code in map(ord, text):
        if code < 0x1_0000:
            units.append(code)
        else:
            units += [0xD800 + (code - 0x1_0000 >> 10), 0xDC00 + (code - 0x1_0000 & 0x3FF)]
    return units


@given(DOCUMENTS)
def test_the_bytes_are_those_of_the_second_implementation(document: Any) -> None:
    assert canonical(document) == by_hand(document).encode()


@given(DOCUMENTS)
def test_the_hash_is_the_sha256_of_those_bytes(document: Any) -> None:
    assert canonical_sha256(document) == hashlib.sha256(by_hand(document).encode()).hexdigest()


@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_the_order_in_which_members_were_added_does_not_matter(document: Any, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            members = [(name, shuffled(inner)) for name, inner in value.items()]
            random.shuffle(members)
            return dict(members)
        return [shuffled(inner) for inner in value] if isinstance(value, list) else value

    assert canonical(shuffled(document)) == canonical(document)


@given(DOCUMENTS, DOCUMENTS)
def test_two_documents_share_bytes_only_if_they_are_equal(first: Any, second: Any) -> None:
    assert (canonical(first) == canonical(second)) == (
        json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)
    )


@given(st.integers())
def test_an_integer_is_written_exactly_or_refused(number: int) -> None:
    if abs(number) <= SAFE:
        assert canonical(number) == str(number).encode()
    else:
        with pytest.raises(CanonError):
            canonical(number)


@given(DOCUMENTS, st.floats())
def test_a_float_anywhere_is_refused(document: Any, number: float) -> None:
    for holding in ([document, number], {"a": {"b": [number]}, "c": document}, (document, (number,))):
        with pytest.raises(CanonError):
            canonical(holding)
