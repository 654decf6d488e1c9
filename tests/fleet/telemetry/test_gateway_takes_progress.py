import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fleet.registry.models import WorkProgress
from fleet.telemetry.gateway import limits
from muster.wire import messages
from muster.wire.messages import Ack, Progress, TaskProgress
from muster.wire.work import MAX_TASKS, WorkReason, WorkState
from tests.fleet.telemetry.devices import Device, Door, ask, frame
from tests.fleet.telemetry.test_gateway_takes_reports import until

TASK = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER = "01890a5d-ac96-774b-bcce-b302099a8058"


def said(task: str = TASK, state: WorkState = WorkState.TRAINING, done: int = 3, detail: str = "") -> TaskProgress:
    return TaskProgress(task, state, WorkReason.NONE, detail, done, 10)


def test_progress_of_a_nodes_own_tasks_is_stored_and_that_of_others_is_not(gateway: Door, device: Device) -> None:
    ask(device, TASK)

    async def talk() -> None:
        async with gateway.enter(device) as line:
            await line.say(Progress(1, [said(OTHER), said()]))
            await until(line, WorkProgress.objects.filter(done=3).exists)
            await line.say(Progress(1, [said(state=WorkState.UPLOADING, done=7)]))
            await until(line, WorkProgress.objects.filter(done=7).exists)

    asyncio.run(talk())
    row = WorkProgress.objects.get()
    assert (row.node, str(row.task), row.state, row.done, row.total) == (device.node, TASK, "uploading", 7, 10)
    health = httpx.get(f"{gateway.http}/healthz").json()
    assert (health["queued_progress"], health["lost_progress"]) == (0, 0)


def test_progress_out_of_bounds_ends_its_socket(gateway: Door, make_device: Callable[..., Device]) -> None:
    async def talk(device: Device, message: Progress, **changes: Any) -> int:
        async with gateway.enter(device, **changes) as line:
            await line.say(message)
            return (await line.hear_end())[0]

    many = Progress(1, [said()] * (MAX_TASKS + 1))
    assert asyncio.run(talk(make_device(), many)) == messages.CLOSE_MALFORMED
    assert asyncio.run(talk(make_device(), Progress(1, [said(detail="x" * 301)]))) == messages.CLOSE_MALFORMED
    assert asyncio.run(talk(make_device(), Progress(1, [said()]), minors=[0])) == messages.CLOSE_MALFORMED


def test_a_socket_is_told_to_come_back_when_too_much_progress_waits(
    gateway: Door, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_PENDING_REPORTS", 0)

    async def talk() -> int:
        async with gateway.enter(device) as line:
            await line.say(frame(device.boot, 1))
            assert isinstance(await line.hear(), Ack)
            await line.say(Progress(1, [said()]))
            return (await line.hear_end())[0]

    assert asyncio.run(talk()) == messages.CLOSE_SLOW
