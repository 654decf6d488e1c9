"""Who may speak on a node socket: the Hello is verified, and the connection takes a new epoch."""

from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool

from fleet.registry.core.node_states import NodeState
from fleet.telemetry.gateway.closing import Closing
from fleet.telemetry.gateway.store import Connection
from muster.canon import signatures
from muster.wire import messages
from muster.wire.errors import UnknownVersion
from muster.wire.messages import Hello
from muster.wire.versions import negotiate

MAX_VERSION_LENGTH = 32  # the width of the node's column

FIND = "SELECT key, state, public_key FROM registry_node WHERE uid = %s"

# The node's row is the gate: connections of one node pass it one after the other, so epochs rise in that order.
GATE = "SELECT state FROM registry_node WHERE key = %s FOR NO KEY UPDATE"
EPOCH = "SELECT nextval('telemetry_epoch_seq')"
FENCE = """
WITH own AS (SELECT id FROM telemetry_stream WHERE node_id = %(node)s ORDER BY id FOR UPDATE)
UPDATE telemetry_stream AS s SET epoch = %(epoch)s,
    left_out_at = CASE WHEN s.boot = ANY(%(boots)s::uuid[]) THEN NULL ELSE COALESCE(s.left_out_at, now()) END
FROM own WHERE s.id = own.id
"""
OPEN = """
INSERT INTO telemetry_stream (node_id, boot, epoch, acked_seq, refused_samples, dropped_frames, opened_at)
SELECT %(node)s, boot, %(epoch)s, 0, 0, 0, now() FROM unnest(%(boots)s::uuid[]) AS boot ORDER BY boot
ON CONFLICT (node_id, boot) DO UPDATE SET epoch = EXCLUDED.epoch
RETURNING id, boot, acked_seq
"""
PRESENT = """
INSERT INTO registry_presence (node_id, epoch, connected_at, waiting_frames, dropped_frames, liveness)
VALUES (%(node)s, %(epoch)s, now(), 0, 0, 'offline')
ON CONFLICT (node_id) DO UPDATE SET epoch = EXCLUDED.epoch, connected_at = EXCLUDED.connected_at
"""
VERSION = "UPDATE registry_node SET agent_version = %(version)s WHERE key = %(node)s AND agent_version <> %(version)s"


@dataclass(slots=True)
class OpenStream:
    """A boot's stream on one connection: its row, and the last sequence that came over this connection."""

    id: int
    acked_seq: int
    last_seq: int = 0


@dataclass(frozen=True)
class Admission:
    """A verified connection; `public_key` is the node's, which signs its reports."""

    node: int
    uid: str
    boot: str
    minor: int
    epoch: int
    public_key: bytes
    streams: dict[str, OpenStream]


async def admit(pool: AsyncConnectionPool[Connection], hello: Hello, challenge: bytes, offered: list[int]) -> Admission:
    """Verify a Hello and give its connection the newest epoch over all the node's streams.

    Args:
        challenge: the nonce that this socket was sent.
        offered: minor versions that the challenge named.

    Raises:
        Closing: malformed, no shared version, not signed by the node's key, or the node is not active.
    """
    boots = _boots(hello)
    minor = _minor(hello, offered)
    async with pool.connection() as connection:
        row = await (await connection.execute(FIND, [hello.node])).fetchone()
    if row is None:
        raise Closing(messages.CLOSE_UNAUTHENTICATED, "unknown node")
    node, state, public_key = row
    _verify(hello, challenge, bytes(public_key))
    _require_active(state)
    epoch, streams = await _open(pool, node, hello.agent_version, boots)
    return Admission(node, hello.node, hello.boot, minor, epoch, bytes(public_key), streams)


async def _open(
    pool: AsyncConnectionPool[Connection], node: int, version: str, boots: list[str]
) -> tuple[int, dict[str, OpenStream]]:
    async with pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
        await cursor.execute(GATE, [node])
        row = await cursor.fetchone()
        _require_active(row[0] if row else NodeState.RETIRED)
        await cursor.execute(EPOCH)
        (epoch,) = await cursor.fetchone() or (0,)
        values = {"node": node, "epoch": epoch, "boots": boots, "version": version}
        await cursor.execute(FENCE, values)
        await cursor.execute(OPEN, values)
        streams = {str(boot): OpenStream(id, acked) for id, boot, acked in await cursor.fetchall()}
        await cursor.execute(PRESENT, values)
        await cursor.execute(VERSION, values)
    return epoch, streams


def _boots(hello: Hello) -> list[str]:
    """Return the boots whose frames may come, the live one among them."""
    if len(hello.agent_version) > MAX_VERSION_LENGTH or not hello.agent_version.isprintable():
        raise Closing(messages.CLOSE_MALFORMED, "the agent's version is not one")
    return sorted({hello.boot, *(stream.boot for stream in hello.streams)})


def _minor(hello: Hello, offered: list[int]) -> int:
    try:
        return negotiate(hello.minors, newest=max(offered), oldest=min(offered))
    except UnknownVersion as error:
        raise Closing(messages.CLOSE_VERSION, str(error)) from error


def _verify(hello: Hello, challenge: bytes, public_key: bytes) -> None:
    body = Hello.signed_part(challenge, hello.node, hello.boot, hello.nonce, hello.minors, hello.streams)
    try:
        signatures.verify(public_key, signatures.SOCKET_HELLO, body, hello.signature)
    except signatures.SignatureError as error:
        raise Closing(messages.CLOSE_UNAUTHENTICATED, str(error)) from error


def _require_active(state: str) -> None:
    if state != NodeState.ACTIVE:
        raise Closing(messages.CLOSE_NOT_ACTIVE, f"the node is {state}")
