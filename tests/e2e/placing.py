"""What the end-to-end tests of models ask the product: which shards a device proves, and how far it has come."""

import contextlib
import json
from pathlib import Path

from tests.e2e.product import Device, Product

RUNNING = """
SELECT c.name, r.weights_sha256 = a.weights_sha256
FROM registry_runningshard r
JOIN registry_artifact a ON a.key = r.shard
JOIN registry_component c ON c.id = a.component_id
JOIN registry_modelversion v ON v.id = c.version_id
JOIN registry_model m ON m.id = v.model_id
WHERE r.node_id = %s AND m.name = %s ORDER BY c.position
"""
DESIRED_AND_SERVED = """
SELECT t.counter, r.counter, r.serving_counter, r.state FROM registry_nodetarget t
LEFT JOIN registry_nodereport r ON r.node_id = t.node_id WHERE t.node_id = %s
"""
ARTIFACT = """
SELECT a.artifact_sha256, a.weights_sha256, a.size_bytes FROM registry_artifact a
JOIN registry_component c ON c.id = a.component_id JOIN registry_modelversion v ON v.id = c.version_id
JOIN registry_model m ON m.id = v.model_id
WHERE m.name = %s AND c.name = %s AND a.is_reference ORDER BY v.number DESC LIMIT 1
"""


def key_of(product: Product, device: Device) -> int:
    return product.node_of(device)[0]


def runs(product: Product, device: Device, model: str) -> dict[str, bool]:
    """Return component → whether its live tensors are the published ones, as the device's last report says."""
    return dict(product.rows(RUNNING, key_of(product, device), model))


def settled(product: Product, device: Device) -> bool:
    """Say whether a device serves the newest generation that was issued for it, or took it and has nothing to serve."""
    [(desired, accepted, served, state)] = product.rows(DESIRED_AND_SERVED, key_of(product, device))
    return desired == accepted and (state == "idle" or (desired == served and state == "active"))


def push(product: Product, mapping: str, *options: str) -> str:
    return product.manage("push_plan", mapping, "--reason", "the test asks for it", *options)


def events(product: Product, verb: str, device: Device) -> int:
    uid = product.node_of(device)[1]
    return product.rows("SELECT count(*) FROM trust_event WHERE verb = %s AND target_id = %s::uuid", verb, uid)[0][0]


def size_of(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def redirect(device: Device, gateway_url: str) -> None:
    """Let the device's way to the gateway lead elsewhere."""
    file = device.home / "enrolment.json"
    enrolment = json.loads(file.read_text())
    enrolment["gateway_url"] = gateway_url
    file.write_text(json.dumps(enrolment))
