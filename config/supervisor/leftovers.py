"""Remembers who was started, so that a later supervisor ends what a killed one left.

The kernel ends the children of a supervisor that dies. What is left then is a
server that still closes its files, or a grandchild. One file for each child
holds its number, start time and boot, so that a stranger who has the number by
now is never touched.
"""

import json
import signal
from dataclasses import asdict
from pathlib import Path

from config.supervisor.processes import Identity, kill_session, signal_one, wait_gone

PATIENCE_S = 8  # an orderly end of PostgreSQL writes its dirty pages


class RunFiles:
    """The files of one data directory's children.

    Args:
        folder: where they are; made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def record(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        """Remember a child that was just started."""
        identity = Identity.of(pid)
        if identity is None:  # it ended already
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{name}.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps({**asdict(identity), "stop_signal": int(stop_signal)}))
        new.replace(path)

    def forget(self, name: str) -> None:
        """Forget a child that ended."""
        (self._folder / f"{name}.json").unlink(missing_ok=True)

    def stop_leftovers(self, patience_s: float = PATIENCE_S) -> list[str]:
        """End every remembered process that still runs, in order first; return their names."""
        left = []
        for path in sorted(self._folder.glob("*.json")):
            identity, stop_signal = _read(path)
            if identity is not None and identity.alive:
                left.append((path.stem, identity))
                signal_one(identity.pid, stop_signal)
        for _name, identity in left:
            if not wait_gone(identity, patience_s):
                kill_session(identity.pid)
                wait_gone(identity, patience_s)
        for path in self._folder.glob("*.json"):
            path.unlink()
        return [name for name, _identity in left]


def _read(path: Path) -> tuple[Identity | None, signal.Signals]:
    """Return what a file remembers; a file that was cut short remembers nothing."""
    try:
        fields = json.loads(path.read_text())
        identity = Identity(fields["pid"], fields["started_ticks"], fields["boot_id"])
        return identity, signal.Signals(fields["stop_signal"])
    except (ValueError, KeyError):
        return None, signal.SIGTERM
