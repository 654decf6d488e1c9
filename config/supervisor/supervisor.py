"""Brings everything up in order, keeps it up, takes it down.

PostgreSQL and Valkey → `manage.py prepare` → web, gateway, pulse, workers and
beat → the local fleet, whose devices enrol with the web process and connect to
the gateway.
"""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config.supervisor import environment, plan
from config.supervisor.child import Child, Spec, Surroundings
from config.supervisor.console import Console
from config.supervisor.embedded import Server, servers
from config.supervisor.errors import StepFailed
from config.supervisor.leftovers import RunFiles
from config.supervisor.local_fleet import Member, members
from config.supervisor.logs import keep_cut
from config.supervisor.options import Options
from config.supervisor.steps import run_step

# Together below the ten seconds that a Ctrl-C may take.
STOP_TIMEOUT_S = 5.0
STOP_SERVERS_TIMEOUT_S = 4.0
PARALLEL_ENROLMENTS = os.cpu_count() or 1
FIRST_OPERATOR = "operator"


@dataclass(frozen=True)
class Prepared:
    """What `manage.py prepare` answered."""

    pin: str
    tokens: Mapping[str, str]
    password: str | None


class Supervisor:
    """Everything on one machine.

    Args:
        options: what was typed.
        console: where progress goes.
    """

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._around = Surroundings(options.log_dir, RunFiles(options.run_dir), console)
        self._servers: list[Child] = []
        self._children: list[Child] = []
        self._env_file: Path | None = None
        self._password: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Bring everything up and keep it until `stop`; whatever happens, take it down again.

        Raises:
            SupervisorError: it could not be brought up.
        """
        up = asyncio.create_task(self._up())
        stopped = asyncio.create_task(stop.wait())
        logs = asyncio.create_task(keep_cut(self._options.log_dir))
        try:
            await asyncio.wait({up, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if up.done():
                up.result()
                await stopped
        finally:
            logs.cancel()
            stopped.cancel()
            up.cancel()
            await asyncio.gather(up, return_exceptions=True)
            self._tell_password()  # it is shown once, also when the start was broken off
            await self._down()

    async def _up(self) -> None:
        settings = await self._start_servers()
        self._env_file = environment.write(self._options.data_dir, settings)
        for_server = environment.for_server(settings)
        fleet, url = members(self._options.agents), environment.public_url(self._options)
        with self._console.step("database", "tables, translations, static files, agent's wheel"):
            prepared = await self._prepare(for_server, fleet)
        self._password = prepared.password
        await self._start_processes(for_server)
        if fleet:
            await self._start_fleet(fleet, environment.for_agent(settings), url, prepared)
        self._console.line(f"\nMuster is up: {url}")
        self._tell_password()
        self._console.line(f"Ctrl-C stops everything. Logs are in {self._options.log_dir}.")

    async def _start_servers(self) -> dict[str, str]:
        """Start the servers that no setting points elsewhere; return the settings."""
        own: list[Server] = []
        if not all(environment.given(name) for name in ("MUSTER_DATABASE_URL", "MUSTER_REDIS_URL")):
            with self._console.step("servers", "PostgreSQL and Valkey"):
                own = [server for server in servers(self._options.data_dir) if not environment.given(server.setting)]
                for server in own:
                    server.prepare()  # here, where what it raises ends the start
                self._servers = [self._begin(plan.embedded(server)) for server in own]
                await asyncio.gather(*(child.wait_ready() for child in self._servers))
        return environment.settings(self._options, own)

    async def _prepare(self, for_server: Mapping[str, str], fleet: list[Member]) -> Prepared:
        wanted = [f"--site={site}" for site in sorted({member.site for member in fleet})]
        wanted += [
            f"--token={member.name}:{member.site}:{member.tier}" for member in fleet if not self._enrolled(member)
        ]
        command = plan.manage(for_server, "prepare", "--json", "--operator", FIRST_OPERATOR, *wanted)
        answer = await run_step("prepare", command, self._options.log_dir)
        try:
            fields = json.loads(answer.strip().splitlines()[-1])
            return Prepared(fields["pin"], fields["tokens"], fields["password"])
        except (ValueError, KeyError, IndexError) as error:
            raise StepFailed(f"prepare answered something else than asked, see {self._options.log_dir}") from error

    async def _start_processes(self, for_server: Mapping[str, str]) -> None:
        specs = [plan.gateway(self._options, for_server), plan.web(self._options, for_server), plan.pulse(for_server)]
        if self._options.workers:
            specs += plan.workers(for_server)
        with self._console.step("processes", "web, gateway, pulse" + ", workers, beat" * self._options.workers):
            self._children += [self._begin(spec) for spec in specs]
            await asyncio.gather(*(child.wait_ready() for child in self._children))

    async def _start_fleet(self, fleet: list[Member], for_agent: dict[str, str], url: str, prepared: Prepared) -> None:
        slots = asyncio.Semaphore(PARALLEL_ENROLMENTS)

        async def join(member: Member) -> None:
            if member.name in prepared.tokens:
                command = plan.enrolment(
                    self._options, for_agent, member,
                    server=url, pin=prepared.pin, token=prepared.tokens[member.name],
                )  # fmt: skip
                async with slots:
                    try:
                        await run_step(f"agent-{member.name}", command, self._options.log_dir)
                    except StepFailed as error:  # one device that cannot join does not hold up the others
                        self._console.line(str(error))
                        return
            self._children.append(self._begin(plan.agent(self._options, for_agent, member)))

        enrolling = len(prepared.tokens)
        with self._console.step(
            "fleet", f"{len(fleet)} devices" + f", {enrolling} of them enrolled now" * bool(enrolling)
        ):
            async with asyncio.TaskGroup() as group:
                for member in fleet:
                    group.create_task(join(member))

    async def _down(self) -> None:
        """Take everything down: who works first, the servers they need last."""
        running = [child for child in [*self._children, *self._servers] if child.pid is not None]
        if running:
            self._console.line("\nStopping.")
        await asyncio.gather(*(child.stop(STOP_TIMEOUT_S) for child in self._children))
        await asyncio.gather(*(child.stop(STOP_SERVERS_TIMEOUT_S) for child in self._servers))
        if self._env_file is not None:
            self._env_file.unlink(missing_ok=True)

    def _begin(self, spec: Spec) -> Child:
        child = Child(spec, self._around)
        child.start()
        return child

    def _enrolled(self, member: Member) -> bool:
        return (self._options.data_dir / "agents" / member.name / "enrolment.json").exists()

    def _tell_password(self) -> None:
        if self._password is not None:
            self._console.line(f"Sign in as {FIRST_OPERATOR} with the password {self._password} (shown this once).")
            self._password = None
