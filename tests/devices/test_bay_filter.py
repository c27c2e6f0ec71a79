"""A bay sensor's readings become a settled state: silence and flutter are unknown, never free."""

from agent.core.state import Bay
from agent.devices.bay_filter import CALM_S, FLUTTER_EDGES, STALE_S, BayFilter
from drivers.ports import BayReading, Occupancy


def _read(bay: BayFilter, occupancy: Occupancy, at_s: float) -> Bay:
    return bay.read(BayReading(occupancy=occupancy, at_s=at_s))


def test_a_bay_is_unknown_until_its_sensor_speaks() -> None:
    assert BayFilter().at(0.0) is Bay.UNKNOWN


def test_a_plausible_sensor_is_believed_at_once() -> None:
    bay = BayFilter()
    assert _read(bay, Occupancy.FREE, 0.0) is Bay.FREE
    assert _read(bay, Occupancy.OCCUPIED, 1.0) is Bay.OCCUPIED


def test_a_silent_sensor_is_unknown_and_not_what_it_said_last() -> None:
    bay = BayFilter()
    _read(bay, Occupancy.FREE, 0.0)
    assert bay.at(STALE_S) is Bay.FREE
    assert bay.at(STALE_S + 0.1) is Bay.UNKNOWN
    assert _read(bay, Occupancy.FREE, STALE_S + 1) is Bay.FREE


def test_flutter_is_damped_and_ends_after_ten_calm_minutes() -> None:
    bay = BayFilter()
    states = (Occupancy.FREE, Occupancy.OCCUPIED)
    for n in range(FLUTTER_EDGES + 1):
        last = _read(bay, states[n % 2], n * 0.02)
    assert last is Bay.UNKNOWN
    assert bay.fluttering
    resting = states[FLUTTER_EDGES % 2]
    assert _read(bay, resting, CALM_S - 1) is Bay.UNKNOWN
    assert _read(bay, resting, CALM_S + 1) is not Bay.UNKNOWN
    assert not bay.fluttering


def test_a_busy_bay_with_slow_edges_is_no_flutter() -> None:
    bay = BayFilter()
    for n in range(40):
        assert _read(bay, (Occupancy.FREE, Occupancy.OCCUPIED)[n % 2], n * 15.0) is not Bay.UNKNOWN
