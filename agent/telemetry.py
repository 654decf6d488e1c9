"""True readings of this machine, on a schedule that keeps its step."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Reading:
    """One look at the machine; the fields are those of `muster.wire.messages.Sample`."""

    cpu: float
    memory_used_bytes: int
    load1: float
    temperature_c: float | None
    battery: float | None


@dataclass(frozen=True)
class CpuTime:
    """Seconds that all cores together have been busy, and seconds in all, since boot."""

    busy_s: float
    total_s: float


def cpu_time() -> CpuTime:
    """Return the kernel's account of all cores."""
    times = psutil.cpu_times()._asdict()
    # Linux counts guests in `user` and `nice` already.
    total_s = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
    return CpuTime(total_s - times["idle"] - times.get("iowait", 0.0), total_s)


class CpuMeter:
    """Share of all cores busy between two readings."""

    def __init__(self, source: Callable[[], CpuTime] = cpu_time) -> None:
        self._source = source
        self._before = source()
        self._share = 0.0

    def share(self) -> float:
        """Return 0 to 1 since the last call; the last share again when the account has not moved."""
        now = self._source()
        elapsed_s = now.total_s - self._before.total_s
        if elapsed_s > 0:
            busy_s = now.busy_s - self._before.busy_s
            self._share = min(1.0, max(0.0, busy_s / elapsed_s))
            self._before = now
        return self._share


class Sensors:
    """Reads the machine."""

    def __init__(self) -> None:
        self._cpu = CpuMeter()

    def read(self) -> Reading:
        """Return the state of now; the CPU's share is since the last call."""
        memory = psutil.virtual_memory()
        return Reading(
            cpu=self._cpu.share(),
            memory_used_bytes=memory.total - memory.available,
            load1=os.getloadavg()[0],
            temperature_c=hottest_c(),
            battery=battery_share(),
        )


def hottest_c() -> float | None:
    """Return the hottest sensor in degrees Celsius, None without a readable one."""
    try:
        groups = psutil.sensors_temperatures().values()
    except (AttributeError, OSError):  # no such interface on this system, or a sensor that went away
        return None
    readings = [sensor.current for group in groups for sensor in group]
    return max((reading for reading in readings if -273.15 < reading < 1_000), default=None)


def battery_share() -> float | None:
    """Return the battery's charge, 0 to 1, None without a battery."""
    try:
        battery = psutil.sensors_battery()
    except (AttributeError, OSError):
        return None
    return None if battery is None else min(1.0, max(0.0, battery.percent / 100))


class Schedule:
    """Moments one interval apart, on a grid that does not drift.

    A moment that was missed, because the process stood still, is gone: what was not
    measured is not made up.
    """

    def __init__(self, interval_s: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._due = clock() + interval_s

    @property
    def interval_s(self) -> float:
        """Seconds between two moments."""
        return self._interval_s

    @interval_s.setter
    def interval_s(self, seconds: float) -> None:
        if seconds != self._interval_s:
            self._interval_s = seconds
            self._due = min(self._due, self._clock() + seconds)

    def wait_s(self) -> float:
        """Return the seconds until the next moment, 0 when it is due."""
        return max(0.0, self._due - self._clock())

    def advance(self) -> None:
        """Move to the first moment of the grid that still lies ahead."""
        missed = max(0.0, self._clock() - self._due) // self._interval_s
        self._due += (missed + 1) * self._interval_s


class Sampler:
    """Takes a reading at each moment of its schedule."""

    def __init__(
        self,
        read: Callable[[], Reading],
        keep: Callable[[Reading], None],
        schedule: Schedule,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._keep = keep
        self._schedule = schedule
        self._sleep = sleep

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            # The interval can shrink while this waits, so it waits in short steps.
            while (wait_s := self._schedule.wait_s()) > 0:
                await self._sleep(min(wait_s, 1.0))
            self._keep(self._read())
            self._schedule.advance()
