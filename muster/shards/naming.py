"""How the tensors of a whole model are named in one file.

`component.rest` belongs to the component's reference variant, `component@variant.rest` to another;
`rest` is the name inside the component's own module.

>>> full("vision", None, "conv.weight"), full("vision", "small", "conv.weight")
('vision.conv.weight', 'vision@small.conv.weight')
>>> split(["vision.conv.weight", "vision@small.conv.weight"])[("vision", "small")]
{'conv.weight': 'vision@small.conv.weight'}
"""

from collections.abc import Iterable

from muster.shards.errors import BadTensorName
from muster.workloads.declaration import NAME, Workload

Names = dict[str, str]  # name inside the component → name in the file


def full(component: str, variant: str | None, rest: str) -> str:
    """Return the name in a whole model's file; no variant means the reference."""
    return f"{component}@{variant}.{rest}" if variant else f"{component}.{rest}"


def split(names: Iterable[str]) -> dict[tuple[str, str | None], Names]:
    """Return the names by (component, variant), where None is the reference variant.

    Raises:
        BadTensorName: one does not say which component it belongs to.
    """
    found: dict[tuple[str, str | None], Names] = {}
    for name in names:
        owner, dot, rest = name.partition(".")
        component, at, variant = owner.partition("@")
        if not (dot and rest and NAME.fullmatch(component) and (NAME.fullmatch(variant) or not at)):
            raise BadTensorName(f"{name[:80]!r} is not named component.… or component@variant.…")
        found.setdefault((component, variant or None), {})[rest] = name
    return found


def resolve(workload: Workload, names: Iterable[str]) -> dict[tuple[str, str], Names]:
    """Return the names by (component, variant) of the workload, the reference variant under its own name.

    Raises:
        BadTensorName: a component or variant that the workload does not have, or one variant under two names.
    """
    found: dict[tuple[str, str], Names] = {}
    for (component, variant), group in split(names).items():
        declared = next((one for one in workload.components if one.name == component), None)
        if declared is None:
            raise BadTensorName(f"{workload.name} has no component {component!r}")
        named = variant or declared.variants[0].name
        if not declared.has_variant(named):
            raise BadTensorName(f"{workload.name}.{component} has no variant {named!r}")
        if (component, named) in found:
            raise BadTensorName(f"{component} and {component}@{named} are the same variant")
        found[(component, named)] = group
    return found
