"""What a plan changes, component by component."""

from fleet.rollouts.core.diff import Placed, changes

HERE = Placed("terminal", "light", 1, "a" * 64, 100)
THERE = Placed("edge", "full", 1, "b" * 64, 500)
NEWER = Placed("terminal", "light", 2, "c" * 64, 110)
NODES = {"terminal": 40, "edge": 3}


def change(before, after, held=None):
    (found,) = changes({"eye": before} if before else {}, {"eye": after} if after else {}, nodes=NODES, held=held or {})
    return found


def test_a_component_that_stays_costs_nothing():
    found = change(HERE, HERE, {"terminal": {HERE.artifact_sha256}})
    assert (found.differs, found.nodes, found.total_bytes) == (False, 40, 0)


def test_a_component_that_moves_is_fetched_by_every_node_of_its_new_tier():
    found = change(HERE, THERE, {"terminal": {HERE.artifact_sha256}})
    assert (found.differs, found.nodes, found.fetch_bytes, found.total_bytes) == (True, 3, 500, 1500)


def test_a_new_version_is_fetched_where_it_runs():
    found = change(HERE, NEWER, {"terminal": {HERE.artifact_sha256}})
    assert (found.differs, found.total_bytes) == (True, 4400)


def test_bytes_that_another_model_has_brought_to_the_tier_are_not_fetched_again():
    found = change(None, THERE, {"edge": {THERE.artifact_sha256}})
    assert (found.differs, found.total_bytes) == (True, 0)


def test_a_component_that_goes_stands_last_and_costs_nothing():
    found = changes({"old": HERE}, {"eye": THERE}, nodes=NODES, held={})
    assert [(item.component, item.after, item.nodes) for item in found] == [("eye", THERE, 3), ("old", None, 0)]


def test_a_tier_without_nodes_fetches_nothing():
    (found,) = changes({}, {"eye": Placed("cloud", "full", 1, "d" * 64, 7)}, nodes=NODES, held={})
    assert (found.nodes, found.total_bytes) == (0, 0)
