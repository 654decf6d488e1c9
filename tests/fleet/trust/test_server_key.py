"""The server's key is made once, kept from others, and its loss is said plainly."""

import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fleet.trust.services import server_key
from muster.canon.signatures import fingerprint, public_bytes


@pytest.fixture(autouse=True)
def empty(settings, tmp_path: Path) -> Path:
    settings.MUSTER_DATA_DIR = tmp_path
    return tmp_path / "keys"


def test_it_is_made_once_and_only_its_owner_may_read_it(empty):
    path = server_key.ensure()
    before = path.read_bytes()
    assert server_key.ensure() == path
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700
    assert [file.name for file in empty.iterdir()] == ["server.pem"]


def test_the_pin_is_its_fingerprint():
    server_key.ensure()
    assert server_key.pin() == fingerprint(public_bytes(server_key.load()))


def test_of_many_that_make_it_at_once_one_wins(empty):
    start = threading.Barrier(8)

    def make() -> None:
        start.wait(timeout=10)
        server_key.ensure()
        pins.append(server_key.pin())

    pins: list[str] = []
    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(pins), len(set(pins))) == (8, 1)
    assert [file.name for file in empty.iterdir()] == ["server.pem"]


def test_a_missing_key_says_the_way_out():
    with pytest.raises(server_key.ServerKeyError, match=r"manage\.py prepare"):
        server_key.pin()


def test_a_key_that_others_may_read_is_refused():
    server_key.ensure().chmod(0o644)
    with pytest.raises(server_key.ServerKeyError, match="chmod 600"):
        server_key.load()


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_is_refused(content):
    server_key.ensure().write_bytes(content)
    with pytest.raises(server_key.ServerKeyError, match="backup"):
        server_key.load()


def test_a_key_of_another_kind_is_refused():
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    server_key.ensure().write_bytes(other)
    with pytest.raises(server_key.ServerKeyError, match="another kind"):
        server_key.load()
