"""Canonical JSON: one document, one sequence of bytes, and no floats."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.canon.json import CanonError, canonical, canonical_sha256

SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8"))
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=15,
)


@given(DOCUMENTS)
def test_the_bytes_are_json_and_stay_the_same(document: Any) -> None:
    data = canonical(document)
    assert json.loads(data) == document
    assert canonical(json.loads(data)) == data


def test_keys_are_sorted_by_utf16_units_as_rfc_8785_shows() -> None:
    """RFC 8785, section 3.2.3."""
    document = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}
    assert list(json.loads(canonical(document)).values()) == [2, 4, 6, 7, 1, 5, 3]


def test_the_hash_is_of_the_canonical_bytes() -> None:
    assert canonical_sha256({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert canonical_sha256({"a": 1, "b": 2}) == canonical_sha256({"b": 2, "a": 1})


@pytest.mark.parametrize(
    "document",
    [1.0, {"a": [1, {"b": 0.5}]}, {1: "a"}, {"a": b"x"}, {"a": 2**53}, {"a": "\ud800"}, object()],
    ids=["float", "nested float", "number as key", "bytes", "too large", "half a surrogate", "object"],
)
def test_what_has_no_canonical_form_is_refused(document: Any) -> None:
    with pytest.raises(CanonError):
        canonical(document)
