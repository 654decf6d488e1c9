"""What the agent and the worker that trains say to each other, see `agent.child`.

The agent says Learn once. The worker says Stepped now and then, at the end Learned or Failed, and ends.
"""

import msgspec

from muster.wire.work import TrainingTask, WorkReason


class Learn(msgspec.Struct):
    """One task to train.

    Attributes:
        attempt: of the update.
        files: artifact → path of its verified file.
        node: the device's UUID, which seeds what is random.
        data_dir: the device's own data, None for what each workload includes.
        folder: where the update goes.
    """

    task: TrainingTask
    attempt: int
    files: dict[str, str]
    node: str
    data_dir: str | None
    folder: str


class Stepped(msgspec.Struct, tag=True):
    """So many batches of so many are done."""

    done: int
    total: int


class Learned(msgspec.Struct, tag=True):
    """The update is on disk."""


class Failed(msgspec.Struct, tag=True):
    """There is none, and why."""

    reason: WorkReason
    detail: str


said = msgspec.msgpack.Decoder(Stepped | Learned | Failed)
asked = msgspec.msgpack.Decoder(Learn)
