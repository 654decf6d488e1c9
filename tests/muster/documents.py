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
    Report,
    RunningShard,
    Sample,
    StreamState,
    Target,
    Welcome,
)
from muster.wire.targets import FORMAT, NodeTarget, PlacedModel, Probe, Reason, ReportState, Shard, ShardState

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
