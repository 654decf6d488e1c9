"""What apps above this one do in each second of the fleet's pulse; apart from it, so that hanging in loads nothing."""

from collections.abc import Callable
from typing import Any

# Takes the moment (microseconds UTC), does its second's work, returns live messages.
Part = Callable[[int], list[dict[str, Any]]]
# Name → what makes the part, filled by the apps when they are ready; each pulse makes its own, anew with each lease.
parts: dict[str, Callable[[], Part]] = {}
