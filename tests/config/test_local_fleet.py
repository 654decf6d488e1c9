"""The local fleet is what the README says."""

from collections import Counter

import pytest

from config.supervisor.local_fleet import members


def test_seven_devices_are_two_plants_and_a_cloud_node() -> None:
    fleet = members(7)

    assert Counter((member.site, member.tier) for member in fleet) == {
        ("local/plant-a", "terminal"): 2,
        ("local/plant-a", "edge"): 1,
        ("local/plant-b", "terminal"): 2,
        ("local/plant-b", "edge"): 1,
        ("local", "cloud"): 1,
    }
    assert [member.name for member in fleet if member.device_type == "vehicle"] == ["rover-1"]


@pytest.mark.parametrize("number", [0, 1, 7, 8, 100])
def test_any_number_has_names_of_their_own_and_starts_alike(number: int) -> None:
    fleet = members(number)

    assert len({member.name for member in fleet}) == number
    assert fleet == members(100)[:number]
