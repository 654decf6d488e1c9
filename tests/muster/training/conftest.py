from collections.abc import Iterator

import pytest

from bench.workloads import one_thread


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Train as a device does: in one thread, where the same inputs give the same bytes."""
    with one_thread():
        yield
