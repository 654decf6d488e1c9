"""A tenant with a published digits model and some nodes that take part."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aggregation.models import TrainingJob
from aggregation.services import jobs
from fleet.registry.core.version_states import Origin
from fleet.registry.models import Model, ModelVersion, Node
from fleet.registry.services import models, versions
from fleet.trust.models import Site
from tests.conftest import TESTS

CONFIG: dict[str, Any] = {"rounds": 1, "quorum": 2, "deadline_s": 600, "grace_s": 60, "push": False}
NODES = 3

MakeJob = Callable[..., TrainingJob]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Torch computes in one thread: as many cores as there are would not make these small models faster."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def model(root: Site) -> Model:
    return models.create(actor=TESTS, site=root, name="numbers", workload="digits")


@pytest.fixture
def version(model: Model) -> ModelVersion:
    """The first published version, of weights drawn from a seed."""
    made = versions.create_version(actor=TESTS, model=model, origin=Origin.INITIAL, seed=1, wake=False)
    return versions.publish(made.pk)


@pytest.fixture
def nodes(pin: str, make_node: Callable[..., Node]) -> list[Node]:
    """Nodes that are online, in order of their uids."""
    return sorted((make_node(f"press-{number}", online=True) for number in range(NODES)), key=lambda node: node.uid)


@pytest.fixture
def make_job(model: Model, version: ModelVersion) -> MakeJob:
    """Start a job: `make_job(rounds=3)`."""

    def make(**config: Any) -> TrainingJob:
        return jobs.create(actor=TESTS, model=model, config=CONFIG | config)

    return make
