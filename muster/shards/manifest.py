"""The one hash that names all weights of a version."""

from collections.abc import Mapping

from muster.canon.json import canonical_sha256

FORMAT = 1


def manifest_sha256(workload: str, version: int, components: Mapping[str, Mapping[str, str]]) -> str:
    """Return the SHA-256 over the canonical JSON of a version's manifest.

    Args:
        workload: its name.
        version: of the workload's declaration.
        components: component → variant → weights_sha256.
    """
    return canonical_sha256(
        {
            "format": FORMAT,
            "workload": workload,
            "workload_version": version,
            "components": {component: dict(variants) for component, variants in components.items()},
        }
    )
