"""The wall clock: believed only when it is set, and never earlier than what was written down before."""

import pytest

from agent.kernel.clock import AGREE_MS, RELEASED_UTC_MS, WallClock

NOVEMBER_MS = RELEASED_UTC_MS + 20 * 86_400_000
HOUR_MS = 3_600_000


class Machine:
    """A machine whose clocks the test sets."""

    def __init__(self, utc_ms: int) -> None:
        self.utc_ms = utc_ms
        self.monotonic_s = 100.0

    def wall(self, last_utc_ms: int | None) -> WallClock:
        """The wall clock of an agent on it that has journalled `last_utc_ms`."""
        return WallClock(lambda: self.monotonic_s, "always", last_utc_ms, machine_ms=lambda: self.utc_ms)


def test_a_clock_of_1970_is_not_trusted_even_where_nothing_was_written_down_yet() -> None:
    assert Machine(0).wall(None)() is None
    assert Machine(RELEASED_UTC_MS - 1).wall(None)() is None
    assert Machine(RELEASED_UTC_MS).wall(None)() == RELEASED_UTC_MS


def test_a_clock_before_the_last_event_is_not_trusted_until_it_is_put_right(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine(NOVEMBER_MS - HOUR_MS)
    wall = machine.wall(NOVEMBER_MS)
    assert [wall(), wall()] == [None, None]
    assert caplog.text.count("clock=untrusted behind_s=3600") == 1
    machine.utc_ms = NOVEMBER_MS + 1
    assert wall() == NOVEMBER_MS + 1


def test_a_clock_that_steps_back_while_the_agent_runs_is_not_trusted_any_more() -> None:
    machine = Machine(NOVEMBER_MS)
    wall = machine.wall(None)
    assert wall() == NOVEMBER_MS
    machine.utc_ms -= AGREE_MS + 1
    assert wall() is None


def test_a_time_service_that_corrects_some_seconds_is_believed() -> None:
    machine = Machine(NOVEMBER_MS)
    wall = machine.wall(NOVEMBER_MS + AGREE_MS // 2)
    assert wall() == NOVEMBER_MS
    machine.utc_ms -= AGREE_MS // 2
    assert wall() == NOVEMBER_MS - AGREE_MS // 2


def test_the_csms_sets_a_clock_that_is_behind_but_not_back_before_the_last_event() -> None:
    machine = Machine(0)
    wall = machine.wall(NOVEMBER_MS)
    wall.told(NOVEMBER_MS - HOUR_MS)
    assert wall() is None
    wall.told(NOVEMBER_MS + HOUR_MS)
    machine.monotonic_s += 2.5
    assert wall() == NOVEMBER_MS + HOUR_MS + 2500


def test_machine_and_csms_that_agree_put_a_wrong_record_right() -> None:
    machine = Machine(NOVEMBER_MS)
    wall = machine.wall(NOVEMBER_MS + 30 * 365 * 24 * HOUR_MS)
    assert wall() is None
    wall.told(NOVEMBER_MS + AGREE_MS // 2)
    assert wall() == NOVEMBER_MS


def test_two_that_agree_on_1970_are_not_believed() -> None:
    wall = Machine(0).wall(NOVEMBER_MS)
    wall.told(0)
    assert wall() is None
