"""The embedded servers: private, durable, and never outliving whoever started them."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.supervisor.embedded import UNSAFE_AND_FAST, Postgres, Running, Valkey, servers
from config.supervisor.errors import ServerError
from config.supervisor.place import settle
from config.supervisor.processes import Identity, wait_gone

ROOT = Path(__file__).resolve().parent.parent.parent

STARTER = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from config.supervisor.embedded import Running, servers
running = Running()
for server in servers(Path(sys.argv[2])):
    running.start(server)
print(*(process.pid for _server, process in running._started), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def var() -> Iterator[Path]:
    """A data directory that the servers' account may enter."""
    with tempfile.TemporaryDirectory(prefix="muster-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "var"


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.stop()


def test_rows_survive_a_stop_and_a_start(var: Path, running: Running) -> None:
    postgres, _valkey = servers(var, options=UNSAFE_AND_FAST)
    running.start(postgres)
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    running.stop()
    running.start(servers(var, options=UNSAFE_AND_FAST)[0])

    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_wrong_password_is_refused(var: Path, running: Running) -> None:
    postgres, _valkey = servers(var, options=UNSAFE_AND_FAST)
    running.start(postgres)

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url, password="guessed")


def test_neither_server_listens_on_the_network(var: Path, running: Running) -> None:
    postgres, valkey = servers(var, options=UNSAFE_AND_FAST)
    running.start(postgres)
    running.start(valkey)

    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    with redis.Redis.from_url(valkey.url) as client:
        assert client.config_get("port") == {"port": "0"}
    assert stat.S_IMODE(postgres.place.sockets.stat().st_mode) == 0o700


def test_valkey_evicts_nothing_and_writes_nothing(var: Path, running: Running) -> None:
    _postgres, valkey = servers(var)
    running.start(valkey)

    with redis.Redis.from_url(valkey.url) as client:
        assert client.config_get("maxmemory-policy", "save", "appendonly") == {
            "maxmemory-policy": "noeviction",
            "save": "",
            "appendonly": "no",
        }


def test_servers_die_with_a_starter_that_is_killed_and_start_again(var: Path, running: Running) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(ROOT), str(var)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert starter.stdout is not None
    pids = [int(pid) for pid in starter.stdout.readline().split()]
    identities = [identity for pid in pids if (identity := Identity.of(pid))]
    assert len(identities) == 2
    starter.kill()
    starter.communicate()

    assert all(wait_gone(identity, 10) for identity in identities)
    for server in servers(var):
        running.start(server)


def test_an_interrupted_first_start_leaves_nothing_half_made(var: Path, running: Running) -> None:
    postgres, _valkey = servers(var, options=UNSAFE_AND_FAST)
    (postgres.place.home / "postgres.new" / "base").mkdir(parents=True)
    running.start(postgres)

    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_pid_file_of_a_server_that_is_gone_is_no_obstacle(var: Path, running: Running) -> None:
    postgres, _valkey = servers(var, options=UNSAFE_AND_FAST)
    postgres.prepare()
    # The number belongs to a living process by now: this one.
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")
    running.start(postgres)

    assert postgres.url


def test_a_server_that_cannot_start_says_so(var: Path, running: Running) -> None:
    postgres, _valkey = servers(var, options={"no_such_setting": "1", "fsync": "off"})

    with pytest.raises(ServerError, match="postgres ended with exit code 1"):
        running.start(postgres)


def test_a_long_path_moves_the_sockets_where_they_fit(var: Path, running: Running) -> None:
    deep = var / ("long-" * 20) / "var"
    postgres, valkey = servers(deep, options=UNSAFE_AND_FAST)

    assert postgres.place.sockets.parent == Path(tempfile.gettempdir())
    assert servers(deep)[0].place.sockets == postgres.place.sockets  # the same one next time
    running.start(valkey)
    running.stop()
    postgres.place.sockets.rmdir()


def test_a_socket_folder_of_somebody_else_is_refused(var: Path) -> None:
    deep = var / ("long-" * 20) / "var"
    sockets = servers(deep)[0].place.sockets
    sockets.rmdir()
    sockets.symlink_to("/")
    try:
        with pytest.raises(ServerError, match="belongs to somebody else"):
            servers(deep)
    finally:
        sockets.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as somebody else")
class TestAsRoot:
    def test_servers_run_as_nobody(self, var: Path, running: Running) -> None:
        postgres, valkey = servers(var, options=UNSAFE_AND_FAST)
        running.start(postgres)
        running.start(valkey)

        assert postgres.place.account is not None
        assert {Path(f"/proc/{process.pid}").stat().st_uid for _server, process in running._started} == {
            postgres.place.account.uid
        }

    def test_a_folder_that_nobody_may_enter_moves_the_servers_outside(self, var: Path) -> None:
        outside = var.parent / "outside"
        var.mkdir(mode=0o700)
        first = settle(var, outside)
        again = settle(var, outside)

        assert first == again
        assert first.home.parent == outside
        assert (var / "servers").resolve() == first.home

    def test_the_remains_of_a_deleted_data_directory_are_moved_aside(self, var: Path) -> None:
        outside = var.parent / "outside"
        var.mkdir(mode=0o700)
        home = settle(var, outside).home
        (home / "old").touch()
        (var / "servers").unlink()
        var.rmdir()
        var.mkdir(mode=0o700)

        assert not (settle(var, outside).home / "old").exists()
        assert len(list(outside.glob(f"{home.name}.*/old"))) == 1


def test_the_password_is_kept_private(var: Path) -> None:
    postgres, valkey = servers(var)
    assert isinstance(postgres, Postgres)
    assert isinstance(valkey, Valkey)
    assert postgres.url == servers(var)[0].url
    assert stat.S_IMODE((postgres.place.home / "database.password").stat().st_mode) == 0o600
