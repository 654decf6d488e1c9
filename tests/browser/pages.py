"""Every page of the product, as (name, address, who opens it)."""

from typing import Any


def pages(seeded: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Return the pages; addresses of nodes come from what was put into the database."""
    node = f"/nodes/{seeded['node']}/"
    return [
        ("sign-in", "/sign-in", None),
        ("overview", "/", "owner"),
        ("overview-empty", "/", "stranger"),
        ("nodes", "/nodes/", "owner"),
        ("nodes-filtered", "/nodes/?status=degraded&status=critical&tier=terminal&ordering=-cpu", "owner"),
        ("nodes-no-match", "/nodes/?q=no-such-node&tier=cloud", "owner"),
        ("node", node, "owner"),
        ("node-events", f"/nodes/{seeded['quarantined']}/?tab=events", "owner"),
        ("node-configuration", f"{node}?tab=configuration", "owner"),
        ("node-degraded", f"/nodes/{seeded['hot']}/", "colleague"),
        ("enrolment", "/enrolment/", "owner"),
        ("enrolment-viewer", "/enrolment/", "colleague"),
        ("audit", "/audit/", "owner"),
        ("settings", "/settings/", "owner"),
        ("topology", "/topology/", "owner"),
        ("alerts", "/alerts/", "owner"),
        ("plans", "/plans/", "owner"),
        ("models", "/models/", "owner"),
        ("rounds", "/rounds/", "owner"),
    ]


NAMES = [name for name, _path, _person in pages({"node": "", "hot": "", "quarantined": ""})]


def find(name: str, seeded: dict[str, Any]) -> tuple[str, str | None]:
    """Return address and person of a page by its name."""
    return next((path, person) for known, path, person in pages(seeded) if known == name)
