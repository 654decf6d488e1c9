"""The drawing of a plan: what stands where, and that no flow runs through a box."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rollouts.core import lanes
from fleet.rollouts.core.lanes import Part, Source, draw, rounded

IMAGE = Source("image", "terminal", may_leave=False)


def chain(vision="terminal", head="cloud", **more):
    return [
        Part("vision", vision, ("image",), ("features",), **more),
        Part("head", head, ("features",), ("logits",)),
    ]


def box(diagram, kind, title):
    return next(found for found in diagram.boxes if (found.kind, found.title) == (kind, title))


def test_a_component_stands_in_the_lane_of_its_tier_and_behind_what_it_waits_for():
    diagram = draw([IMAGE], chain())
    by_tier = {lane.tier: lane for lane in diagram.lanes}
    vision, head = box(diagram, "part", "vision"), box(diagram, "part", "head")
    assert (vision.column, head.column) == (1, 2)
    assert (
        by_tier["terminal"].y < vision.y < vision.y + vision.height < by_tier["terminal"].y + by_tier["terminal"].height
    )
    assert by_tier["cloud"].y < head.y < head.y + head.height < by_tier["cloud"].y + by_tier["cloud"].height


def test_the_lanes_are_always_three_from_terminal_to_cloud():
    assert [lane.tier for lane in draw([], []).lanes] == ["terminal", "edge", "cloud"]


def test_a_raw_input_that_would_leave_its_tier_is_refused_and_one_that_stays_is_not():
    assert [flow.is_refused for flow in draw([IMAGE], chain("edge")).flows] == [True, False]
    assert [flow.is_refused for flow in draw([IMAGE], chain("terminal")).flows] == [False, False]
    free = Source("image", "terminal", may_leave=True)
    assert [flow.is_refused for flow in draw([free], chain("edge")).flows] == [False, False]


def test_a_component_that_moved_leaves_a_ghost_and_a_path_from_it():
    diagram = draw([IMAGE], chain("edge", was_tier="terminal"))
    ghost, new = box(diagram, "ghost", "vision"), box(diagram, "part", "vision")
    assert (ghost.tier, new.tier, new.mark) == ("terminal", "edge", "moved")
    assert ghost.x == new.x
    assert diagram.moves == [f"M{new.centre:g} {ghost.y + ghost.height:g}V{new.y:g}"]


def test_another_variant_on_the_same_tier_is_marked_and_leaves_no_ghost():
    diagram = draw([IMAGE], chain(is_variant=True))
    assert box(diagram, "part", "vision").mark == "variant"
    assert not [found for found in diagram.boxes if found.kind == "ghost"]


def test_a_tensor_that_two_read_is_labelled_once():
    parts = [*chain(), Part("second", "edge", ("features",), ("other",))]
    diagram = draw([IMAGE], parts, {"features": 256, "image": 1024, "logits": 40})
    assert sorted(label.size_bytes for label in diagram.labels) == [256, 1024]


def test_a_tier_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match="moon"):
        draw([], chain("moon"))


def test_a_straight_line_has_no_corner_and_a_short_way_has_small_ones():
    assert rounded([(0, 5), (30, 5)]) == "M0 5L30 5"
    assert rounded([(0, 0), (4, 0), (4, 50)]) == "M0 0L2 0Q4 0 4 2L4 50"


def test_names_too_long_for_their_box_are_cut():
    found = lanes.Box("part", "a" * 40, "b" * 60, "edge", 1, 0, 0)
    assert len(found.title_text) == lanes.TITLE_CHARS
    assert len(found.detail_text) == lanes.DETAIL_CHARS


@st.composite
def models(draw_):
    """Workloads of up to six components, each reading raw inputs or what came before it, placed anywhere."""
    tiers = st.sampled_from(lanes.TIERS)
    sources = [Source(f"raw{n}", draw_(tiers), draw_(st.booleans())) for n in range(draw_(st.integers(1, 3)))]
    tensors, parts = [source.tensor for source in sources], []
    for n in range(draw_(st.integers(1, 6))):
        inputs = tuple(draw_(st.lists(st.sampled_from(tensors), min_size=1, max_size=3, unique=True)))
        tier, was = draw_(tiers), draw_(tiers)
        parts.append(Part(f"part{n}", tier, inputs, (f"out{n}",), was_tier=was if was != tier else ""))
        tensors.append(f"out{n}")
    return sources, parts


@given(models())
def test_no_two_boxes_overlap_and_everything_is_inside(model):
    diagram = draw(*model)
    for found in diagram.boxes:
        assert found.x >= 0 and found.right <= diagram.width
        assert found.y >= 0 and found.y + found.height <= diagram.height
    for one, other in itertools.combinations(diagram.boxes, 2):
        assert (
            one.right <= other.x
            or other.right <= one.x
            or one.y + one.height <= other.y
            or other.y + other.height <= one.y
        )


@given(models())
def test_every_flow_ends_at_the_left_of_its_reader(model):
    _sources, parts = model
    diagram = draw(*model)
    wanted = [box(diagram, "part", part.name) for part in parts for _tensor in part.inputs]
    assert len(diagram.flows) == len(wanted)
    for flow, reader in zip(diagram.flows, wanted, strict=True):
        x, y = map(float, re.findall(r"-?[\d.]+", flow.path)[-2:])
        assert x == pytest.approx(reader.x, abs=0.06)
        assert reader.y < y < reader.y + reader.height


@given(models())
def test_no_flow_runs_through_a_box(model):
    diagram = draw(*model)
    for flow in diagram.flows:
        points = [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", flow.path)]
        for (x1, y1), (x2, y2) in itertools.pairwise(points):
            left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
            for found in diagram.boxes:
                is_inside = (
                    left < found.right - 1
                    and right > found.x + 1
                    and top < found.y + found.height - 1
                    and bottom > found.y + 1
                )
                assert not is_inside, (flow.path, found)
