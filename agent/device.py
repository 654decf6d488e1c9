"""Which device this is, at which server, with what data."""

from dataclasses import dataclass

from agent.handshake import Credentials
from agent.home import Home


@dataclass(frozen=True)
class Device:
    """What every part of one run of the agent needs to know.

    Attributes:
        boot: UUID of this start of the agent.
        data_dir: folder of the device's own data, None for what each workload includes.
    """

    home: Home
    credentials: Credentials
    boot: str
    gateway_url: str
    data_dir: str | None
