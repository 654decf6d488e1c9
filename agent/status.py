"""What the running agent says of itself, in a file that `muster-agent status` reads."""

import msgspec

from agent.files import write_atomically
from agent.home import Home

# Written every second: older than this, the writer is gone or stands still.
STALE_AFTER_US = 5_000_000

CONNECTED = "connected"
CONNECTING = "connecting"
WAITING = "waiting"  # enrolled, but an operator has to approve or release the node
REFUSED = "refused"
STOPPED = "stopped"


class Link(msgspec.Struct):
    """The way to the gateway.

    Attributes:
        state: one of the words above.
        message: why, when it is not connected.
        since_us: wall time of the last change of state.
        last_ack_us: wall time of the last acknowledgement, None before the first.
    """

    state: str = CONNECTING
    message: str = ""
    since_us: int = 0
    last_ack_us: int | None = None

    def move(self, state: str, message: str, at_us: int) -> bool:
        """Note the state and return whether it is another one, or for another reason."""
        if (state, message) == (self.state, self.message):
            return False
        if state != self.state:
            self.since_us = at_us
        self.state, self.message = state, message
        return True


class ServingShard(msgspec.Struct, frozen=True):
    """One shard of the accepted target, or one that serves until that does.

    Attributes:
        state: a `muster.wire.targets.ShardState`; `serving` also for one that the accepted target no longer names.
        requests, errors, mean_us, most_us, local: of the reading before; None before the first request.
    """

    key: int
    model: str
    version: int
    component: str
    variant: str
    state: str
    have_bytes: int
    size_bytes: int
    requests: int | None = None
    errors: int | None = None
    mean_us: int | None = None
    most_us: int | None = None
    local: bool | None = None


class Serving(msgspec.Struct, frozen=True):
    """What the device runs, and how that stands to what it shall run; the words are those of its reports."""

    generation: tuple[int, int] | None = None
    serving: tuple[int, int] | None = None
    state: str = "idle"
    reason: str = ""
    detail: str = ""
    worker_pid: int | None = None
    shards: list[ServingShard] = []


class TrainingTask(msgspec.Struct, frozen=True):
    """One task of the accepted work; `state` and `reason` are words of `muster.wire.work`.

    Attributes:
        done, total: batches while training, bytes otherwise.
    """

    task: str
    model: str
    round_number: int
    trained: list[str]
    state: str
    reason: str
    detail: str
    done: int
    total: int


class Training(msgspec.Struct, frozen=True):
    """What the device trains for the server."""

    counter: int | None = None
    worker_pid: int | None = None
    tasks: list[TrainingTask] = []


class Status(msgspec.Struct, frozen=True):
    """Contents of the status file; times are the device's wall clock, microseconds UTC."""

    pid: int
    version: str
    node: str
    name: str
    server: str
    gateway: str
    link: Link
    started_at_us: int
    written_at_us: int
    sample_interval_ms: int
    waiting_frames: int
    dropped_frames: int
    spool_bytes: int
    disk_refusing: bool
    rtt_us: int | None
    offset_us: int | None
    serving: Serving = Serving()
    training: Training = Training()

    def age_us(self, now_us: int) -> int:
        """Return how long ago this was written."""
        return max(0, now_us - self.written_at_us)


def write(home: Home, status: Status) -> None:
    """Replace the status file; after a power cut an old one may be back.

    Raises:
        OSError: it could not be written.
    """
    write_atomically(home.status, msgspec.json.encode(status), durable=False)


def read(home: Home) -> Status | None:
    """Return what was last written, None when nothing readable is there."""
    try:
        return msgspec.json.decode(home.status.read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError):
        return None
