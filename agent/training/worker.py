"""The process that trains: `python -m agent.training.worker AGENT_PID`, one for each task.

torch lives only here, with one thread, so that the same samples teach the same. It comes after
everything else on the device and dies with the agent, however that ends.
"""

import contextlib
import sys
import time
from pathlib import Path
from typing import BinaryIO

import msgspec

from agent import child
from agent.training import protocol
from agent.training.engine import learn
from agent.training.errors import TaskFailed
from muster.wire.work import WorkReason

NICENESS = 10  # behind what serves, which is at 5
OOM_SCORE = 500  # of 1000: where memory runs out, this goes before what serves
STEP_INTERVAL_S = 0.2  # between two words of progress
DETAIL_CHARACTERS = 250


def main() -> None:
    """Train what the agent asks for, and end."""
    asked, said = child.become(int(sys.argv[1]), NICENESS)
    with contextlib.suppress(OSError):  # no such file in some containers
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    with asked, said:
        body = child.read(asked)
        if body is not None:
            said.write(child.framed(_answer(protocol.asked.decode(body), said)))


def _answer(question: protocol.Learn, said: BinaryIO) -> msgspec.Struct:
    told_at = float("-inf")

    def on_step(done: int, total: int) -> None:
        nonlocal told_at
        if done == total or time.monotonic() - told_at >= STEP_INTERVAL_S:
            told_at = time.monotonic()
            said.write(child.framed(protocol.Stepped(done, total)))

    try:
        learn(question, on_step)
    except TaskFailed as error:
        return protocol.Failed(error.reason, error.detail[:DETAIL_CHARACTERS])
    except MemoryError:
        return protocol.Failed(WorkReason.MEMORY_SHORT, "the worker was given no more memory")
    return protocol.Learned()


if __name__ == "__main__":
    main()
