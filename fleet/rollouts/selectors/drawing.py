"""Turns a placement into the drawing of a page: lanes with their words, boxes, flows."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from fleet.rollouts.core import lanes
from fleet.trust.models.enrolment_token import Tier
from muster.workloads.declaration import DType, Tensor, Workload

BYTES = {DType.FLOAT32: 4, DType.INT64: 8}
Placement = Mapping[str, Mapping[str, str]]  # component → {tier, variant}


@dataclass(frozen=True)
class NamedLane:
    """A lane with its words."""

    y: float
    width: float
    height: float
    middle: float
    label: str
    detail: str


@dataclass(frozen=True)
class Drawing:
    """A diagram and what is said of it; `name` is unique on the page."""

    name: str
    title: str
    description: str
    diagram: lanes.Diagram
    lanes: list[NamedLane]


def drawing(
    workload: Workload,
    placement: Placement,
    *,
    title: str,
    nodes: Mapping[str, int],
    before: Placement | None = None,
    sizes: Mapping[tuple[str, str], int] | None = None,
    details: Mapping[str, str] | None = None,
    name: str = "lanes",
) -> Drawing:
    """Return the drawing of a placement.

    Args:
        nodes: tier → how many nodes it has.
        before: the placement that it is compared with, if there is one.
        sizes: (component, variant) → bytes of its artifact.
        details: component → its second line, instead of its variant.
    """
    sources = [lanes.Source(raw.tensor.name, raw.home, raw.may_leave) for raw in workload.inputs]
    parts = [_part(workload, component, placement, before, sizes or {}, details or {}) for component in placement]
    order = {component.name: place for place, component in enumerate(workload.components)}
    parts.sort(key=lambda part: order[part.name])
    diagram = lanes.draw(sources, parts, {name: tensor_bytes(workload.tensor(name)) for name in _tensors(workload)})
    named = [_lane(lane, diagram.width, nodes.get(lane.tier, 0)) for lane in diagram.lanes]
    return Drawing(name, title, _description(parts), diagram, named)


def tensor_bytes(tensor: Tensor) -> int:
    """Return how much one sample of a tensor weighs."""
    return prod(tensor.shape) * BYTES[tensor.dtype]


def _tensors(workload: Workload) -> list[str]:
    """Return the names of all tensors that something reads."""
    return [name for component in workload.components for name in component.inputs]


def _part(
    workload: Workload,
    name: str,
    placement: Placement,
    before: Placement | None,
    sizes: Mapping[tuple[str, str], int],
    details: Mapping[str, str],
) -> lanes.Part:
    declared, place = workload.component(name), placement[name]
    old = (before or {}).get(name, place)
    return lanes.Part(
        name=name,
        tier=place["tier"],
        inputs=declared.inputs,
        outputs=tuple(tensor.name for tensor in declared.outputs),
        detail=details.get(name, place["variant"]),
        was_tier=old["tier"] if old["tier"] != place["tier"] else "",
        is_variant=old["tier"] == place["tier"] and old["variant"] != place["variant"],
        size_bytes=sizes.get((name, place["variant"])),
    )


def _lane(lane: lanes.Lane, width: float, nodes: int) -> NamedLane:
    return NamedLane(
        lane.y,
        width - 1,
        lane.height,
        lane.middle,
        str(Tier(lane.tier).label),
        ngettext("%(n)d node", "%(n)d nodes", nodes) % {"n": nodes},
    )


def _description(parts: list[lanes.Part]) -> str:
    """Return in words what the drawing shows."""
    comma = pgettext("between the members of a list", ", ")
    sentences = []
    for tier in Tier:
        names = comma.join(part.name for part in parts if part.tier == tier.value)
        sentences.append(_("%(tier)s: %(components)s.") % {"tier": tier.label, "components": names or _("nothing")})
    return " ".join(sentences)
