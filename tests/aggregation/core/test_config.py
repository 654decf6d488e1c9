"""A job's settings are whole numbers and texts within bounds; what is refused says why."""

import json

import msgspec
import pytest

from aggregation.core import config
from aggregation.core.config import BOUNDS, DEFAULT, LOCAL, Code, ConfigRefused, from_document, to_document
from muster.wire.work import LocalTraining, Partition


def problems(**changes) -> list[tuple[str, Code]]:
    with pytest.raises(ConfigRefused) as refused:
        from_document(changes)
    assert str(refused.value)
    return [(problem.field, problem.code) for problem in refused.value.problems]


def one(field: str, value) -> dict:
    return {"local": {field: value}} if field in LOCAL else {field: value}


def test_it_survives_the_json_column() -> None:
    changed = msgspec.structs.replace(
        DEFAULT, rounds=10, tiers=("edge",), partition_alpha_millionths=300_000, push=False
    )
    for settings in (DEFAULT, changed):
        assert from_document(json.loads(json.dumps(to_document(settings)))) == settings


def test_there_are_no_floats_in_it() -> None:
    def leaves(value):
        if isinstance(value, dict | list | tuple):
            return [leaf for inner in (value.values() if isinstance(value, dict) else value) for leaf in leaves(inner)]
        return [value]

    document = to_document(msgspec.structs.replace(DEFAULT, partition_alpha_millionths=300_000))
    assert {type(leaf) for leaf in leaves(document)} <= {int, str, bool}


def test_what_is_not_said_is_as_by_default() -> None:
    assert from_document({}) == DEFAULT
    settings = from_document({"rounds": 3, "local": {"epochs": 7}})
    assert settings == msgspec.structs.replace(
        DEFAULT, rounds=3, local=msgspec.structs.replace(DEFAULT.local, epochs=7)
    )


@pytest.mark.parametrize("field", BOUNDS)
def test_both_bounds_of_every_number_are_taken_and_nothing_beyond(field: str) -> None:
    least, most = BOUNDS[field]
    wide = {"deadline_s": BOUNDS["deadline_s"][1]} if field == "grace_s" else {}
    wide |= {"grace_s": 0} if field == "deadline_s" else {}
    for value in (least, most):
        document = to_document(from_document(wide | one(field, value)))
        assert (document["local"] if field in LOCAL else document)[field] == value
    assert problems(**wide, **one(field, least - 1)) == [(field, Code.TOO_SMALL)]
    assert problems(**wide, **one(field, most + 1)) == [(field, Code.TOO_LARGE)]


@pytest.mark.parametrize("field", BOUNDS)
@pytest.mark.parametrize("value", ["3", 3.0, True, [3], None])
def test_every_number_is_a_whole_number(field: str, value) -> None:
    if value is None and field == "partition_alpha_millionths":
        assert from_document({field: value}).partition_alpha_millionths is None
    else:
        assert problems(**one(field, value)) == [(field, Code.NOT_A_NUMBER if value is not None else Code.MISSING)]


@pytest.mark.parametrize("field", LOCAL)
def test_what_is_taken_here_can_be_sent(field: str) -> None:
    least, most = BOUNDS[field]
    for value, fits in ((least, True), (most, True), (least - 1, False), (most + 1, False)):
        document = to_document(DEFAULT)["local"] | {field: value}
        try:
            msgspec.convert(document, LocalTraining)
        except msgspec.ValidationError:
            assert not fits
        else:
            assert fits


def test_a_partition_that_is_taken_here_can_be_sent() -> None:
    for alpha in BOUNDS["partition_alpha_millionths"]:
        part = msgspec.structs.replace(DEFAULT, partition_alpha_millionths=alpha).partition(members=7, index=6)
        assert msgspec.convert(msgspec.to_builtins(part), Partition) == part
    assert DEFAULT.partition(members=7, index=6) is None


REFUSED = {
    "no tier": ({"tiers": []}, [("tiers", Code.NO_TIER)]),
    "tiers in one text": ({"tiers": "edge"}, [("tiers", Code.NO_TIER)]),
    "no tier that there is": ({"tiers": ["edge", "moon", 3]}, [("tiers", Code.UNKNOWN_TIER)] * 2),
    "a push of one": ({"push": 1}, [("push", Code.NOT_A_CHOICE)]),
    "grace beyond the deadline": ({"grace_s": 61, "deadline_s": 60}, [("grace_s", Code.GRACE_PAST_DEADLINE)]),
    "a setting that nobody knows": ({"speed": 3}, [("speed", Code.UNKNOWN)]),
    "one of training that nobody knows": ({"local": {"decay": 3}}, [("decay", Code.UNKNOWN)]),
    "training that is no mapping": ({"local": 3}, [("local", Code.UNKNOWN)]),
    "several at once": (
        {"rounds": 0, "push": "no", "local": {"epochs": 101}},
        [("rounds", Code.TOO_SMALL), ("epochs", Code.TOO_LARGE), ("push", Code.NOT_A_CHOICE)],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_problem_is_told(case: str) -> None:
    document, wanted = REFUSED[case]
    assert problems(**document) == wanted


def test_a_problem_says_the_bound() -> None:
    with pytest.raises(ConfigRefused) as refused:
        from_document({"rounds": 1001})
    assert refused.value.problems == [config.Problem("rounds", Code.TOO_LARGE, {"most": 1000, "value": 1001})]


def test_tiers_are_a_set() -> None:
    assert from_document({"tiers": ["cloud", "edge", "cloud"]}) == from_document({"tiers": ["edge", "cloud"]})
    assert from_document({"tiers": ["cloud", "edge", "cloud"]}).tiers == ("edge", "cloud")
