"""Proportions as pieces of a bar."""

from collections.abc import Sequence
from dataclasses import dataclass

# A state that exists must be visible, however few nodes are in it: 0.6 % is about 5 px of a wide bar.
LEAST_PERCENT = 0.6


@dataclass(frozen=True)
class Piece:
    """One piece: its name, its count, and where it lies, in per cent of the bar."""

    name: str
    count: int
    x: float
    width: float


def pieces(counts: Sequence[tuple[str, int]]) -> list[Piece]:
    """Return the pieces of a bar from left to right; names without a count have none.

    >>> [(p.name, p.x, p.width) for p in pieces([("healthy", 3), ("offline", 1), ("critical", 0)])]
    [('healthy', 0.0, 75.0), ('offline', 75.0, 25.0)]
    """
    present = [(name, count) for name, count in counts if count]
    total = sum(count for _name, count in present)
    widths = [max(LEAST_PERCENT, count / total * 100) for _name, count in present]
    scale = 100 / sum(widths) if widths else 1.0
    result, x = [], 0.0
    for (name, count), width in zip(present, widths, strict=True):
        result.append(Piece(name, count, round(x, 2), round(width * scale, 2)))
        x += width * scale
    return result
