"""The enrolment record: what this device is at which server."""

import msgspec

from agent.errors import AlreadyEnrolled, HomeUnusable, NotEnrolled
from agent.files import write_atomically
from agent.home import Home


class Enrolment(msgspec.Struct, frozen=True):
    """What the server answered, and what the operator chose.

    Attributes:
        server: address of the enrolling server.
        server_key: its raw Ed25519 key in base64url; the gateway's Welcome must be signed by it.
        gateway_url: ws:// or wss:// address of the gateway, without the path.
        node: the node's public UUID.
        state: as answered, pending or active; it may have moved since.
        data_dir: folder of the device's own data, None without one.
    """

    server: str
    server_key: str
    gateway_url: str
    node: str
    name: str
    site: str
    tier: str
    state: str
    device_type: str
    data_dir: str | None
    enrolled_at_us: int


def load(home: Home) -> Enrolment:
    """Return the enrolment of `home`.

    Raises:
        NotEnrolled: there is none.
        HomeUnusable: it cannot be read.
    """
    try:
        return msgspec.json.decode(home.enrolment.read_bytes(), type=Enrolment)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotEnrolled(
            f"{home.path} holds no enrolment; run `muster-agent enrol` with the command from the server's "
            "enrolment page, or name the right folder with --home"
        ) from error
    except OSError as error:
        raise home.unusable(error) from error
    except msgspec.DecodeError as error:
        raise HomeUnusable(f"{home.enrolment} is damaged ({error}); enrol anew with another --home") from error


def save(home: Home, enrolment: Enrolment) -> None:
    """Write the enrolment, durably and whole.

    Raises:
        HomeUnusable: it could not be written.
    """
    try:
        write_atomically(home.enrolment, msgspec.json.format(msgspec.json.encode(enrolment), indent=2))
    except OSError as error:
        raise home.unusable(error) from error


def refuse_second(home: Home) -> None:
    """Raise AlreadyEnrolled if `home` has an enrolment."""
    try:
        present = load(home)
    except NotEnrolled:
        return
    raise AlreadyEnrolled(
        f"{home.path} is already enrolled as {present.name} ({present.node}) at {present.server}; "
        "start it with `muster-agent run`, or enrol another node with a different --home"
    )
