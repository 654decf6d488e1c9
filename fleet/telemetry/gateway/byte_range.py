"""One range of bytes, as HTTP asks for it (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

# Digits alone, and no more of them than an offset has: int() would take spaces, signs and other scripts' digits.
_SINGLE = re.compile(r"[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.ASCII)


class Unsatisfiable(ValueError):
    """The range lies outside, is none, or is more than one."""


@dataclass(frozen=True)
class Span:
    """The bytes `first` ≤ offset < `end`, at least one of them."""

    first: int
    end: int


def wanted(header: str, size: int) -> Span | None:
    """Return the part that a `Range` header asks of `size` bytes; None where its unit is not bytes.

    `a-b`, `a-` and `-n` (the last n) are understood. Whatever else is said in bytes is
    refused: to answer nonsense with the whole file would cost gigabytes.

    Raises:
        Unsatisfiable: see there.

    >>> wanted("bytes=10-", 100)
    Span(first=10, end=100)
    """
    unit, equals, said = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    match = _SINGLE.fullmatch(said)
    if match is None or match.group(1) == match.group(2) == "":
        raise Unsatisfiable(header[:80])
    first, last = match.groups()
    if not first:
        span = Span(max(0, size - int(last)), size)
    else:
        span = Span(int(first), min(int(last) + 1, size) if last else size)
    if span.first >= span.end:
        raise Unsatisfiable(header[:80])
    return span
