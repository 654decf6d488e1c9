"""The agent's folder: where everything is that a device keeps."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.errors import AlreadyRunning, HomeUnusable

OWNER_ONLY = 0o700
LOCK_ATTEMPTS = 3
LOCK_PAUSE_S = 0.05

_NAMES = {
    "identity.pem",
    "enrolment.json",
    "status.json",
    "spool",
    "lock",
    "target.msgpack",
    "served.msgpack",
    "artifacts",
    "work.msgpack",
    "updates",
}


@dataclass(frozen=True)
class Home:
    """Paths inside the agent's folder."""

    path: Path

    @classmethod
    def default(cls) -> "Home":
        """Return $MUSTER_AGENT_HOME, else the system's folder for root, else the user's."""
        named = os.environ.get("MUSTER_AGENT_HOME")
        if named:
            return cls(Path(named).absolute())
        if os.geteuid() == 0:
            return cls(Path("/var/lib/muster-agent"))
        return cls(Path.home() / ".local" / "share" / "muster-agent")

    @property
    def identity(self) -> Path:
        """The private key."""
        return self.path / "identity.pem"

    @property
    def enrolment(self) -> Path:
        """What the server answered."""
        return self.path / "enrolment.json"

    @property
    def status(self) -> Path:
        """What the running agent last said of itself."""
        return self.path / "status.json"

    @property
    def spool(self) -> Path:
        """The folder of frames that are not acknowledged yet."""
        return self.path / "spool"

    @property
    def target(self) -> Path:
        """The accepted target, as it came."""
        return self.path / "target.msgpack"

    @property
    def served_target(self) -> Path:
        """The target that served last."""
        return self.path / "served.msgpack"

    @property
    def artifacts(self) -> Path:
        """The folder of shards, by the hash of their bytes."""
        return self.path / "artifacts"

    @property
    def work(self) -> Path:
        """What this device shall train, as it came."""
        return self.path / "work.msgpack"

    @property
    def updates(self) -> Path:
        """The folder of what it has learned and hands over."""
        return self.path / "updates"

    def prepare(self) -> bool:
        """Make the folder, for its owner alone, and return whether it was not there before.

        Raises:
            HomeUnusable: it cannot be made or written, or holds somebody else's files.
        """
        try:
            made = not self.path.exists()
            self.path.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
            self._refuse_strangers()
            self.path.chmod(OWNER_ONLY)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise self.unusable(error) from error
        return made

    def unusable(self, error: OSError) -> HomeUnusable:
        """Return `error` in words for the person at the keyboard."""
        reason = error.strerror or str(error)
        return HomeUnusable(
            f"the agent's folder {self.path} cannot be used: {reason}; "
            "choose another with --home, or make this one writable"
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone until the block ends.

        Raises:
            AlreadyRunning: another agent holds it.
            HomeUnusable: the lock file cannot be opened.
        """
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self.unusable(error) from error
        try:
            if not _taken(descriptor):
                raise AlreadyRunning(f"another agent uses {self.path}; stop it first, or choose another --home")
            yield
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Return whether an agent holds the folder now."""
        try:
            with self.locked():
                return False
        except AlreadyRunning:
            return True

    def forget_folder(self) -> None:
        """Remove the folder of an enrolment that came to nothing, unless something is in it."""
        (self.path / "lock").unlink(missing_ok=True)
        with suppress(OSError):
            self.path.rmdir()

    def _refuse_strangers(self) -> None:
        strangers = sorted({entry.name for entry in self.path.iterdir() if not entry.name.startswith(".")} - _NAMES)
        if strangers:
            raise HomeUnusable(
                f"{self.path} holds other things ({strangers[0]}); choose an empty or a new folder with --home"
            )


def _taken(descriptor: int) -> bool:
    """Lock the file and return whether that worked.

    `status` looks whether an agent runs by holding the lock for an instant, so one
    refusal is no proof.
    """
    for _ in range(LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_S)
        else:
            return True
    return False
