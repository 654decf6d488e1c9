"""Readings are the machine's own, and the schedule makes none up."""

import asyncio
import math
from collections.abc import Iterator

import psutil
import pytest

from agent.telemetry import CpuMeter, CpuTime, Reading, Sampler, Schedule, Sensors, battery_share, cpu_time, hottest_c
from muster.wire.messages import Sample


def meter(*times: CpuTime) -> CpuMeter:
    source: Iterator[CpuTime] = iter(times)
    return CpuMeter(lambda: next(source))


def test_the_cpus_share_is_what_was_busy_since_the_reading_before() -> None:
    cpu = meter(CpuTime(10, 100), CpuTime(13, 104), CpuTime(13, 108))
    assert cpu.share() == pytest.approx(0.75)
    assert cpu.share() == 0.0


def test_an_account_that_stands_still_or_runs_back_gives_no_nonsense() -> None:
    cpu = meter(CpuTime(10, 100), CpuTime(12, 104), CpuTime(12, 104), CpuTime(11, 108))
    assert [cpu.share(), cpu.share(), cpu.share()] == [0.5, 0.5, 0.0]


def test_a_busy_core_is_seen() -> None:
    before = cpu_time()
    busy_until = psutil.Process().cpu_times().user + 0.3
    while psutil.Process().cpu_times().user < busy_until:
        math.factorial(500)
    after = cpu_time()
    assert after.busy_s - before.busy_s > 0.2
    assert after.total_s >= after.busy_s


def test_the_reading_is_this_machines_and_fits_the_wire() -> None:
    reading = Sensors().read()
    memory = psutil.virtual_memory()
    assert abs(reading.memory_used_bytes - (memory.total - memory.available)) < memory.total * 0.05
    assert reading.load1 >= 0
    assert (reading.temperature_c is None) == (hottest_c() is None)
    assert (reading.battery is None) == (battery_share() is None)
    Sample(1, reading.cpu, reading.memory_used_bytes, reading.load1)


class Time:
    """A clock that sleeping moves on, by what each step really took."""

    def __init__(self) -> None:
        self.now = 100.0
        self.standstill_at: float | None = None
        self.standstill_s = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.standstill_at is not None and self.now >= self.standstill_at:
            self.now += self.standstill_s
            self.standstill_at = None
        await asyncio.sleep(0)


async def taken(time: Time, schedule: Schedule, count: int, work_s: float = 0.0) -> list[float]:
    """Return when the first `count` readings were taken."""
    moments: list[float] = []
    enough = asyncio.Event()

    def keep(_: Reading) -> None:
        moments.append(time())
        time.now += work_s
        if len(moments) == count:
            enough.set()

    sampler = Sampler(lambda: Reading(0, 0, 0, None, None), keep, schedule, time.sleep)
    task = asyncio.create_task(sampler.run())
    await enough.wait()
    task.cancel()
    return moments[:count]


async def test_the_schedule_does_not_drift_by_the_time_a_reading_takes() -> None:
    time = Time()
    moments = await taken(time, Schedule(1.0, time), 50, work_s=0.01)
    assert moments == pytest.approx([101.0 + number for number in range(50)])


async def test_a_standstill_is_a_gap_and_the_grid_goes_on() -> None:
    time = Time()
    time.standstill_at, time.standstill_s = 103.0, 20.3
    moments = await taken(time, Schedule(1.0, time), 6)
    assert moments == pytest.approx([101.0, 102.0, 123.3, 124.0, 125.0, 126.0])


async def test_a_new_interval_holds_from_now_on() -> None:
    time = Time()
    schedule = Schedule(60.0, time)
    schedule.interval_s = 0.5
    assert await taken(time, schedule, 3) == pytest.approx([100.5, 101.0, 101.5])
