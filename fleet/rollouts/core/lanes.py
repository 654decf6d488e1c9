"""Where the parts of a plan stand in a drawing: three lanes, boxes in columns by what they wait for, and flows between.

Only geometry, in units of the drawing; words, sizes and colours are the template's.

    column 0: raw inputs   column 1: components that read them   column 2: components that read those …
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TIERS = ("terminal", "edge", "cloud")  # from top to bottom, in the direction in which requests travel

BOX_WIDTH, BOX_HEIGHT = 190.0, 50.0
LANE_LEFT, LANE_PAD, LANE_GAP = 0.5, 21.0, 14.0
FIRST_COLUMN = 132.0  # what stands left of it is the lane's own name
RIGHT_PAD, EDGE_PAD = 20.0, 10.0
ROW_GAP = 22.0
LEAST_GUTTER = 96.0  # room for a label and the turns of three flows
LEAST_WIDTH = 1160.0
TURN_BEFORE, TURN_STEP = 26.0, 9.0  # how far before a column flows turn, and how far apart
RADIUS = 10.0
TITLE_CHARS, MARKED_CHARS, DETAIL_CHARS = 24, 16, 31  # what fits into a box, with and without a word beside it


@dataclass(frozen=True)
class Source:
    """A raw input: the tensor, the tier on which it is born, and whether it may leave it."""

    tensor: str
    tier: str
    may_leave: bool = True


@dataclass(frozen=True)
class Part:
    """A component on its tier.

    Attributes:
        inputs, outputs: names of tensors.
        was_tier: where it runs under the plan that this one is compared with; empty where that is the same.
        is_variant: it stays where it is, in another variant.
    """

    name: str
    tier: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    detail: str = ""
    was_tier: str = ""
    is_variant: bool = False
    size_bytes: int | None = None


@dataclass(frozen=True)
class Lane:
    tier: str
    y: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Box:
    """A rectangle with two lines of text. `kind` is source, part or ghost; `mark` is moved, variant or nothing."""

    kind: str
    title: str
    detail: str
    tier: str
    column: int
    x: float
    y: float
    mark: str = ""
    size_bytes: int | None = None
    is_held: bool = False  # a raw input that may not leave its tier
    width: float = BOX_WIDTH
    height: float = BOX_HEIGHT

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def title_text(self) -> str:
        return short(self.title, MARKED_CHARS if self.mark else TITLE_CHARS)

    @property
    def detail_text(self) -> str:
        return short(self.detail, DETAIL_CHARS)

    @property
    def centre(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class Flow:
    """A tensor on its way; `is_refused` where a raw input would leave a tier that it may not leave."""

    path: str
    is_refused: bool = False


@dataclass(frozen=True)
class Label:
    """How much a tensor weighs for one sample, beside the beginning of its way."""

    x: float
    y: float
    size_bytes: int


@dataclass(frozen=True)
class Diagram:
    width: float
    height: float
    lanes: list[Lane]
    boxes: list[Box]
    flows: list[Flow]
    moves: list[str]  # paths from where a component was to where it is
    labels: list[Label]


@dataclass(frozen=True)
class _Entry:
    """What becomes a box once its place is known."""

    kind: str
    title: str
    detail: str = ""
    mark: str = ""
    size_bytes: int | None = None
    is_held: bool = False


Cells = dict[tuple[str, int], list[_Entry]]  # (tier, column) → from top to bottom


def draw(sources: Sequence[Source], parts: Sequence[Part], sizes: Mapping[str, int] | None = None) -> Diagram:
    """Return the drawing of a plan.

    Args:
        parts: in an order in which each follows those whose outputs it takes.
        sizes: tensor → its bytes for one sample.

    Raises:
        ValueError: a part stands on no known tier.
    """
    columns = _columns(sources, parts)
    cells = _cells(sources, parts, columns)
    width, pitch = _width(1 + max(columns.values(), default=0))
    lanes = _lanes(cells)
    boxes = _boxes(cells, lanes, pitch)
    flows, labels = _flows(sources, parts, boxes, {lane.tier: lane for lane in lanes}, sizes or {})
    height = lanes[-1].y + lanes[-1].height + EDGE_PAD
    return Diagram(width, height, lanes, list(boxes.values()), flows, _moves(parts, boxes), labels)


def short(text: str, most: int) -> str:
    """Return a text that fits, with an ellipsis where it was cut.

    >>> short("fusion", 24), short("abcdefgh", 5)
    ('fusion', 'abcd…')
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def rounded(points: Sequence[tuple[float, float]]) -> str:
    """Return the SVG path along points, with rounded corners no larger than half of what lies beside them.

    >>> rounded([(0, 0), (20, 0), (20, 30)])
    'M0 0L10 0Q20 0 20 10L20 30'
    """
    path = f"M{_n(points[0][0])} {_n(points[0][1])}"
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(RADIUS, _distance(before, here) / 2, _distance(here, after) / 2)
        come, go = _towards(here, before, radius), _towards(here, after, radius)
        path += f"L{_n(come[0])} {_n(come[1])}Q{_n(here[0])} {_n(here[1])} {_n(go[0])} {_n(go[1])}"
    return path + f"L{_n(points[-1][0])} {_n(points[-1][1])}"


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])  # flows run along the axes only


