"""The process that holds the shards: `python -m agent.serving.worker AGENT_PID`.

torch lives only here, with one thread. It answers the agent's questions one after the other
and dies with the agent, however that ends: by the end of its pipe, or by the kernel.
"""

import sys
from typing import BinaryIO

from agent import child
from agent.faults import LoadFailed
from agent.serving import protocol
from agent.serving.engine import Engine
from muster.wire.targets import Reason

NICENESS = 5  # what the device is there for comes first
DETAIL_CHARACTERS = 250


def main() -> None:
    """Answer questions until the agent is gone."""
    asked, answered = child.become(int(sys.argv[1]), NICENESS)
    serve(Engine(), asked, answered)


def serve(engine: Engine, asked: BinaryIO, answered: BinaryIO) -> None:
    """Answer each question until the pipe ends."""
    while (body := child.read(asked)) is not None:
        question = protocol.questions.decode(body)
        answer = _answer(engine, question)
        answer.number = question.number
        answered.write(child.framed(answer))


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


if __name__ == "__main__":
    main()
