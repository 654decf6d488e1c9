"""Cuts a series to what a chart can show, without losing a peak or hiding a gap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MAX_POINTS = 300  # per trace: drawing costs the page about the same whatever the range
GAP_INTERVALS = 3  # readings farther apart than this many intervals are not joined by a line

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def shown(at: Times, values: Values, *, interval_us: int, limit: int = MAX_POINTS) -> tuple[Times, Values]:
    """Return at most `limit` points of a series, with a NaN in each gap.

    1. Readings without a value are left out.
    2. Gaps are found where two neighbours are more than three intervals apart.
    3. The rest is cut to the least and the greatest value of each of equally long stretches of time,
       so that every extreme stays.
    4. A NaN goes between two kept points that have a gap between them.

    Args:
        at: (N,) microseconds UTC, rising.
        values: (N,) NaN where there is no value.
        interval_us: usual distance of two readings.
        limit: bound of the answer's length, at least 4.
    """
    real = np.isfinite(values)
    at, values = at[real], values[real]
    gaps = np.flatnonzero(np.diff(at) > GAP_INTERVALS * interval_us)  # (G,) a gap follows each of these readings
    # Kept points and NaNs share the limit: k points have at most min(G, k - 1) gaps between them.
    stretches = max(limit // 4, (limit - len(gaps)) // 2)
    kept = extremes(at, values, stretches)
    return _with_gaps(at, values, kept, gaps)


def extremes(at: Times, values: Values, stretches: int) -> npt.NDArray[np.intp]:
    """Return the rising indices of the least and greatest value in each of `stretches` equal stretches of time.

    A series that fits (at most twice as many readings as stretches) is kept whole.
    """
    count = len(at)
    if count <= 2 * stretches:
        return np.arange(count)
    share = (at - at[0]) * stretches // (at[-1] - at[0] + 1)  # (N,) number of the stretch
    starts = np.flatnonzero(np.diff(share, prepend=-1))  # (S,) first reading of each stretch that has any
    order = np.lexsort((values, share))  # by stretch, then by value: its ends are the extremes
    least, greatest = order[starts], order[np.append(starts[1:], count) - 1]
    return np.unique(np.concatenate([least, greatest]))


def _with_gaps(
    at: Times, values: Values, kept: npt.NDArray[np.intp], gaps: npt.NDArray[np.intp]
) -> tuple[Times, Values]:
    before = np.searchsorted(gaps, kept)  # (K,) gaps that lie before each kept point
    places = np.flatnonzero(np.diff(before)) + 1  # a NaN goes before these
    first_gap = gaps[before[places - 1]]
    middle = at[first_gap] + (at[first_gap + 1] - at[first_gap]) // 2
    return np.insert(at[kept], places, middle), np.insert(values[kept], places, np.nan)