def _towards(start: tuple[float, float], end: tuple[float, float], length: float) -> tuple[float, float]:
    whole = _distance(start, end) or 1.0
    return start[0] + (end[0] - start[0]) * length / whole, start[1] + (end[1] - start[1]) * length / whole


def _columns(sources: Sequence[Source], parts: Sequence[Part]) -> dict[str, int]:
    """Return tensor → column of what gives it, and `component:name` → column of the component."""
    columns = {source.tensor: 0 for source in sources}
    for part in parts:
        column = 1 + max((columns.get(name, 0) for name in part.inputs), default=0)
        columns.update(dict.fromkeys(part.outputs, column))
        columns[_key(part.name)] = column
    return columns


def _key(name: str) -> str:
    return f"component:{name}"


def _cells(sources: Sequence[Source], parts: Sequence[Part], columns: Mapping[str, int]) -> Cells:
    """Return what stands where; a component that moved leaves a ghost behind."""
    cells: Cells = {}
    for source in sources:
        _at(cells, source.tier, 0).append(_Entry("source", source.tensor, is_held=not source.may_leave))
    for part in parts:
        mark = "moved" if part.was_tier else "variant" if part.is_variant else ""
        entry = _Entry("part", part.name, part.detail, mark, part.size_bytes)
        _at(cells, part.tier, columns[_key(part.name)]).append(entry)
    for part in parts:
        if part.was_tier:
            _at(cells, part.was_tier, columns[_key(part.name)]).append(_Entry("ghost", part.name))
    return cells


def _at(cells: Cells, tier: str, column: int) -> list[_Entry]:
    if tier not in TIERS:
        raise ValueError(f"{tier!r} is no tier")
    return cells.setdefault((tier, column), [])


def _width(columns: int) -> tuple[float, float]:
    """Return the drawing's width and the distance between two columns."""
    room = LEAST_WIDTH - FIRST_COLUMN - RIGHT_PAD - BOX_WIDTH
    pitch = max(BOX_WIDTH + LEAST_GUTTER, room / max(1, columns - 1))
    return max(LEAST_WIDTH, FIRST_COLUMN + pitch * (columns - 1) + BOX_WIDTH + RIGHT_PAD), pitch


def _lanes(cells: Cells) -> list[Lane]:
    """Return the lanes, each as high as its fullest column."""
    lanes: list[Lane] = []
    y = EDGE_PAD
    for tier in TIERS:
        rows = max([len(entries) for (at, _column), entries in cells.items() if at == tier] + [1])
        height = 2 * LANE_PAD + rows * BOX_HEIGHT + (rows - 1) * ROW_GAP
        lanes.append(Lane(tier, y, height))
        y += height + LANE_GAP
    return lanes


def _boxes(cells: Cells, lanes: Sequence[Lane], pitch: float) -> dict[tuple[str, str], Box]:
    """Return (kind, name) → box; the boxes of a column are centred in their lane."""
    by_tier = {lane.tier: lane for lane in lanes}
    boxes: dict[tuple[str, str], Box] = {}
    for (tier, column), entries in cells.items():
        used = len(entries) * (BOX_HEIGHT + ROW_GAP) - ROW_GAP
        y = by_tier[tier].middle - used / 2
        for entry in entries:
            x = FIRST_COLUMN + pitch * column
            boxes[entry.kind, entry.title] = Box(
                kind=entry.kind,
                title=entry.title,
                detail=entry.detail,
                tier=tier,
                column=column,
                x=x,
                y=y,
                mark=entry.mark,
                size_bytes=entry.size_bytes,
                is_held=entry.is_held,
            )
            y += BOX_HEIGHT + ROW_GAP
    return boxes


