"""The real web process over its own database, for the browser."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
START_S = 30


@dataclass
class Web:
    """A running web process: its address, what was put into its database, and its environment."""

    url: str
    seeded: dict[str, Any]
    process: subprocess.Popen[bytes]
    environ: dict[str, str]


def start(folder: Path) -> Web:
    """Make a database and a data folder, fill them, and serve them as in production."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = os.environ | {
        "MUSTER_DATABASE_URL": make_database(os.environ["MUSTER_DATABASE_URL"]),
        "MUSTER_DATA_DIR": str(folder),
        "MUSTER_PUBLIC_URL": url,
        "MUSTER_GATEWAY_URL": f"ws://127.0.0.1:{port + 1}",
        "MUSTER_ALLOWED_HOSTS": "127.0.0.1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    run(environ, "manage.py", "migrate", "--verbosity=0")
    run(environ, "manage.py", "collectstatic", "--noinput", "--verbosity=0")
    seeded = json.loads(run(environ, "-m", "tests.browser.seed").splitlines()[-1])
    command = ["-m", "uvicorn", "config.asgi:application", "--port", str(port), "--no-access-log", "--lifespan", "off"]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], env=environ, cwd=ROOT, stdout=log, stderr=log)
    web = Web(url, seeded, process, environ)
    wait(web)
    return web


def stop(web: Web) -> None:
    """End the process."""
    web.process.terminate()
    web.process.wait(10)


def make_database(server_url: str) -> str:
    """Make an empty database on the tests' server, and return its address."""
    name = f"browser_{secrets.token_hex(4)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def run(environ: dict[str, str], *arguments: str) -> str:
    """Run a Python program of the checkout and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def wait(web: Web) -> None:
    """Return once the sign-in page answers."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and web.process.poll() is None:
        try:
            with urlopen(f"{web.url}/sign-in", timeout=5):
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)  # a process that starts cannot be waited for otherwise
    raise RuntimeError("the web process did not start")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
