"""The running agent: samples, keeps, sends, and says how it is."""

import asyncio
import logging
import os
import signal
import time

import msgspec

from agent import identity, status, store
from agent.artifacts.download import Downloader
from agent.artifacts.shelf import Shelf
from agent.clock import ServerClock
from agent.connection import Connection
from agent.device import Device
from agent.errors import NotEnrolled
from agent.handshake import Credentials
from agent.home import Home
from agent.serving.service import Serving
from agent.spool import Spool
from agent.status import Status
from agent.store import Enrolment
from agent.telemetry import Reading, Sampler, Schedule, Sensors
from agent.training.service import Training
from muster import __version__
from muster.clock import now_us
from muster.ids import uuid7
from muster.wire.enrolment import b64decode
from muster.wire.envelope import encode_body
from muster.wire.messages import Frame, Sample

DEFAULT_INTERVAL_S = 1.0  # until the first Welcome says another
UPKEEP_INTERVAL_S = 1.0  # what a power cut may take, and the age of the status file

log = logging.getLogger(__name__)


def run(home: Home, data_dir: str | None = None) -> None:
    """Run the agent of `home` until SIGTERM or SIGINT.

    Args:
        data_dir: folder of the device's own data, in place of the one that was named at the enrolment.

    Raises:
        AgentError: it cannot start.
    """
    enrolment = store.load(home)
    if data_dir is not None:
        enrolment = msgspec.structs.replace(enrolment, data_dir=data_dir)
    key = identity.load(home)
    if key is None:
        raise NotEnrolled(f"{home.identity} is missing; put the device's key back, or enrol anew with another --home")
    with home.locked():
        credentials = Credentials(enrolment.node, key, b64decode(enrolment.server_key))
        asyncio.run(_main(home, enrolment, credentials))


async def _main(home: Home, enrolment: Enrolment, credentials: Credentials) -> None:
    try:
        spool = Spool(home.spool, str(uuid7()))
    except OSError as error:
        raise home.unusable(error) from error
    agent = Agent(home, enrolment, credentials, spool)
    try:
        await agent.run()
    finally:
        agent.close()


class Agent:
    """The parts of one run, wired together."""

    def __init__(self, home: Home, enrolment: Enrolment, credentials: Credentials, spool: Spool) -> None:
        self._home = home
        self._enrolment = enrolment
        self._spool = spool
        self._clock = ServerClock()
        self._started_at_us = now_us()
        self._schedule = Schedule(DEFAULT_INTERVAL_S, time.monotonic)
        device = Device(home, credentials, spool.boot, enrolment.gateway_url, enrolment.data_dir)
        downloader = Downloader(enrolment.gateway_url, credentials, self._clock, Shelf(home.artifacts))
        self._serving = Serving(device, self._clock, downloader)
        self._training = Training(device, self._clock, downloader)
        self._connection = Connection(
            enrolment.gateway_url,
            credentials,
            spool,
            self._clock,
            on_interval=self._set_interval,
            desks=(self._serving, self._training),
        )
        self._disk_complaint = ""

    async def run(self) -> None:
        """Work until a signal asks for the end."""
        log.info("started node=%s name=%s boot=%s", self._enrolment.node, self._enrolment.name, self._spool.boot)
        stop = _stop_signal()
        async with asyncio.TaskGroup() as tasks:
            sampler = Sampler(Sensors().read, self._keep, self._schedule)
            parts = (sampler.run, self._connection.run, self._upkeep, self._serving.run, self._training.run)
            work = [tasks.create_task(part()) for part in parts]
            await stop.wait()
            for task in work:
                task.cancel()

    def close(self) -> None:
        """Make the spool durable and say that nobody runs any more."""
        self._connection.link.move(status.STOPPED, "the agent was stopped", now_us())
        try:
            self._spool.close()
            self._write_status()
        except OSError as error:  # a full disk must not keep the process from ending
            log.error("%s takes no data at the end: %s", self._home.path, error)  # noqa: TRY400
        log.info("stopped waiting=%d dropped=%d", self._spool.waiting, self._spool.dropped)

    def _keep(self, reading: Reading) -> None:
        """Number a reading and hand it to the spool; from here on its bytes never change."""
        at_us = self._clock.now_us()
        sample = Sample(
            at=at_us,
            cpu=reading.cpu,
            memory_used_bytes=reading.memory_used_bytes,
            load1=reading.load1,
            rtt_us=self._clock.rtt_us,
            temperature_c=reading.temperature_c,
            battery=reading.battery,
        )
        number = self._spool.next_number()
        inferences = self._serving.take_inferences(at_us)
        frame = Frame(number.boot, number.seq, number.dropped, number.waiting, [sample], inferences)
        self._spool.append(encode_body(frame))
        self._connection.wake()

    def _set_interval(self, seconds: float) -> None:
        self._schedule.interval_s = seconds

    async def _upkeep(self) -> None:
        """Make the spool durable and write the status, once a second."""
        while True:
            self._complain_of_disk(await self._save())
            await asyncio.sleep(UPKEEP_INTERVAL_S)

    async def _save(self) -> str:
        """Return what the disk refused, nothing if it took all."""
        try:
            work = self._spool.checkpoint()
            if work is not None:
                await asyncio.to_thread(work)
            self._write_status()
        except OSError as error:
            return error.strerror or str(error)
        return "the spool cannot be written" if self._spool.disk_is_refusing else ""

    def _complain_of_disk(self, complaint: str) -> None:
        if complaint and complaint != self._disk_complaint:
            log.error("%s takes no data: %s; readings are kept in memory", self._home.path, complaint)
        elif self._disk_complaint and not complaint:
            log.info("%s takes data again", self._home.path)
        self._disk_complaint = complaint

    def _write_status(self) -> None:
        status.write(
            self._home,
            Status(
                pid=os.getpid(),
                version=__version__,
                node=self._enrolment.node,
                name=self._enrolment.name,
                server=self._enrolment.server,
                gateway=self._enrolment.gateway_url,
                link=self._connection.link,
                started_at_us=self._started_at_us,
                written_at_us=now_us(),
                sample_interval_ms=round(self._schedule.interval_s * 1_000),
                waiting_frames=self._spool.waiting,
                dropped_frames=self._spool.dropped,
                spool_bytes=self._spool.size_bytes,
                disk_refusing=self._spool.disk_is_refusing,
                rtt_us=self._clock.rtt_us,
                offset_us=self._clock.wall_offset_us(),
                serving=self._serving.status(),
                training=self._training.status(),
            ),
        )


def _stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
