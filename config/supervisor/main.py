"""`manage.py up`: starts everything on one machine and keeps it up until Ctrl-C."""

import asyncio
import signal
import sys
from collections.abc import Sequence

from config.env import ConfigError
from config.supervisor import checks, lock
from config.supervisor.account import for_servers
from config.supervisor.console import Console
from config.supervisor.environment import given
from config.supervisor.errors import SupervisorError
from config.supervisor.leftovers import RunFiles
from config.supervisor.options import Options, parse
from config.supervisor.place import find_binaries
from config.supervisor.supervisor import Supervisor


def main(arguments: Sequence[str]) -> int:
    """Run the supervisor; return the exit code."""
    options = parse(arguments)
    console = Console()
    try:
        checks.folder(options.data_dir)
        with lock.held(options.data_dir / "supervisor.lock", f"http://{options.host}:{options.port}"):
            _make_ready(options, console)
            asyncio.run(_supervise(options, console))
    except (SupervisorError, ConfigError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:  # before the loop took the signal over
        return 130
    console.line("Stopped.")
    return 0


def _make_ready(options: Options, console: Console) -> None:
    """End what a killed supervisor left, then look whether the machine has what is needed."""
    console.line(f"Muster, with its files in {options.data_dir}")
    left = RunFiles(options.run_dir).stop_leftovers()
    if left:
        console.row("leftovers", f"ended {len(left)} processes of a supervisor that is gone: {', '.join(left)}")
    checks.packages()
    checks.disk(options.data_dir)
    checks.ports(options)
    if not (given("MUSTER_DATABASE_URL") and given("MUSTER_REDIS_URL")):
        find_binaries()
        account = for_servers()
        if account is not None:
            console.row("account", f"you are root: PostgreSQL and Valkey run as {account.name}")


async def _supervise(options: Options, console: Console) -> None:
    loop = asyncio.get_running_loop()
    if sys.version_info < (3, 12):  # later ones watch by pidfd themselves; a thread per child would meet our forks
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(loop)
        asyncio.set_child_watcher(watcher)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await Supervisor(options, console).run(stop)
