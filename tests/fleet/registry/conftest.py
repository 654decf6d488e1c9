from collections.abc import Callable

import pytest

from fleet.registry.models import Model
from fleet.registry.services import models
from tests.conftest import TESTS


@pytest.fixture
def make_model(root) -> Callable[..., Model]:
    """Make a model without versions: `make_model("ward", workload="eldercare")`."""

    def make(name: str = "numbers", *, at=None, workload: str = "digits") -> Model:
        return models.create(actor=TESTS, site=at or root, name=name, workload=workload)

    return make


@pytest.fixture
def model(make_model) -> Model:
    """A model of the workload digits."""
    return make_model()
