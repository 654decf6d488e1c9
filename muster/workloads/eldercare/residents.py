"""The people of the generated homes: what differs between two of them, and how what they do is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muster.workloads.eldercare import CLASSES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Residents:
    """Attributes are arrays (M,), an element a person.

    Attributes:
        gait_hz: steps a second.
        vigour: factor of every movement's strength.
        tilt_rad: how far the wearable hangs from upright.
        size: factor of the body's height in the silhouette.
        girth: factor of its breadth.
    """

    gait_hz: Floats
    vigour: Floats
    tilt_rad: Floats
    size: Floats
    girth: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, count: int) -> Residents:
        """Return people at random; the old walk at 1.4 to 2 steps a second."""
        return cls(
            gait_hz=rng.uniform(1.4, 2.0, count),
            vigour=rng.uniform(0.7, 1.3, count),
            tilt_rad=rng.uniform(-0.25, 0.25, count),
            size=rng.uniform(0.9, 1.1, count),
            girth=rng.uniform(0.85, 1.2, count),
        )

    def of(self, who: Ints) -> Residents:
        """Return the people of the samples, given each sample's index of a person."""
        return Residents(self.gait_hz[who], self.vigour[who], self.tilt_rad[who], self.size[who], self.girth[who])


def choose(rng: np.random.Generator, shares: Mapping[str, Sequence[float]], truth: Ints) -> Ints:
    """Return for each class index (N,) one of the kinds, by the shares that its class has of them.

    Args:
        shares: class → shares of the kinds, that sum to 1.
    """
    import numpy as np

    edges: Floats = np.cumsum(np.array([shares[name] for name in CLASSES]), axis=1)  # (classes, kinds)
    above: Bools = rng.random(len(truth))[:, None] >= edges[truth]
    kinds: Ints = np.minimum(above.sum(axis=1), edges.shape[1] - 1)  # sums of shares may end a rounding below 1
    return kinds
