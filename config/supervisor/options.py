"""What the person who types `manage.py up` may choose."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DEFAULT_AGENTS = 7
HIGHEST_PORT = 65_534  # the gateway takes the next one


@dataclass(frozen=True)
class Options:
    """The choices, with their defaults filled in."""

    host: str
    port: int
    agents: int
    workers: bool
    data_dir: Path

    @property
    def gateway_port(self) -> int:
        return self.port + 1

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "log"

    @property
    def run_dir(self) -> Path:
        """Who runs: one small file for each process."""
        return self.data_dir / "run"


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; a wrong one ends the program with a hint."""
    parser = argparse.ArgumentParser(
        prog="manage.py up",
        description="Start everything on this machine: PostgreSQL, Valkey, web, gateway, pulse, workers, beat and "
        "a local fleet. Ctrl-C stops it. Files go to MUSTER_DATA_DIR (var/).",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="of the pages; the gateway takes the next one")
    parser.add_argument("--agents", type=_count, default=DEFAULT_AGENTS, help="local devices (default: %(default)s)")
    parser.add_argument("--no-workers", action="store_true", help="neither Celery workers nor beat")
    chosen = parser.parse_args(arguments)
    data_dir = Path(os.environ.get("MUSTER_DATA_DIR", ROOT / "var")).expanduser().resolve()
    return Options(chosen.host, chosen.port, chosen.agents, not chosen.no_workers, data_dir)


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else 0
    if not 1 <= port <= HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"a port is between 1 and {HIGHEST_PORT}")
    return port


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("a number of devices is 0 or more")
    return int(text)
