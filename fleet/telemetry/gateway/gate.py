"""Who asks over HTTP: proved by the node's identity key, in three headers.

`Muster-Node`, `Muster-At` (microseconds UTC) and `Muster-Signature` (base64url), which covers what the
purpose demands. Whoever is refused learns nothing but the code.
"""

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool

from fleet.registry.core.node_states import NodeState
from fleet.telemetry.gateway import limits
from fleet.telemetry.gateway.answers import Scope
from fleet.telemetry.gateway.closing import DATABASE_AWAY
from fleet.telemetry.gateway.refusals import forbidden, unauthenticated, unavailable
from fleet.telemetry.gateway.store import Connection
from muster.canon import signatures
from muster.canon.signatures import ED25519, Signature, SignatureError
from muster.clock import Clock
from muster.wire.enrolment import b64decode

TIME = re.compile(r"[0-9]{1,18}\Z")  # what int64 holds for sure

FIND = """
SELECT n.key, n.state, n.public_key, n.fingerprint,
    COALESCE(%(artifact)s::varchar = ANY(t.artifacts || w.artifacts), FALSE)
FROM registry_node AS n LEFT JOIN registry_nodetarget AS t ON t.node_id = n.key
    LEFT JOIN registry_nodework AS w ON w.node_id = n.key
WHERE n.uid = %(node)s
"""


@dataclass(frozen=True)
class Caller:
    """An active node that has signed its request; `may_fetch` the artifact that was asked for."""

    node: int
    uid: uuid.UUID
    public_key: bytes
    fingerprint: str
    may_fetch: bool

    def verify(self, context: str, body: bytes, value: bytes) -> None:
        """Raise SignatureError unless `value` is this node's signature of `body` for `context`."""
        signatures.verify(self.public_key, context, body, Signature(ED25519, self.fingerprint, value))


class Gate:
    """Lets signed requests of active nodes in."""

    def __init__(self, pool: AsyncConnectionPool[Connection], clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._asking = asyncio.Semaphore(limits.MAX_ADMISSIONS)

    async def admit(
        self, scope: Scope, context: str, part: Callable[[str, int], bytes], *, artifact: str | None = None
    ) -> Caller:
        """Return who signed this request.

        Args:
            context: the purpose of the signature.
            part: gives what it must cover, of the node's id and the time in the headers.
            artifact: what the node wants to fetch, if anything.

        Raises:
            Refusal: not signed by a node, too old or too far ahead, the node is not active, the database is away.
        """
        at = _only(scope, b"muster-at")
        try:
            uid = uuid.UUID(_only(scope, b"muster-node"))
            value = b64decode(_only(scope, b"muster-signature"))
        except ValueError as error:
            raise unauthenticated() from error
        if not TIME.match(at) or abs(self._clock() - int(at)) > limits.REQUEST_AGE_US:
            raise unauthenticated()
        caller, state = await self._find(uid, artifact)
        try:
            caller.verify(context, part(str(uid), int(at)), value)
        except SignatureError as error:
            raise unauthenticated() from error
        if state != NodeState.ACTIVE:
            raise forbidden()
        return caller

    async def _find(self, uid: uuid.UUID, artifact: str | None) -> tuple[Caller, str]:
        try:
            async with self._asking, self._pool.connection() as connection:
                row = await (await connection.execute(FIND, {"node": uid, "artifact": artifact})).fetchone()
        except DATABASE_AWAY as error:
            raise unavailable() from error
        if row is None:
            raise unauthenticated()
        node, state, public_key, fingerprint, may_fetch = row
        return Caller(node, uid, bytes(public_key), fingerprint, may_fetch), state


def _only(scope: Scope, name: bytes) -> str:
    """Return the value of a header that must be there once."""
    values = [value for known, value in scope["headers"] if known == name]
    if len(values) != 1:
        raise unauthenticated()
    return str(values[0].decode("latin-1"))
