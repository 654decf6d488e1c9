"""What held-out data says of versions: accuracies, their gain over the base, and the margin of fusion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aggregation.core.lifecycle import RoundState
from aggregation.models import Round, TrainingJob

ALL, ACCURACY = "all", "accuracy"
MILLION = 1_000_000


@dataclass(frozen=True)
class Gain:
    """The best accuracy of a job against its base, each between 0 and 1; None where it was not measured."""

    best: float | None
    base: float | None

    @property
    def points(self) -> float | None:
        return None if self.best is None or self.base is None else self.best - self.base


@dataclass(frozen=True)
class Margin:
    """How the model with all its evidence stands against the best single modality, in one round."""

    number: int
    fusion: float
    modality: str
    single: float

    @property
    def points(self) -> float:
        return self.fusion - self.single


def of(metrics: Mapping[str, Any], kind: str = ALL) -> float | None:
    """Return an accuracy between 0 and 1.

    >>> of({"all": {"accuracy": 967_200}}), of({}), of({"all": {"accuracy": None}})
    (0.9672, None, None)
    """
    values = metrics.get(kind)
    found = values.get(ACCURACY) if isinstance(values, Mapping) else None
    return None if found is None else found / MILLION


def kinds(metrics: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """Return the accuracy of each kind of evidence, that of all first; the database keeps no order."""
    return [(kind, of(metrics, kind)) for kind in sorted(metrics, key=lambda kind: (kind != ALL, kind))]


def base(job: TrainingJob) -> float | None:
    """Return the accuracy of the version that a job began with."""
    return of(job.base_metrics or job.base_version.metrics)


def gain(job: TrainingJob) -> Gain:
    """Return what a job has won, from rows that carry both versions."""
    best = of(job.best_version.metrics) if job.best_version else None
    return Gain(best, base(job))


def margin(rounds: Sequence[Round]) -> Margin | None:
    """Return the margin in the published round that answers best; None where there are no several modalities."""
    published = [round for round in rounds if round.state == RoundState.PUBLISHED and of(round.metrics) is not None]
    if not published:
        return None
    best = max(published, key=lambda round: (of(round.metrics) or 0.0, -round.number))
    singles = {kind: value for kind in best.metrics if kind != ALL and (value := of(best.metrics, kind)) is not None}
    fusion = of(best.metrics)
    if not singles or fusion is None:
        return None
    modality = max(singles, key=lambda kind: singles[kind])
    return Margin(best.number, fusion, modality, singles[modality])
