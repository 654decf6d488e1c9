"""A child is kept running until it is stopped, and takes nobody with it."""

import asyncio
import os

from config.supervisor.child import Child, Spec, delay_s
from config.supervisor.launch import Command
from config.supervisor.processes import Identity, in_session


async def test_a_child_that_ends_is_started_again_with_growing_delays(workshop) -> None:
    child = workshop.child("exit 1")
    child.start()
    await workshop.until(lambda: len(workshop.delays) >= 6)
    await child.stop(1)

    assert workshop.delays[:6] == [1, 2, 4, 8, 16, 30]


async def test_the_terminal_says_what_ended_and_where_to_look(workshop) -> None:
    child = workshop.child("exit 7", name="web")
    child.start()
    await workshop.until(lambda: workshop.delays)
    await child.stop(1)

    first = workshop.terminal.getvalue().splitlines()[0]
    assert first == f"web ended with exit code 7, restarting in 1 s, see {workshop.folder}/log/web.log"


async def test_a_killed_child_is_said_to_be_ended_by_its_signal(workshop) -> None:
    child = workshop.child("kill -9 $$")
    child.start()
    await workshop.until(lambda: workshop.delays)
    await child.stop(1)

    assert "child was ended by signal 9, restarting" in workshop.terminal.getvalue()


async def test_a_program_that_does_not_exist_is_tried_again(workshop) -> None:
    child = Child(Spec("gone", Command((str(workshop.folder / "gone"),))), workshop.around)
    child.start()
    await workshop.until(lambda: len(workshop.delays) >= 2)
    await child.stop(1)

    assert "gone cannot be started" in workshop.terminal.getvalue()


async def test_one_childs_end_leaves_the_others_alone(workshop) -> None:
    steady, failing = workshop.child("sleep 60", name="steady"), workshop.child("exit 1", name="failing")
    steady.start()
    failing.start()
    await workshop.until(lambda: len(workshop.delays) >= 3 and steady.pid)
    pid = steady.pid
    await failing.stop(1)

    assert steady.pid == pid
    assert Identity.of(pid) is not None
    await steady.stop(1)


async def test_a_child_that_ran_long_starts_again_as_if_it_never_failed(workshop) -> None:
    now = [0.0]
    around = workshop.around
    around = type(around)(around.log_dir, around.run_files, around.console, around.sleep, clock=lambda: now[0])
    child = Child(Spec("child", Command(("/bin/sh", "-c", "exit 1"))), around)
    child.start()
    await workshop.until(lambda: len(workshop.delays) >= 3)
    steady = len(workshop.delays)

    def passed() -> bool:
        now[0] += 61  # every look lets a minute pass
        return len(workshop.delays) > steady + 3

    await workshop.until(passed)
    await child.stop(1)
    assert delay_s(0) in workshop.delays[steady:]


async def test_stopping_ends_what_the_child_started_and_left_behind(workshop) -> None:
    child = workshop.child("sleep 61 & sleep 62 & echo started; wait")
    child.start()
    await workshop.until(lambda: child.pid and "started" in workshop.log())
    session = child.pid
    assert len(list(in_session(session))) == 3
    await child.stop(5)

    assert list(in_session(session)) == []


async def test_a_child_that_ignores_its_signal_is_killed(workshop) -> None:
    child = workshop.child("trap '' TERM; echo armed; while true; do sleep 0.05; done")
    child.start()
    await workshop.until(lambda: child.pid and "armed" in workshop.log())
    session = child.pid
    await child.stop(0.2)

    assert list(in_session(session)) == []


async def test_a_stopped_child_is_not_started_again(workshop) -> None:
    child = workshop.child("echo once; sleep 60")
    child.start()
    await workshop.until(lambda: child.pid and "once" in workshop.log())
    await child.stop(5)
    await asyncio.sleep(0)

    assert child.pid is None
    assert workshop.delays == []


async def test_what_a_child_says_is_in_its_log(workshop) -> None:
    child = workshop.child("echo out; echo err >&2; sleep 60")
    child.start()
    await workshop.until(lambda: "err" in workshop.log() if (workshop.folder / "log/child.log").exists() else False)
    await child.stop(5)

    assert workshop.log().split() == ["out", "err"]


async def test_a_child_sees_no_terminal_and_no_session_of_ours(workshop) -> None:
    child = workshop.child("readlink /proc/$$/fd/0; sleep 60")
    child.start()
    await workshop.until(lambda: child.pid and "/dev/null" in workshop.log())

    assert os.getsid(child.pid) == child.pid != os.getsid(0)
    await child.stop(5)
