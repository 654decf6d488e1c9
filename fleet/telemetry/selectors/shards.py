"""Names of the shards that telemetry carries as numbers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fleet.registry.models import Artifact, Node


@dataclass(frozen=True)
class ShardName:
    """Whose weights a shard holds."""

    model: str
    version: int
    component: str
    variant: str

    def label(self, *, with_version: bool = False) -> str:
        """Return the name for a chart."""
        model = f"{self.model} {self.version}" if with_version else self.model
        return f"{model} · {self.component} ({self.variant})"


def names(node: Node, keys: Iterable[int]) -> dict[int, ShardName]:
    """Return the names of those shards that the node's tenant has published.

    A device may say any number; one of another tenant stays a number.
    """
    tenant = node.site.path.partition("/")[0] + "/"
    rows = Artifact.objects.filter(key__in=set(keys), component__version__model__site__path=tenant).values_list(
        "key",
        "component__version__model__name",
        "component__version__number",
        "component__name",
        "variant",
    )
    return {key: ShardName(model, version, component, variant) for key, model, version, component, variant in rows}


def labels(node: Node, keys: Iterable[int]) -> dict[int, str | None]:
    """Return each shard's label, None where it has none; versions are told where two would read the same."""
    keys = list(keys)
    found = names(node, keys)
    counted = Counter(name.label() for name in found.values())
    return {
        key: found[key].label(with_version=counted[found[key].label()] > 1) if key in found else None for key in keys
    }
