"""The settings that the supervisor gives its children, and commands in a second terminal."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from config.env import EMBEDDED_ENV, Env
from config.supervisor.embedded import Server
from config.supervisor.files import keep_secret, write_private
from config.supervisor.options import Options

SECRET_KEY_BYTES = 48
WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104  (compared with, not bound to)


def given(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Say whether a setting comes from whoever typed the command."""
    return name in environ or f"{name}_FILE" in environ


def public_url(options: Options, environ: Mapping[str, str] = os.environ) -> str:
    """Return the address of the pages: the given one, or where we listen."""
    return Env(dict(environ)).text("MUSTER_PUBLIC_URL", f"http://{_authority(options.host, options.port)}")


def settings(options: Options, servers: list[Server], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the MUSTER_ settings that are not given, for our own servers and addresses."""
    public = public_url(options, environ)
    own = {
        "MUSTER_PUBLIC_URL": public,
        "MUSTER_GATEWAY_URL": f"ws://{_authority(options.host, options.gateway_port)}",
        "MUSTER_WORKERS": str(int(options.workers)),
        "MUSTER_ALLOWED_HOSTS": ",".join(sorted({urlsplit(public).hostname or "", "localhost", "127.0.0.1"} - {""})),
        **{server.setting: server.url for server in servers},
    }
    if not given("MUSTER_SECRET_KEY", environ):
        own["MUSTER_SECRET_KEY"] = keep_secret(options.data_dir / "keys" / "secret_key", length_bytes=SECRET_KEY_BYTES)
    settings = {name: value for name, value in own.items() if not given(name, environ)}
    return {**settings, "MUSTER_DATA_DIR": str(options.data_dir)}


def write(data_dir: Path, settings: Mapping[str, str]) -> Path:
    """Write the settings where `config.env` looks for them; return the file."""
    path = data_dir / EMBEDDED_ENV
    head = "# Written by manage.py up for its own servers; removed when it stops.\n"
    write_private(path, head + "".join(f"{name}={value}\n" for name, value in sorted(settings.items())))
    return path


def for_server(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the server's processes: ours and the settings."""
    own = {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    return {"FORWARDED_ALLOW_IPS": trusted_proxies(settings), **os.environ, **settings, **own}


def trusted_proxies(settings: Mapping[str, str]) -> str:
    """Return from where "this request came from that address" is believed.

    Under https a proxy on this machine ends TLS before us. Without it there is none, and whoever
    claims another address wants to be throttled, or remembered in the audit log, as somebody else.
    """
    public = settings.get("MUSTER_PUBLIC_URL") or Env().text("MUSTER_PUBLIC_URL", "")
    return "127.0.0.1,::1" if urlsplit(public).scheme == "https" else ""


def for_agent(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a device: none of the server's secrets."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MUSTER_")}
    return {**ours, "MUSTER_DATA_DIR": settings["MUSTER_DATA_DIR"], "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}


def _authority(host: str, port: int) -> str:
    """Return host and port as they stand in a URL, with an address that others can reach for a wildcard."""
    if host in WILDCARDS:
        host = _own_address()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _own_address() -> str:
    """Return the address this machine would use towards others; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address for documentation
        except OSError:  # no network at all
            return "127.0.0.1"
        return str(probe.getsockname()[0])
