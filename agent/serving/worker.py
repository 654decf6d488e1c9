"""The process that holds the shards: `python -m agent.serving.worker AGENT_PID`.

torch lives only here, with one thread. It answers the agent's questions one after the other
and dies with the agent, however that ends: by the end of its pipe, or by the kernel.
"""

import ctypes
import os
import signal
import sys
from typing import BinaryIO

from agent.serving import protocol
from agent.serving.engine import Engine
from agent.serving.errors import LoadFailed
from muster.wire.targets import Reason

NICENESS = 5  # what the device is there for comes first
DETAIL_CHARACTERS = 250

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    """Answer questions until the agent is gone."""
    _tie(int(sys.argv[1]))
    os.nice(NICENESS)
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal or a service manager sends it to both
        signal.signal(number, signal.SIG_IGN)  # and the agent ends us
    with os.fdopen(os.dup(0), "rb") as asked, os.fdopen(os.dup(1), "wb", buffering=0) as answered:
        os.dup2(2, 1)  # what a library prints must not get between the answers
        serve(Engine(), asked, answered)


def serve(engine: Engine, asked: BinaryIO, answered: BinaryIO) -> None:
    """Answer each question until the pipe ends."""
    while (body := protocol.read(asked)) is not None:
        question = protocol.questions.decode(body)
        answer = _answer(engine, question)
        answer.number = question.number
        answered.write(protocol.framed(answer))


def _answer(engine: Engine, question: protocol.AnyQuestion) -> protocol.AnyAnswer:
    try:
        match question:
            case protocol.Stage():
                return protocol.Staged(notes=engine.stage(question))
            case protocol.Probe():
                engine.probe()
            case protocol.Switch():
                engine.switch()
            case protocol.Hash():
                return engine.hash(question.key)
            case protocol.Infer():
                return engine.infer(question.version_id)
    except LoadFailed as error:
        return protocol.Failed(reason=error.reason, detail=error.detail[:DETAIL_CHARACTERS])
    except MemoryError:
        return protocol.Failed(reason=Reason.MEMORY_SHORT, detail="the worker was given no more memory")
    return protocol.Done()


def _tie(agent: int) -> None:
    """Let the kernel end this process when the agent dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != agent:  # it died before the line above
        os._exit(1)


if __name__ == "__main__":
    main()
