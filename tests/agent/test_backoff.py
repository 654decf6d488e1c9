"""Waiting between dials: jittered, growing, and short enough to be healthy in five seconds."""

from agent.backoff import BASE_S, FIRST_CAP_S, LATER_CAP_S, PATIENT_AFTER_S, Backoff


def longest(_: float, ceiling: float) -> float:
    return ceiling


def test_it_doubles_up_to_the_cap() -> None:
    backoff = Backoff(longest)
    delays = [backoff.next_delay_s(outage_s=1) for _ in range(30)]
    assert delays[:3] == [BASE_S, 2 * BASE_S, 4 * BASE_S]
    assert delays == sorted(delays)
    assert delays[-1] == FIRST_CAP_S


def test_a_long_outage_is_knocked_at_more_slowly() -> None:
    backoff = Backoff(longest)
    assert [backoff.next_delay_s(PATIENT_AFTER_S) for _ in range(10)][-1] == LATER_CAP_S


def test_a_good_connection_starts_it_anew() -> None:
    backoff = Backoff(longest)
    for _ in range(5):
        backoff.next_delay_s(1)
    backoff.reset()
    assert backoff.next_delay_s(1) == BASE_S


def test_the_time_that_an_attempt_took_counts_as_waited() -> None:
    backoff = Backoff(longest)
    for _ in range(10):
        backoff.next_delay_s(1)
    assert backoff.next_delay_s(1, spent_s=0.5) == FIRST_CAP_S - 0.5
    assert backoff.next_delay_s(1, spent_s=FIRST_CAP_S + 1) == BASE_S


def test_the_jitter_is_full() -> None:
    bounds: list[tuple[float, float]] = []

    def note(low: float, high: float) -> float:
        bounds.append((low, high))
        return low

    assert Backoff(note).next_delay_s(1) == 0.0
    assert bounds == [(0.0, BASE_S)]
