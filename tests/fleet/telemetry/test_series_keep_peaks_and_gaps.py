from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleet.telemetry.core.series import GAP_INTERVALS, extremes, shown

SECOND = 1_000_000

steps = st.lists(st.integers(1, 20 * SECOND), min_size=1, max_size=800)
figures = st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")))


@st.composite
def readings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    at = np.cumsum(np.array(draw(steps), np.int64))
    values = draw(st.lists(figures, min_size=len(at), max_size=len(at)))
    return at, np.array(values, np.float64)


@given(readings(), st.integers(4, 300))
def test_the_answer_is_bounded_rising_and_keeps_the_extremes(data: tuple[np.ndarray, np.ndarray], limit: int) -> None:
    at, values = data
    cut_at, cut = shown(at, values, interval_us=SECOND, limit=limit)
    assert len(cut_at) == len(cut) <= limit
    assert (np.diff(cut_at) > 0).all()
    real = values[np.isfinite(values)]
    if len(real):
        assert np.nanmin(cut) == real.min()
        assert np.nanmax(cut) == real.max()
    stored = dict(zip(at.tolist(), values.tolist(), strict=True))
    assert all(
        stored[moment] == value for moment, value in zip(cut_at.tolist(), cut.tolist(), strict=True) if value == value
    )


@given(readings(), st.integers(4, 300))
def test_a_gap_lies_between_two_points_exactly_where_the_readings_have_one(
    data: tuple[np.ndarray, np.ndarray], limit: int
) -> None:
    at, values = data
    cut_at, cut = shown(at, values, interval_us=SECOND, limit=limit)
    real_at = at[np.isfinite(values)].tolist()
    kept = [index for index, value in enumerate(cut.tolist()) if value == value]
    for left, right in pairwise(kept):
        between = [moment for moment in real_at if cut_at[left] <= moment <= cut_at[right]]
        broken = any(b - a > GAP_INTERVALS * SECOND for a, b in pairwise(between))
        assert (right - left == 2) == broken


@given(readings(), st.integers(1, 50))
def test_extremes_agree_with_a_brute_force(data: tuple[np.ndarray, np.ndarray], stretches: int) -> None:
    at, values = data
    values = np.nan_to_num(values)
    kept = extremes(at, values, stretches)
    if len(at) <= 2 * stretches:
        assert kept.tolist() == list(range(len(at)))
        return
    width = int(at[-1] - at[0]) + 1
    for stretch in range(stretches):
        inside = [i for i in range(len(at)) if (int(at[i] - at[0]) * stretches) // width == stretch]
        chosen = [i for i in kept if i in inside]
        assert len(chosen) <= 2
        if inside:
            assert {min(values[inside]), max(values[inside])} == set(values[chosen])


def test_an_empty_series_stays_empty() -> None:
    at, values = shown(np.array([], np.int64), np.array([]), interval_us=SECOND)
    assert len(at) == len(values) == 0
