"""The server's time is told from the shortest recent round trip, on a clock that never jumps."""

from dataclasses import dataclass

from agent.clock import LONGEST_ROUND_TRIP_US, REMEMBERED_ROUND_TRIPS, ServerClock

AHEAD_US = 90_000_000


@dataclass
class Device:
    """A device whose server is AHEAD_US in front of its steady clock."""

    steady: int = 1_000_000
    wall: int = 5_000_000

    def clock(self) -> ServerClock:
        return ServerClock(lambda: self.steady, lambda: self.wall)

    def round_trip(self, clock: ServerClock, there_us: int, back_us: int) -> None:
        sent = self.steady
        server = sent + there_us + AHEAD_US
        self.steady += there_us + back_us
        clock.observe(sent, server)


def test_before_the_first_answer_the_devices_own_clock_stands_in() -> None:
    device = Device()
    clock = device.clock()
    assert clock.now_us() == device.wall
    assert clock.wall_offset_us() is None


def test_an_even_round_trip_tells_the_servers_time_exactly() -> None:
    device = Device()
    clock = device.clock()
    device.round_trip(clock, 400, 400)
    assert clock.now_us() == device.steady + AHEAD_US
    assert clock.rtt_us == 800


def test_the_shortest_round_trip_is_believed() -> None:
    device = Device()
    clock = device.clock()
    device.round_trip(clock, 100, 100)
    device.round_trip(clock, 100_000, 100)
    assert clock.now_us() == device.steady + AHEAD_US
    assert clock.rtt_us == 100_100


def test_an_old_round_trip_is_forgotten() -> None:
    device = Device()
    clock = device.clock()
    device.round_trip(clock, 0, 100)
    for _ in range(REMEMBERED_ROUND_TRIPS):
        device.round_trip(clock, 500, 500)
    assert clock.now_us() == device.steady + AHEAD_US


def test_setting_the_devices_clock_changes_nothing_once_the_servers_is_known() -> None:
    device = Device()
    clock = device.clock()
    device.round_trip(clock, 100, 100)
    before = clock.now_us()
    device.wall -= 3_600_000_000
    assert clock.now_us() == before
    assert clock.wall_offset_us() == before - device.wall


def test_an_answer_after_a_standstill_or_before_its_question_is_no_round_trip() -> None:
    device = Device()
    clock = device.clock()
    assert clock.observe(device.steady + 1, 0) is None
    assert clock.observe(device.steady - LONGEST_ROUND_TRIP_US - 1, 0) is None
    assert clock.rtt_us is None
