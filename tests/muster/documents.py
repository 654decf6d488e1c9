"""One fixed message of every type, as the golden files hold them."""

from typing import Any

from muster.canon.signatures import Signature
from muster.wire.messages import (
    Ack,
    Bye,
    Challenge,
    Frame,
    Hello,
    Message,
    Ping,
    Pong,
    Sample,
    StreamState,
    Welcome,
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

MESSAGES: dict[str, Message] = {
    "challenge": Challenge(NONCE, [0], AT),
    "hello": Hello(NODE, BOOT, NONCE, [0], "0.1.0", STREAMS, SIGNATURE),
    "welcome": Welcome(0, 42, AT, 1_000, STREAMS, SIGNATURE),
    "frame": Frame(BOOT, 7, 3, 12, [FULL, SPARSE]),
    "ack": Ack(BOOT, 7, 1),
    "ping": Ping(123_456_789),
    "pong": Pong(123_456_789, AT),
    "bye": Bye(4403, "this node waits for approval"),
}

ENVELOPE: dict[str, Any] = {"id": 5, "at": AT + 10, "minor": 0}
