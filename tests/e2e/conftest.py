"""Fixtures of the end-to-end tests: the running product, devices that enrolled with it, a watching browser."""

import json
import os
import secrets
import shutil
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import launched
from tests.e2e import heavy_workload
from tests.e2e.product import Device, Product, free_port_pair, start_product, stop_product

SITE = "north"


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


@pytest.fixture(scope="session")
def device_environment(short_folder: Path) -> Path:
    """An empty virtual environment outside the checkout."""
    folder = short_folder / "device"
    venv.create(folder, with_pip=True, clear=True)
    return folder


@pytest.fixture(scope="module")
def enrol(product: Product, device_environment: Path, short_folder: Path) -> Iterator[Callable[[str, str], Device]]:
    """Enrol a device of a name and tier with the command that a token hands out; it does not run yet."""
    product.manage("create_site", SITE, "--name", "North")
    devices: list[Device] = []

    def enrol(name: str, tier: str) -> Device:
        token = json.loads(product.manage("create_token", "--site", SITE, "--tier", tier, "--auto-approve", "--json"))
        device = Device(name, device_environment, short_folder / f"{product.var.name}-{name}")
        done = device.shell(f"{token['command']} --name {name}")
        assert done.returncode == 0, done.stdout + done.stderr
        devices.append(device)
        return device

    yield enrol
    for device in devices:
        device.stop()


@pytest.fixture(scope="module")
def watcher(product: Product, enrol: Callable[[str, str], Device]) -> Iterator[Page]:
    """A page of a signed-in operator's browser."""
    account = json.loads(product.manage("create_user", "watcher", "--grant", f"{SITE}=operator", "--json"))
    with launched() as browser:
        page = browser.new_page()
        page.goto(f"{product.url}/sign-in")
        page.get_by_label("Username").fill(account["username"])
        page.get_by_label("Password").fill(account["password"])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        yield page


@pytest.fixture(scope="module")
def heavy(short_folder: Path) -> Iterator[None]:
    """Offer one more workload, by its entry point, to the server and to every device."""
    folder = short_folder / "packages"
    if not folder.exists():
        folder.mkdir()
        heavy_workload.install(folder)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(folder)
    yield
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="session")
def serving_environment(short_folder: Path) -> Path:
    """An environment for devices that finds torch where the tests have it; the agent comes by the copied command."""
    folder = short_folder / "serving-device"
    venv.create(folder, with_pip=True, clear=True)
    packages = next((folder / "lib").glob("python*")) / "site-packages"
    (packages / "torch_is_here.pth").write_text(sysconfig.get_path("purelib", vars={"base": sys.prefix}) + "\n")
    return folder
