"""The device's identity: an Ed25519 key that is made here and never leaves."""

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.errors import HomeUnusable
from agent.files import write_atomically
from agent.home import Home
from muster.canon.signatures import fingerprint, public_bytes


def load(home: Home) -> Ed25519PrivateKey | None:
    """Return the key of `home`, None if it has none.

    Raises:
        HomeUnusable: the file cannot be read or is no Ed25519 key.
    """
    try:
        pem = home.identity.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise home.unusable(error) from error
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise _damaged(home) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _damaged(home)
    return key


def shown(home: Home) -> str | None:
    """Return the fingerprint that an operator compares before approving, None without a key.

    Raises:
        HomeUnusable: the file cannot be read or is no Ed25519 key.
    """
    key = load(home)
    return None if key is None else fingerprint(public_bytes(key))


def make(home: Home) -> Ed25519PrivateKey:
    """Make a key and write it to `home`, readable by its owner alone.

    Raises:
        HomeUnusable: it could not be written; no part of it is there.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        write_atomically(home.identity, pem)
    except OSError as error:
        raise home.unusable(error) from error
    return key


def _damaged(home: Home) -> HomeUnusable:
    return HomeUnusable(
        f"{home.identity} is no Ed25519 key; put the device's own key back, or enrol anew with another --home"
    )
