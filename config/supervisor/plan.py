"""The processes of one machine, as children of the supervisor."""

import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

from config.supervisor import readiness
from config.supervisor.child import Spec
from config.supervisor.embedded import Server
from config.supervisor.environment import public_url
from config.supervisor.launch import Command
from config.supervisor.local_fleet import Member
from config.supervisor.options import ROOT, Options

# A request that is under way may end in this time; a browser's open socket is closed.
GRACE_S = 3
# A frame of a node is at most this large; what is larger is cut off before it is read.
GATEWAY_MESSAGE_BYTES = 1 << 20
# Our own bounds on slow and endless request heads.
HTTP = "config.http.protocol:BoundedHttp"
CELERY = ("celery", "-A", "config.celery")
CELERY_LOG = ("--loglevel", "WARNING")


def manage(environment: Mapping[str, str], *arguments: str) -> Command:
    """Return `manage.py …`."""
    return Command((sys.executable, str(ROOT / "manage.py"), *arguments), env=environment, cwd=ROOT)


def module(environment: Mapping[str, str], *arguments: str) -> Command:
    """Return `python -m …`."""
    return Command((sys.executable, "-m", *arguments), env=environment, cwd=ROOT)


def embedded(server: Server) -> Spec:
    """Return an embedded server as a child."""
    return Spec(server.name, server.command(), prepare=server.prepare, ready=readiness.server(server))


def web(options: Options, environment: Mapping[str, str]) -> Spec:
    """Return pages, REST and browser sockets."""
    command = module(
        environment, "uvicorn", "config.asgi:application", "--host", options.host, "--port", str(options.port),
        "--http", HTTP, "--no-access-log", "--lifespan", "off", "--ws-per-message-deflate", "false",
        "--timeout-graceful-shutdown", str(GRACE_S),
    )  # fmt: skip
    name = urlsplit(public_url(options)).hostname or options.host
    return Spec("web", command, ready=readiness.http(options.host, options.port, "/healthz", name=name))


def gateway(options: Options, environment: Mapping[str, str]) -> Spec:
    """Return the node sockets."""
    command = module(
        environment, "uvicorn", "config.gateway:application", "--host", options.host,
        "--port", str(options.gateway_port), "--http", HTTP, "--no-access-log", "--lifespan", "on",
        "--ws-max-size", str(GATEWAY_MESSAGE_BYTES), "--ws-per-message-deflate", "false", "--ws-ping-interval", "20",
        "--timeout-graceful-shutdown", str(GRACE_S),
    )  # fmt: skip
    return Spec("gateway", command, ready=readiness.tcp(options.host, options.gateway_port))


def pulse(environment: Mapping[str, str]) -> Spec:
    """Return what merges the gateways' figures into fleet topics."""
    return Spec("pulse", manage(environment, "pulse"))


def workers(environment: Mapping[str, str]) -> list[Spec]:
    """Return a worker for each queue, and the beat that wakes the reconcilers."""
    return [
        _worker(environment, "control", "--concurrency", "2"),
        _worker(environment, "rollout", "--concurrency", "1"),
        # Tensor work hangs in a forked process, so this one computes in its own.
        _worker(environment, "aggregation", "--pool", "solo"),
        # The schedule is kept in memory: a tick that is missed or doubled changes nothing.
        Spec("beat", module(environment, *CELERY, "beat", "--scheduler", "celery.beat:Scheduler", *CELERY_LOG)),
    ]


def agent(options: Options, environment: Mapping[str, str], member: Member) -> Spec:
    """Return a device of the local fleet."""
    home = options.data_dir / "agents" / member.name
    return Spec(f"agent-{member.name}", module(environment, "agent", "run", "--home", str(home)))


def enrolment(
    options: Options, environment: Mapping[str, str], member: Member, *, server: str, pin: str, token: str
) -> Command:
    """Return how a device of the local fleet enrols: as every device does."""
    home = options.data_dir / "agents" / member.name
    return module(
        environment, "agent", "enrol", "--server", server, "--pin", pin, "--token", token, "--name", member.name,
        "--site", member.site, "--tier", member.tier, "--device-type", member.device_type, "--home", str(home),
    )  # fmt: skip


def _worker(environment: Mapping[str, str], queue: str, *pool: str) -> Spec:
    command = module(
        environment, *CELERY, "worker", "--queues", queue, *pool, "--hostname", f"{queue}@%h",
        "--without-gossip", "--without-mingle", *CELERY_LOG,
    )  # fmt: skip
    return Spec(f"worker-{queue}", command)
