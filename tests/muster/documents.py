"""One fixed message of every type, as the golden files hold them."""

from typing import Any

from muster.canon.signatures import Signature
from muster.wire.messages import (
    Ack,
    Bye,
    Challenge,
    Frame,
    HeldShard,
    Hello,
    Inference,
    Message,
    Ping,
    Pong,
    Progress,
    Report,
    RunningShard,
    Sample,
    StreamState,
    Target,
    TaskProgress,
    Welcome,
    Work,
)
from muster.wire.targets import FORMAT, NodeTarget, PlacedModel, Probe, Reason, ReportState, Shard, ShardState
from muster.wire.work import (
    BaseShard,
    JobKind,
    LocalTraining,
    NodeWork,
    Partition,
    Statement,
    TrainingTask,
    UpdateKind,
    WorkReason,
    WorkState,
)

NODE = "01890a5d-ac96-774b-bcce-b302099a8057"
BOOT = "01890a5d-ac96-774b-bcce-b302099a8058"
OLD_BOOT = "01890a5d-0000-774b-bcce-b302099a8058"
AT = 1_700_000_000_123_456
NONCE = bytes(range(32))
SIGNATURE = Signature("ed25519", "sha256:" + "ab" * 32, bytes(range(64)))
STREAMS = [StreamState(BOOT, 0), StreamState(OLD_BOOT, 4_294_967_296)]

FULL = Sample(AT, 0.25, 3_221_225_472, 1.5, 1_250, 61.5, 0.75)
SPARSE = Sample(AT + 1_000_000, 1.0, 0, 0.0)

ANSWERED = Inference(AT, 17, 12, 1, 15_600, 900, 2_400, True)
IDLE = Inference(AT + 1_000_000, 18, 0, 0, 0, 0, 0, False)

DOCUMENT = NodeTarget(
    format=FORMAT,
    node=NODE,
    generation=(1, 42),
    issued_at_us=AT,
    request_interval_ms=1_000,
    models=[
        PlacedModel(
            model="digits",
            version_id=OLD_BOOT,
            version=3,
            workload="digits",
            workload_version=1,
            manifest_sha256="1" * 64,
            plan_sha256="2" * 64,
            shards=[Shard(17, "vision", "fp32", "a" * 64, "b" * 64, 40_960, Probe("seed", 2, [-1_000, 250_000], 500))],
        )
    ],
).document()

REPORT = Report(
    node=NODE,
    boot=BOOT,
    number=9,
    at=AT,
    generation=(1, 42),
    serving=(1, 41),
    state=ReportState.DOWNLOADING,
    reason=Reason.DISK_CORRUPT,
    detail="vision was fetched again",
    shards=[HeldShard(17, ShardState.DOWNLOADING, 20_480), HeldShard(18, ShardState.SERVING, 512)],
    running=[RunningShard(18, "c" * 64, AT - 5_000_000)],
    signature=SIGNATURE,
)

TASK = TrainingTask(
    task="01890a5d-ac96-774b-bcce-b302099a8061",
    round="01890a5d-ac96-774b-bcce-b302099a8062",
    round_number=4,
    job="01890a5d-ac96-774b-bcce-b302099a8063",
    kind=JobKind.HORIZONTAL,
    phase="train",
    strategy="fedavg",
    model="digits",
    version_id=OLD_BOOT,
    workload="digits",
    workload_version=1,
    manifest_sha256="1" * 64,
    shards=[
        BaseShard("head", "fp32", "c" * 64, "d" * 64, 2_048),
        BaseShard("vision", "fp32", "a" * 64, "b" * 64, 40_960),
    ],
    trained=["head", "vision"],
    local=LocalTraining(epochs=2, batch_size=32, learning_rate_millionths=50_000, momentum_millionths=900_000, seed=7),
    partition=Partition(alpha_millionths=300_000, members=7, index=3, seed=11),
    deadline_us=AT + 600_000_000,
)
WORK = NodeWork(format=1, node=NODE, counter=42, issued_at_us=AT, tasks=[TASK])
STATEMENT = Statement(
    node=NODE,
    task=TASK.task,
    attempt=1,
    kind=UpdateKind.PLAIN,
    sha256="e" * 64,
    size_bytes=43_008,
    samples={"head": 240, "vision": 240},
    loss_before_millionths=2_302_585,
    loss_after_millionths=None,
    trained_ms=1_250,
)

PROGRESS = Progress(
    counter=42,
    tasks=[
        TaskProgress(TASK.task, WorkState.TRAINING, WorkReason.NONE, "", 12, 80),
        TaskProgress(OLD_BOOT, WorkState.FAILED, WorkReason.NO_DATA, "the folder is empty", 0, 0),
    ],
)

MESSAGES: dict[str, Message] = {
    "challenge": Challenge(NONCE, [0, 1], AT),
    "hello": Hello(NODE, BOOT, NONCE, [0, 1], "0.1.0", STREAMS, SIGNATURE),
    "welcome": Welcome(1, 42, AT, 1_000, STREAMS, SIGNATURE),
    "frame": Frame(BOOT, 7, 3, 12, [FULL, SPARSE], [ANSWERED, IDLE]),
    "ack": Ack(BOOT, 7, 1),
    "ping": Ping(123_456_789),
    "pong": Pong(123_456_789, AT),
    "target": Target(DOCUMENT, SIGNATURE),
    "report": REPORT,
    "work": Work(WORK.document(), SIGNATURE),
    "progress": PROGRESS,
    "bye": Bye(4403, "this node waits for approval"),
}

# What an end of version 1.0 says: neither targets nor reports nor inferences.
MESSAGES_1_0: dict[str, Message] = {
    **{name: MESSAGES[name] for name in ("ack", "ping", "pong", "bye")},
    "challenge": Challenge(NONCE, [0], AT),
    "hello": Hello(NODE, BOOT, NONCE, [0], "0.1.0", STREAMS, SIGNATURE),
    "welcome": Welcome(0, 42, AT, 1_000, STREAMS, SIGNATURE),
    "frame": Frame(BOOT, 7, 3, 12, [FULL, SPARSE]),
}

ENVELOPE: dict[str, Any] = {"id": 5, "at": AT + 10, "minor": 1}
