"""A tensor's name in a whole model's file says whose it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.shards.errors import BadTensorName
from muster.shards.naming import full, resolve, split
from tests.muster.toy import TOY

NAMES = st.from_regex(r"\A[a-z][a-z0-9_]{0,30}\Z")
RESTS = st.text(min_size=1, max_size=12)


@given(NAMES, st.none() | NAMES, RESTS)
def test_a_name_is_split_as_it_was_made(component: str, variant: str | None, rest: str) -> None:
    name = full(component, variant, rest)
    assert split([name]) == {(component, variant): {rest: name}}


@given(st.sets(st.tuples(NAMES, st.none() | NAMES, RESTS), max_size=8))
def test_no_two_tensors_share_a_name(tensors: set[tuple[str, str | None, str]]) -> None:
    names = {full(*tensor) for tensor in tensors}
    assert len(names) == len(tensors)
    parts = split(names)
    assert {(*owner, rest) for owner, group in parts.items() for rest in group} == tensors
    assert {name for group in parts.values() for name in group.values()} == names


@pytest.mark.parametrize(
    "name",
    ["", ".", "weight", "look.", ".weight", "Look.weight", "look@.weight", "@small.weight", "look@a@b.weight",
     "look@Small.weight", "1look.weight", " look.weight", "look .weight", "a" * 32 + ".w", "look@small", "lo\u043ek.w"],
)  # fmt: skip
def test_a_name_that_says_nothing_is_refused(name: str) -> None:
    with pytest.raises(BadTensorName):
        split(["look.conv.weight", name])


def test_names_are_resolved_to_the_workloads_variants() -> None:
    names = ["look.conv.weight", "look@small.conv.weight", "look@small.conv.bias", "read.table.weight"]
    assert resolve(TOY, names) == {
        ("look", "full"): {"conv.weight": "look.conv.weight"},
        ("look", "small"): {"conv.weight": "look@small.conv.weight", "conv.bias": "look@small.conv.bias"},
        ("read", "full"): {"table.weight": "read.table.weight"},
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["ear.weight"], "toy has no component 'ear'"),
        (["look@tiny.weight"], "toy.look has no variant 'tiny'"),
        (["look.weight", "look@full.bias"], "look and look@full are the same variant"),
    ],
)
def test_names_of_what_the_workload_does_not_have_are_refused(names: list[str], message: str) -> None:
    with pytest.raises(BadTensorName, match=message):
        resolve(TOY, names)
