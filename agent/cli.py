"""The command line: enrol, run, status. Failures are one line on stderr and an exit code.

The codes are listed in `agent.errors`. Each command imports what it needs: the running
agent carries no HTTP client.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.errors import AgentError, Usage
from agent.home import Home
from muster import __version__

TIERS = ("terminal", "edge", "cloud")

EXIT_CODES = """\
exit codes:
  0 done             4 already enrolled     8 not a Muster server
  1 other            5 folder unusable      9 server's key not proved
  2 bad argument     6 agent runs already  10 enrolment refused
  3 not enrolled     7 server unreachable  11 status: not running
                                           12 status: not connected
"""

_PIN = re.compile(r"sha256:[0-9a-f]{64}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    home = Home(options.home.absolute()) if options.home else Home.default()
    try:
        code: int = options.command(home, options)
    except AgentError as error:
        sys.stderr.write(f"muster-agent: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("muster-agent: interrupted\n")
        return 130
    return code


def _enrol(home: Home, options: argparse.Namespace) -> int:
    from agent import identity
    from agent.enrolment import Wish, enrol
    from agent.server import Server

    wish = Wish(
        server=options.server,
        token=options.token,
        pin=_pin(options.pin),
        trust_on_first_use=options.trust_on_first_use,
        name=options.name,
        site=options.site,
        tier=options.tier,
        device_type=options.device_type,
        data_dir=_data_dir(options.data),
    )
    server = Server(wish.server)
    if server.is_overheard:
        sys.stderr.write(f"muster-agent: warning: the token travels to {server.url} unencrypted; use https:// there\n")
    try:
        enrolment = enrol(home, wish, server)
    finally:
        server.close()
    sys.stdout.write(f"Enrolled as {enrolment.name} ({enrolment.node}), {enrolment.tier} at {enrolment.site}.\n")
    sys.stdout.write(f"Fingerprint of its key: {identity.shown(home)}\n")
    if enrolment.state != "active":
        sys.stdout.write(
            "It waits for an operator, who compares the fingerprint and approves it on the server's enrolment page.\n"
        )
    sys.stdout.write(f"Start it with: muster-agent run --home {home.path}\n")
    return 0


def _run(home: Home, options: argparse.Namespace) -> int:
    from agent import logs
    from agent.runtime import run

    data_dir = _data_dir(options.data)
    logs.configure()
    run(home, None if data_dir is None else str(data_dir))
    return 0


def _status(home: Home, options: argparse.Namespace) -> int:
    from agent.report import report

    return report(home, as_json=options.json, out=sys.stdout)


def _pin(text: str | None) -> str | None:
    if text is not None and not _PIN.fullmatch(text.lower()):
        raise Usage(f"--pin {text!r} is no fingerprint; it is sha256: and 64 hexadecimal digits")
    return text.lower() if text else None


def _data_dir(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise Usage(f"--data {path} is no folder; make it, or leave --data out")
    return path.resolve() if path else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="muster-agent",
        description="The device's side of Muster.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"muster-agent {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_enrol(commands)
    run = commands.add_parser("run", help="stream this device's samples and run its shards until stopped")
    run.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of this device's own data, in place of the enrolled"
    )
    run.set_defaults(command=_run)
    status = commands.add_parser("status", help="say how the running agent is")
    status.add_argument("--json", action="store_true", help="the same, for programs")
    status.set_defaults(command=_status)
    for command in commands.choices.values():
        command.add_argument(
            "--home", type=Path, metavar="DIR", help="the agent's folder (default: $MUSTER_AGENT_HOME)"
        )
    return parser


def _add_enrol(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    enrol = commands.add_parser("enrol", help="make this device a node of a server")
    enrol.add_argument("--server", required=True, metavar="URL", help="address of the server")
    enrol.add_argument("--token", required=True, help="enrolment token, as the operator was shown it")
    enrol.add_argument("--pin", metavar="sha256:…", help="fingerprint of the server's key")
    enrol.add_argument("--trust-on-first-use", action="store_true", help="without --pin: take the key that is shown")
    enrol.add_argument("--name", help="name of the node (default: this host's)")
    enrol.add_argument("--site", help="path of the site; must be the token's")
    enrol.add_argument("--tier", choices=TIERS, help="must be the token's")
    enrol.add_argument("--device-type", default="generic", metavar="TYPE", help="kind of device, for the operators")
    enrol.add_argument("--data", type=Path, metavar="DIR", help="folder of this device's own data")
    enrol.set_defaults(command=_enrol)
