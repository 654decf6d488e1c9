"""Two ends agree on the newest minor version that both speak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.wire.errors import UnknownVersion
from muster.wire.versions import MINOR, OLDEST_MINOR, negotiate


@pytest.mark.parametrize(
    ("offered", "agreed"), [([0], 0), ([0, 1], 1), ([1, 0], 1), ([0, 1, 2, 3], 2), ([2, 9], 2), (range(5), 2)]
)
def test_the_newest_shared_minor_wins(offered: list[int] | range, agreed: int) -> None:
    assert negotiate(offered, newest=2, oldest=0) == agreed


@pytest.mark.parametrize("offered", [[], [0], [4, 5]])
def test_nothing_shared_is_said_with_both_sides(offered: list[int]) -> None:
    with pytest.raises(UnknownVersion, match=r"1\.1 to 1\.3"):
        negotiate(offered, newest=3, oldest=1)


def test_this_end_speaks_its_own_and_the_one_before() -> None:
    assert negotiate([MINOR]) == MINOR
    assert max(0, MINOR - 1) == OLDEST_MINOR


@given(st.lists(st.integers(0, 20)), st.integers(0, 10), st.integers(0, 10))
def test_what_is_agreed_was_offered_and_is_spoken(offered: list[int], oldest: int, span: int) -> None:
    spoken = range(oldest, oldest + span + 1)
    shared = set(offered) & set(spoken)
    if shared:
        assert negotiate(offered, newest=spoken[-1], oldest=oldest) == max(shared)
    else:
        with pytest.raises(UnknownVersion):
            negotiate(offered, newest=spoken[-1], oldest=oldest)
