"""The account of the embedded servers.

PostgreSQL refuses to run as root, so root's servers run as `nobody`; everybody
else's run as themselves.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """A user that a process becomes before it starts."""

    name: str
    uid: int
    gid: int

    def become(self) -> None:
        """Give up root for this account, for good; runs in the child."""
        os.setgroups([])
        os.setgid(self.gid)
        os.setuid(self.uid)

    def own(self, path: Path) -> None:
        """Hand a file or folder to this account."""
        os.chown(path, self.uid, self.gid)

    def can_run(self, binary: Path) -> bool:
        """Say whether this account reaches a binary and may start it."""
        return self._succeeds(str(binary), "--version")

    def can_enter(self, folder: Path) -> bool:
        """Say whether this account may go through a folder and all above it."""
        return self._succeeds("/bin/sh", "-c", 'cd "$0"', str(folder))

    def _succeeds(self, *argv: str) -> bool:
        try:
            done = subprocess.run(  # noqa: S603  (our own binaries)
                argv, user=self.uid, group=self.gid, extra_groups=[], cwd="/", capture_output=True, timeout=10
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return done.returncode == 0


def for_servers() -> Account | None:
    """Return the account to run servers as, or None for our own."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
