"""Figures as people read them: few digits, a no-break space before the unit, U+2212 for minus."""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal

NO_DATA = "–"
SPACE = "\u00a0"
_ROUNDING = Context(prec=400, rounding=ROUND_HALF_UP)  # more digits than a float has before its point


def plain(value: float, digits: int = 0) -> str:
    """Return a number with thousands separated and a real minus sign.

    What lies in the middle is rounded up, as the browser does: a figure and the chart beside it read alike.

    >>> plain(4812), plain(-3.64, 1), plain(75.25, 1)
    ('4,812', '−3.6', '75.3')
    """
    if math.isfinite(value):
        value = Decimal(value).quantize(Decimal(1).scaleb(-digits), context=_ROUNDING)  # type: ignore[assignment]
    return f"{value:,.{digits}f}".replace("-", "−")


def three_digits(value: float) -> str:
    """Return a number with about three significant digits.

    >>> three_digits(0.84), three_digits(18.44), three_digits(116.2)
    ('0.84', '18.4', '116')
    """
    size = abs(value)
    return plain(value, 2 if size < 1 else 1 if size < 100 else 0)


def change(now: float, before: float) -> str | None:
    """Return the relative change in percent with its sign, or None where there is nothing to compare with.

    >>> change(116, 112), change(0.84, 0.91), change(1, 0)
    ('+3.6\\xa0%', '−7.7\\xa0%', None)
    """
    if before == 0:
        return None
    share = (now - before) / abs(before) * 100
    return f"{'+' if share >= 0 else ''}{plain(share, 1)}{SPACE}%"


def spark_path(values: Sequence[float | None], low: float, high: float, width: int = 120, height: int = 34) -> str:
    """Return the SVG path of a small line; a gap in the values stays a gap.

    Args:
        values: one per step, oldest first, None where there was no data.
        low, high: the range of the vertical axis.

    >>> spark_path([0, None, 10], 0, 10, width=20, height=14)
    'M0.0,12.0M20.0,2.0'
    """
    span = (high - low) or 1.0
    step = width / max(1, len(values) - 1)
    path, pen_down = [], False
    for index, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        y = height - 2 - (value - low) / span * (height - 4)
        path.append(f"{'L' if pen_down else 'M'}{index * step:.1f},{y:.1f}")
        pen_down = True
    return "".join(path)