def _flows(
    sources: Sequence[Source],
    parts: Sequence[Part],
    boxes: Mapping[tuple[str, str], Box],
    lanes: Mapping[str, Lane],
    sizes: Mapping[str, int],
) -> tuple[list[Flow], list[Label]]:
    """Return every tensor's ways to those who read it, and the labels at their beginnings."""
    givers = {source.tensor: boxes["source", source.tensor] for source in sources}
    for part in parts:
        givers.update(dict.fromkeys(part.outputs, boxes["part", part.name]))
    held = {source.tensor for source in sources if not source.may_leave}
    turns = _turns(givers, parts)
    flows, used = [], {}
    for part in parts:
        reader = boxes["part", part.name]
        for place, tensor in enumerate(part.inputs, 1):
            if tensor not in givers:
                continue
            giver = givers[tensor]
            entry = reader.y + reader.height * place / (len(part.inputs) + 1)
            points = _way(giver, reader, entry, lanes, turns)
            flows.append(Flow(rounded(points), tensor in held and giver.tier != reader.tier))
            used[tensor] = giver
    return flows, _labels(used, sizes)


def _turns(givers: Mapping[str, Box], parts: Sequence[Part]) -> dict[tuple[str, str], float]:
    """Return for each giver how far before the next column its flows turn, so that two do not lie on each other."""
    turns: dict[tuple[str, str], float] = {}
    in_gutter: dict[int, int] = {}
    for tensor in dict.fromkeys(tensor for part in parts for tensor in part.inputs):
        if tensor not in givers:
            continue
        box = givers[tensor]
        if (box.kind, box.title) in turns:
            continue
        place = in_gutter.get(box.column, 0)
        in_gutter[box.column] = place + 1
        turns[box.kind, box.title] = TURN_BEFORE + TURN_STEP * place
    return turns


def _way(
    giver: Box,
    reader: Box,
    entry: float,
    lanes: Mapping[str, Lane],
    turns: Mapping[tuple[str, str], float],
) -> list[tuple[float, float]]:
    """Return the corners of one flow; over several columns it runs between the lanes, past the boxes."""
    back = turns[giver.kind, giver.title]
    near = reader.x - back
    if reader.column == giver.column + 1:
        if abs(entry - giver.middle) < 1:
            return [(giver.right, entry), (reader.x, entry)]
        return [(giver.right, giver.middle), (near, giver.middle), (near, entry), (reader.x, entry)]
    far = giver.right + back
    lane = lanes[reader.tier]
    is_down = TIERS.index(reader.tier) > TIERS.index(giver.tier)
    channel = lane.y - LANE_GAP / 2 if is_down else lane.y + lane.height + LANE_GAP / 2
    return [
        (giver.right, giver.middle),
        (far, giver.middle),
        (far, channel),
        (near, channel),
        (near, entry),
        (reader.x, entry),
    ]


def _labels(used: Mapping[str, Box], sizes: Mapping[str, int]) -> list[Label]:
    """Return one label for each tensor that flows; those of one giver stand above each other."""
    labels = []
    above: dict[tuple[str, str], int] = {}
    for tensor, box in used.items():
        if tensor in sizes:
            place = above.get((box.kind, box.title), 0)
            above[box.kind, box.title] = place + 1
            labels.append(Label(box.right + 8, box.middle - 7 - 14 * place, sizes[tensor]))
    return labels


def _moves(parts: Sequence[Part], boxes: Mapping[tuple[str, str], Box]) -> list[str]:
    """Return the paths from the ghosts to the components that moved."""
    moves = []
    for part in parts:
        if not part.was_tier:
            continue
        old, new = boxes["ghost", part.name], boxes["part", part.name]
        is_up = new.y < old.y
        start, end = (old.y, new.y + new.height) if is_up else (old.y + old.height, new.y)
        moves.append(f"M{_n(new.centre)} {_n(start)}V{_n(end)}")
    return moves
