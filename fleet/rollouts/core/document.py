"""A plan as a document: what its hash is of."""

from collections.abc import Mapping
from typing import Any

from fleet.rollouts.core.placing import Seat
from muster.canon.json import canonical_sha256

FORMAT = 1


def document(model: str, manifest_sha256: str, seats: Mapping[str, Seat]) -> dict[str, Any]:
    """Return the document of a plan.

    Args:
        model: its UUID as text.
        manifest_sha256: of the version that is placed.
        seats: where every one of its components runs.
    """
    return {
        "format": FORMAT,
        "model": model,
        "manifest_sha256": manifest_sha256,
        "components": {name: {"tier": seat.tier, "variant": seat.variant} for name, seat in seats.items()},
    }


def plan_sha256(plan: Mapping[str, Any]) -> str:
    """Return the hash that names a plan; the order of its components does not change it."""
    return canonical_sha256(dict(plan))


def seats(plan: Mapping[str, Any]) -> dict[str, Seat]:
    """Return where each component of a document runs."""
    return {name: Seat(place["tier"], place["variant"]) for name, place in plan["components"].items()}
