"""Fixtures of the end-to-end tests: the running product and an empty environment for devices."""

import secrets
import shutil
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.product import Product, free_port_pair, start_product, stop_product


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path, which sockets need, that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="me-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def product(short_folder: Path) -> Iterator[Product]:
    var = short_folder / f"var-{secrets.token_hex(3)}"
    var.mkdir()
    product = start_product(var, free_port_pair(), "--agents", "0")
    try:
        yield product
    finally:
        stop_product(product)


@pytest.fixture(scope="module")
def device_environment(short_folder: Path) -> Path:
    """An empty virtual environment outside the checkout."""
    folder = short_folder / "device"
    venv.create(folder, with_pip=True, clear=True)
    return folder
