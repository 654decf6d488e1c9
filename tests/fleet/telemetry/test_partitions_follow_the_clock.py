import itertools
import threading

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from fleet.telemetry.core.partitions import AHEAD_HOURS, HOUR_US, TABLES, Partition, expired, named, wanted
from fleet.telemetry.services import partitions
from muster.clock import now_us
from tests.fleet.telemetry.devices import execute, rows

CHILDREN = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY(%s::regclass[])"
YEAR_3000_US = 32_503_680_000_000_000


def existing() -> set[str]:
    return {name for (name,) in rows(CHILDREN, list(TABLES))}


@pytest.fixture
def none_yet(transactional_db: None) -> None:
    """A database without partitions."""
    for name in existing():
        execute(f"DROP TABLE {name}")


@pytest.mark.usefixtures("none_yet")
def test_two_days_ahead_and_all_that_is_kept_exist() -> None:
    now = now_us()
    created = partitions.reconcile(now).created
    assert set(created) == existing() == {partition.name for partition in wanted(now, 6)}
    assert len(created) == len(TABLES) * (6 + 1 + AHEAD_HOURS)


@pytest.mark.usefixtures("none_yet")
def test_a_second_run_changes_nothing() -> None:
    now = now_us()
    partitions.reconcile(now)
    assert partitions.reconcile(now) == partitions.Reconciled([], [])


@pytest.mark.usefixtures("none_yet")
def test_an_hour_later_one_more_of_each_table_exists_and_one_is_gone() -> None:
    now = now_us()
    partitions.reconcile(now)
    later = partitions.reconcile(now + HOUR_US)
    assert len(later.created) == len(TABLES)
    assert set(later.dropped) == {Partition((now // HOUR_US - 6) * HOUR_US, table).name for table in TABLES}


@pytest.mark.usefixtures("none_yet")
def test_several_at_once_make_each_partition_once() -> None:
    now, made = now_us(), []

    def reconcile() -> None:
        made.extend(partitions.reconcile(now).created)
        connection.close()

    threads = [threading.Thread(target=reconcile) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(existing())


@pytest.mark.usefixtures("none_yet")
def test_the_index_is_on_every_partition() -> None:
    partitions.reconcile()
    indexed = {name for (name,) in rows("SELECT tablename FROM pg_indexes WHERE indexdef LIKE '%%(node, at)%%'")}
    assert existing() <= indexed


@given(st.integers(0, YEAR_3000_US), st.sampled_from(TABLES))
def test_a_name_leads_back_to_its_partition(moment: int, table: str) -> None:
    partition = Partition(moment // HOUR_US * HOUR_US, table)
    assert named(partition.name) == partition


@given(st.integers(HOUR_US * 1000, YEAR_3000_US), st.integers(1, 48))
def test_no_wanted_partition_is_expired_and_every_kept_moment_has_one(now: int, raw_hours: int) -> None:
    oldest = now - raw_hours * HOUR_US
    for table in TABLES:
        spans = [partition for partition in wanted(now, raw_hours) if partition.table == table]
        assert not any(expired(partition, now, raw_hours) for partition in spans)
        assert spans[0].start_us <= oldest
        assert all(left.end_us == right.start_us for left, right in itertools.pairwise(spans))


@pytest.mark.parametrize(
    "name",
    [
        "telemetry_sample",
        "telemetry_sample_202606151",
        "telemetry_sample_default",
        "telemetry_stream_2026061512",
        "xtelemetry_inference_2026061512",
    ],
)
def test_other_tables_are_none_of_ours(name: str) -> None:
    assert named(name) is None
