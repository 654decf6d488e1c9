"""What the agent and its worker say to each other, see `agent.child`.

One question at a time, each with one answer of the same number. The agent asks:

    Stage    load these shards beside what serves        → Staged
    Probe    do they answer as the publisher computed?   → Done
    Switch   from now on they serve, what served goes    → Done
    Hash     of a shard's live tensors                   → Hashed
    Infer    one sample through a model's components     → Answered

Anything may be answered with Failed instead.
"""

import msgspec

from muster.wire.targets import PlacedModel, Reason


class Question(msgspec.Struct, tag=True, kw_only=True):
    """Base of what the agent asks."""

    number: int = 0


class Stage(Question):
    """Load shards.

    Attributes:
        models: as the target says.
        files: artifact → path of its verified file.
        node: the device's UUID, which seeds what is random.
        data_dir: the device's own data, None for what each workload includes.
    """

    models: list[PlacedModel]
    files: dict[str, str]
    node: str
    data_dir: str | None


class Probe(Question):
    """Ask the staged shards the publisher's questions."""


class Switch(Question):
    """Let the staged shards serve."""


class Hash(Question):
    """Hash the live tensors of one serving shard."""

    key: int


class Infer(Question):
    """Ask one serving model with the next sample of this device's data."""

    version_id: str


class Answer(msgspec.Struct, tag=True, kw_only=True):
    """Base of what the worker answers."""

    number: int = 0


class Done(Answer):
    """It is so."""


class Staged(Answer):
    """Shards are loaded.

    Attributes:
        notes: what a person should know, such as data that could not be read.
    """

    notes: list[str]


class Hashed(Answer):
    """Attributes: the hash of the live tensors, and the processor seconds that it took."""

    weights_sha256: str
    cpu_s: float


class ShardTime(msgspec.Struct):
    """One component in one request.

    Attributes:
        time_us: inside the component.
        failed: it raised; its time does not count.
        local: its inputs were this device's own.
    """

    key: int
    time_us: int
    failed: bool
    local: bool


class Answered(Answer):
    """Attributes: one entry for each component that was asked; the first failure in words."""

    times: list[ShardTime]
    complaint: str = ""


class Failed(Answer):
    """It is not so, and why."""

    reason: Reason
    detail: str


AnyQuestion = Stage | Probe | Switch | Hash | Infer
AnyAnswer = Done | Staged | Hashed | Answered | Failed

questions = msgspec.msgpack.Decoder(AnyQuestion)
answers = msgspec.msgpack.Decoder(AnyAnswer)
