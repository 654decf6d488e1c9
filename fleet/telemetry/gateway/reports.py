"""Which reports are a connection's own: signed by its node, of its boot, and the next one."""

from muster.canon import signatures
from muster.wire.messages import Report


class Refused(ValueError):
    """A report that is not this connection's, or not signed by its node."""


def verify(report: Report, *, node: str, boot: str, last: int, public_key: bytes) -> None:
    """Raise unless `report` is the next one of this node's running boot, signed by its identity key.

    Args:
        last: number of the report before on this connection, 0 where there was none.

    Raises:
        Refused: of another node or boot, or out of order.
        SignatureError: not signed by `public_key`.
    """
    if report.node != node or report.boot != boot:
        raise Refused("a report of another node or boot")
    if report.number <= last:
        raise Refused("the numbers of reports must rise")
    signatures.verify(public_key, signatures.NODE_REPORT, report.signed_part(), report.signature)
