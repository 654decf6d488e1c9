"""What a training job is set to, and why a setting is refused.

It is kept in a JSON column: whole numbers, texts and truth values alone, so that the same job always has the
same bytes. Problems are data (code, field, figures); faces put them into words.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from muster.wire.work import LocalTraining, Partition
from muster.workloads.declaration import TIERS

MILLION = 1_000_000

# field → least and most. Those of `local` are the wire's own, so that what is taken here can be sent.
BOUNDS = {
    "rounds": (1, 1_000),
    "epochs": (1, 100),
    "batch_size": (1, 4_096),
    "learning_rate_millionths": (1, 10 * MILLION),
    "momentum_millionths": (0, 999_999),
    "seed": (0, (1 << 53) - 1),
    "quorum": (1, 100_000),
    "deadline_s": (10, 7 * 86_400),  # less, and a node that polls would miss it
    "grace_s": (0, 86_400),  # after the quorum, for those who are nearly done
    "max_norm_millionths": (1, 1_000_000 * MILLION),
    "partition_alpha_millionths": (1_000, 1_000 * MILLION),
}
LOCAL = ("epochs", "batch_size", "learning_rate_millionths", "momentum_millionths", "seed")


class Code(StrEnum):
    """Why a setting is refused."""

    MISSING = "missing"  # it is null, and may not be
    UNKNOWN = "unknown"  # no setting of that name
    NOT_A_NUMBER = "not_a_number"  # a whole number is wanted
    TOO_SMALL = "too_small"  # below `least`
    TOO_LARGE = "too_large"  # above `most`
    NO_TIER = "no_tier"  # no tier takes part
    UNKNOWN_TIER = "unknown_tier"
    NOT_A_CHOICE = "not_a_choice"  # true or false is wanted
    GRACE_PAST_DEADLINE = "grace_past_deadline"


class Problem(msgspec.Struct, frozen=True):
    """One setting that is refused.

    Attributes:
        facts: what a sentence about it needs: least, most, value.
    """

    field: str
    code: Code
    facts: dict[str, int | str] = {}


class ConfigRefused(ValueError):
    """The settings are not taken.

    Attributes:
        problems: all of them, in the order of the fields.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.code} {problem.facts or ''}" for problem in problems))
        self.problems = problems


class JobConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job's settings; they never change.

    Attributes:
        quorum: accepted updates with which a round may close.
        deadline_s: after which a round closes with the quorum, or fails without it.
        grace_s: how long after the quorum a round still waits for the others.
        tiers: whose nodes take part.
        max_norm_millionths: of an update's differences; above it, it is refused.
        partition_alpha_millionths: Dirichlet concentration by which the included data is parted among the
            members; None if each trains on its own.
        push: whether what was published goes out to the nodes.
    """

    local: LocalTraining
    rounds: int = 5
    quorum: int = 2
    deadline_s: int = 600
    grace_s: int = 30
    tiers: tuple[str, ...] = TIERS
    max_norm_millionths: int = 100 * MILLION
    partition_alpha_millionths: int | None = None
    push: bool = True

    @property
    def max_norm(self) -> float:
        return self.max_norm_millionths / MILLION

    def partition(self, *, members: int, index: int) -> Partition | None:
        """Return a member's part of the included data; None where each trains on its own."""
        if self.partition_alpha_millionths is None:
            return None
        return Partition(self.partition_alpha_millionths, members, index, self.local.seed)


# Chosen by what `python -m bench.learning` reaches, see docs/benchmarks.md. At a rate of 0.05 the digits learn too, but
# one of the first six seeds parts them so that the model ends up answering the same to everything.
DEFAULT = JobConfig(
    local=LocalTraining(epochs=3, batch_size=16, learning_rate_millionths=20_000, momentum_millionths=900_000, seed=1)
)


def to_document(config: JobConfig) -> dict[str, Any]:
    """Return what the JSON column keeps."""
    document: dict[str, Any] = msgspec.to_builtins(config)
    return document


def from_document(document: Mapping[str, Any]) -> JobConfig:
    """Return the settings of a document, where what is not said is as in DEFAULT.

    Args:
        document: as `to_document` makes it; fields of `local` may be left out too.

    Raises:
        ConfigRefused: with every problem there is.
    """
    default = to_document(DEFAULT)
    local = document.get("local", {})
    local = local if isinstance(local, Mapping) else {"local": local}
    filled = default | dict(document) | {"local": default["local"] | dict(local)}
    problems = [*_unknown(filled, default), *_out_of_bounds(filled), *_tiers(filled["tiers"])]
    if type(filled["push"]) is not bool:
        problems.append(Problem("push", Code.NOT_A_CHOICE))
    if not problems and filled["grace_s"] > filled["deadline_s"]:
        problems.append(Problem("grace_s", Code.GRACE_PAST_DEADLINE, {"most": filled["deadline_s"]}))
    if problems:
        raise ConfigRefused(problems)
    ordered = [tier for tier in TIERS if tier in filled["tiers"]]  # so that the same choice is the same document
    return msgspec.convert(filled | {"tiers": ordered}, JobConfig)


def _unknown(filled: Mapping[str, Any], default: Mapping[str, Any]) -> list[Problem]:
    names = [*(filled.keys() - default.keys()), *(filled["local"].keys() - default["local"].keys())]
    return [Problem(str(name)[:80], Code.UNKNOWN) for name in sorted(names, key=str)]


def _out_of_bounds(filled: Mapping[str, Any]) -> list[Problem]:
    found = []
    for name, (least, most) in BOUNDS.items():
        value = filled["local"][name] if name in LOCAL else filled[name]
        if value is None and name == "partition_alpha_millionths":
            continue
        if value is None:
            found.append(Problem(name, Code.MISSING))
        elif type(value) is not int:  # a bool is an int to isinstance
            found.append(Problem(name, Code.NOT_A_NUMBER))
        elif value < least:
            found.append(Problem(name, Code.TOO_SMALL, {"least": least, "value": value}))
        elif value > most:
            found.append(Problem(name, Code.TOO_LARGE, {"most": most, "value": value}))
    return found


def _tiers(tiers: Any) -> list[Problem]:
    if not isinstance(tiers, list | tuple) or not tiers:
        return [Problem("tiers", Code.NO_TIER)]
    return [Problem("tiers", Code.UNKNOWN_TIER, {"value": str(tier)[:80]}) for tier in tiers if tier not in TIERS]
