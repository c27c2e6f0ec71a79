"""The physics of the twin: energy, contactor, plug and register."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.ports import Occupancy, VehicleState
from drivers.twin.car import Car, Flow
from drivers.twin.state import Happening, SensorMode
from drivers.twin.world import ConnectorSpec, EvseSpec, TwinRefused, World

CCS, TYPE2 = "IEC_62196_T2_COMBO", "IEC_62196_T2"
SPEC = EvseSpec(
    evse=1,
    connectors=(
        ConnectorSpec(connector=1, standard=CCS, power_w=150_000),
        ConnectorSpec(connector=2, standard=TYPE2, power_w=22_000),
    ),
)
FOREVER_S = 1e6

cars = st.builds(
    Car,
    battery_kwh=st.floats(5, 200),
    soc_percent=st.floats(0, 100),
    power_w=st.integers(1_000, 400_000),
    onboard_charger_w=st.integers(1_400, 22_000),
    target_soc_percent=st.floats(0, 100),
)


def charging_world(car: Car, connector: int = 1, limit_w: int | None = None) -> World:
    world = World((SPEC,))
    world.plug_in(1, connector, car, 0.0)
    world.energise(1, until_s=FOREVER_S, limit_w=limit_w, now_s=0.0)
    return world


@given(car=cars, connector=st.sampled_from([1, 2]), asks=st.lists(st.floats(0, 20_000), max_size=20))
def test_energy_between_two_instants_does_not_depend_on_how_often_it_was_asked(
    car: Car, connector: int, asks: list[float]
) -> None:
    often, once = charging_world(car, connector), charging_world(car, connector)
    for ask_s in sorted(asks):
        often.meter(1, ask_s)
        often.charging(1, ask_s)
        often.energise(1, until_s=FOREVER_S, limit_w=None, now_s=ask_s)  # renewing a lease is not a new charge
    one, other = often.look(1, 20_000.0), once.look(1, 20_000.0)
    assert (one.register_wh, one.car) == (other.register_wh, other.car)  # to the last bit


@given(car=cars, limit_w=st.integers(0, 400_000), cuts=st.lists(st.floats(0, 40_000), min_size=1, max_size=8))
def test_a_charge_in_pieces_moves_as_much_energy_as_one_of_the_same_length(
    car: Car, limit_w: int, cuts: list[float]
) -> None:
    whole, pieces = charging_world(car, limit_w=limit_w), charging_world(car, limit_w=limit_w)
    for cut_s in sorted(cuts):
        pieces.de_energise(1, cut_s)
        pieces.energise(1, until_s=FOREVER_S, limit_w=limit_w, now_s=cut_s)
    assert pieces.look(1, 50_000.0).register_wh == pytest.approx(
        whole.look(1, 50_000.0).register_wh, rel=1e-6, abs=1e-3
    )


@given(car=cars, instants=st.lists(st.floats(0, 100_000), min_size=2, max_size=20))
def test_register_and_state_of_charge_never_fall_and_power_stays_below_every_limit(
    car: Car, instants: list[float]
) -> None:
    world = charging_world(car)
    readings = [world.meter(1, instant) for instant in sorted(instants)]
    for before, after in itertools.pairwise(readings):
        assert after.register_wh >= before.register_wh
        assert (after.soc_percent or 0) >= (before.soc_percent or 0)
    assert all(0 <= reading.power_w <= min(car.power_w, 150_000) + 1 for reading in readings)


@given(car=cars.filter(lambda car: car.target_soc_percent > car.soc_percent + 0.1), dc=st.booleans())
def test_energy_is_the_sum_of_power_over_time(car: Car, dc: bool) -> None:
    flow = Flow(car, dc=dc, limit_w=100_000)
    steps = 2_000
    step_s = flow.seconds_to_target / steps
    summed_wh = sum(flow.at((i + 0.5) * step_s).power_w * step_s / 3600 for i in range(steps))
    assert flow.at(flow.seconds_to_target).energy_wh == pytest.approx(summed_wh, rel=2e-3)


@given(car=cars)
def test_the_car_stops_at_its_target_and_not_before(car: Car) -> None:
    world = charging_world(car)
    full_s = world.next_change(1, 0.0) if car.target_soc_percent > car.soc_percent else 0.0
    assert full_s is not None
    reading = world.charging(1, full_s)
    assert reading.suspended_by_ev
    assert reading.energised
    assert reading.vehicle is VehicleState.CONNECTED
    assert world.look(1, full_s).car is not None
    if full_s > 1:
        assert world.charging(1, full_s - 0.5).vehicle is VehicleState.CHARGING


def test_a_usual_fast_charge_takes_as_long_as_real_ones() -> None:
    # queue-science: EPFL DC 172 kW: median 30 min, 29.3 kWh; a 60 kWh car from 30 to 80 % moves 31.6 kWh
    world = charging_world(Car(battery_kwh=60, soc_percent=30, power_w=100_000))
    full_s = world.next_change(1, 0.0)
    assert full_s is not None
    assert 18 * 60 < full_s < 40 * 60
    assert world.meter(1, full_s).register_wh == 31_578


def test_alternating_current_is_limited_by_the_onboard_charger() -> None:
    world = charging_world(Car(onboard_charger_w=7_400), connector=2)
    assert world.meter(1, 60.0).power_w == 7_400
    assert world.meter(1, 60.0).soc_percent is None  # an AC plug does not tell


def test_energy_ends_by_itself_at_the_lapse_of_the_lease_however_late_one_looks() -> None:
    world = World((SPEC,))
    world.plug_in(1, 1, Car(), 0.0)
    world.energise(1, until_s=10.0, limit_w=None, now_s=0.0)
    assert world.charging(1, 9.9).energised
    assert not world.charging(1, 10.0).energised
    assert world.meter(1, 10.0).register_wh == world.meter(1, 9_999.0).register_wh > 0


def test_a_lower_limit_takes_effect_at_once_and_no_power_is_not_the_cars_doing() -> None:
    world = charging_world(Car())
    world.energise(1, until_s=FOREVER_S, limit_w=6_000, now_s=60.0)
    assert world.meter(1, 60.0).power_w == 6_000
    world.energise(1, until_s=FOREVER_S, limit_w=0, now_s=120.0)
    assert world.meter(1, 120.0).power_w == 0
    assert not world.charging(1, 120.0).suspended_by_ev
    assert world.charging(1, 120.0).vehicle is VehicleState.CONNECTED


def test_a_fault_opens_the_contactor_and_refuses_energy_until_cleared() -> None:
    world = charging_world(Car())
    world.raise_fault(1, "UnderVoltage", 30.0)
    assert world.charging(1, 30.0).vehicle is VehicleState.FAULT
    assert not world.charging(1, 30.0).energised
    with pytest.raises(TwinRefused, match="UnderVoltage is active: clear it first"):
        world.energise(1, until_s=99.0, limit_w=None, now_s=31.0)
    world.clear_fault(1, "UnderVoltage", 32.0)
    world.energise(1, until_s=99.0, limit_w=None, now_s=33.0)
    assert world.charging(1, 34.0).vehicle is VehicleState.CHARGING


def test_a_harmless_fault_lets_energy_flow() -> None:
    world = charging_world(Car())
    world.raise_fault(1, "WeakSignal", 30.0)
    assert world.charging(1, 31.0).vehicle is VehicleState.CHARGING


def test_pulling_the_plug_stops_energy_first_and_tells_both() -> None:
    world = charging_world(Car())
    seen: list[tuple[bool, int | None]] = []

    def listener(happening: Happening) -> None:
        reading = world.charging(happening.evse, happening.at_s)
        seen.append((reading.energised, reading.connector))

    world.listen(listener)
    world.plug_out(1, 60.0)
    assert seen == [(False, 1), (False, None)]
    assert world.look(1, 60.0).occupied
    assert world.look(1, 60.0).car is not None


def test_a_power_cut_opens_the_contactor_and_keeps_car_and_register() -> None:
    world = charging_world(Car())
    before = world.meter(1, 100.0)
    world.power_cut(100.0)
    after = world.meter(1, 500.0)
    assert (after.register_wh, after.soc_percent, after.power_w) == (before.register_wh, before.soc_percent, 0)
    assert world.look(1, 500.0).plugged == 1


@pytest.mark.parametrize(
    ("mode", "occupied", "read"),
    [
        (SensorMode.HONEST, True, Occupancy.OCCUPIED),
        (SensorMode.HONEST, False, Occupancy.FREE),
        (SensorMode.STUCK_FREE, True, Occupancy.FREE),
        (SensorMode.STUCK_OCCUPIED, False, Occupancy.OCCUPIED),
        (SensorMode.UNKNOWN, True, Occupancy.UNKNOWN),
    ],
)
def test_a_sensor_reads_what_its_mode_lets_it(mode: SensorMode, occupied: bool, read: Occupancy) -> None:
    world = World((SPEC,))
    world.set_bay(1, occupied=occupied, now_s=0.0)
    world.set_sensor(1, mode, 0.0)
    assert world.bay(1, 1.0).occupancy is read


def test_a_fluttering_sensor_changes_its_mind_fifty_times_a_second() -> None:
    world = World((SPEC,))
    world.set_sensor(1, SensorMode.FLUTTER, 0.0)
    reads = [world.bay(1, 0.01 + i * 0.02).occupancy for i in range(50)]
    assert all(one is not other for one, other in itertools.pairwise(reads))


@pytest.mark.parametrize(
    "wrong",
    [{"battery_kwh": 0.0}, {"soc_percent": 101.0}, {"power_w": 0}, {"standard": ""}, {"soc_percent": float("nan")}],
)
def test_a_car_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Car(**wrong)  # type: ignore[arg-type]


def test_a_world_needs_evses_with_different_numbers() -> None:
    with pytest.raises(ValueError, match="different numbers"):
        World((SPEC, SPEC))
    with pytest.raises(ValueError, match="1 to 200 EVSEs"):
        World(())
