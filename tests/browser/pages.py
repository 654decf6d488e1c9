"""Every page of the product, as (name, address, who opens it)."""

from collections import defaultdict
from typing import Any

# A job whose form cannot hold: what the page sends when a choice has changed.
REFUSED = (
    "&rounds=0&epochs=2&batch_size=16&learning_rate=0.05&momentum=0.9&seed=1&tiers=terminal&quorum=2"
    "&deadline_s=60&grace_s=90&max_norm=100&source=split&alpha=0.3&strategy=fedavg&push=on"
)


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
        ("plans-empty", "/plans/", "stranger"),
        ("plan-new", "/plans/new", "owner"),
        ("plan-new-refused", f"/plans/new?model={seeded['eldercare']}&tier-vision=cloud", "owner"),
        ("plan-new-paste", "/plans/new?way=paste&mapping=%7B%22vision%22%3A+%22edge%22%7D", "owner"),
        ("plan-new-viewer", "/plans/new", "stranger"),
        ("plan", f"/plans/{seeded['plan']}/", "owner"),
        ("plan-waiting", f"/plans/{seeded['plan_waiting']}/", "owner"),
        ("rollout", f"/rollouts/{seeded['rollout']}/", "owner"),
        ("rollout-failed", f"/rollouts/{seeded['rollout']}/?state=failed", "owner"),
        ("rollout-superseded", f"/rollouts/{seeded['rollout_before']}/", "owner"),
        ("models", "/models/", "owner"),
        ("models-empty", "/models/", "stranger"),
        ("model-new", f"/models/new?model={seeded['model']}", "owner"),
        ("model-new-viewer", "/models/new", "colleague"),
        ("model", f"/models/{seeded['model']}/", "owner"),
        ("version", f"/models/{seeded['model']}/versions/2/", "owner"),
        ("version-refused", f"/models/{seeded['model']}/versions/3/", "owner"),
        ("node-shards", f"/nodes/{seeded['active']}/?tab=shards", "owner"),
        ("node-shards-differ", f"/nodes/{seeded['differs']}/?tab=shards", "owner"),
        ("version-trained", f"/models/{seeded['job_model']}/versions/5/", "owner"),
        ("rounds", "/rounds/", "owner"),
        ("rounds-empty", "/rounds/", "stranger"),
        ("job-new", "/rounds/new", "owner"),
        ("job-new-refused", f"/rounds/new?model={seeded['job_model']}{REFUSED}", "owner"),
        ("job-new-viewer", "/rounds/new", "colleague"),
        ("job", f"/rounds/{seeded['job']}/", "owner"),
        ("job-running", f"/rounds/{seeded['job_running']}/", "owner"),
        ("job-stopped", f"/rounds/{seeded['job_stopped']}/", "owner"),
        ("round", f"/rounds/{seeded['job']}/4/", "owner"),
        ("round-refused", f"/rounds/{seeded['job']}/4/?state=refused", "owner"),
        ("round-running", f"/rounds/{seeded['job_running']}/1/", "owner"),
        ("round-failed", f"/rounds/{seeded['job_failed']}/1/", "owner"),
    ]


NAMES = [name for name, _path, _person in pages(defaultdict(str))]


def find(name: str, seeded: dict[str, Any]) -> tuple[str, str | None]:
    """Return address and person of a page by its name."""
    return next((path, person) for known, path, person in pages(seeded) if known == name)
