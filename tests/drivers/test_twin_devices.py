"""The twin behind the ports: what is reported, when, and what falls back by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from drivers.ports import (
    LAMP_OFF,
    BayReading,
    BaySensor,
    ChargeController,
    ChargeReading,
    DeviceError,
    Display,
    Face,
    FaultReading,
    LampSignal,
    Meter,
    Occupancy,
    Screen,
    StatusLight,
    TokenReader,
    VehicleState,
    Waveform,
)
from drivers.twin.clock import ManualClock, ScaledClock
from drivers.twin.control import Ev
from drivers.twin.site import TwinSite
from drivers.twin.state import SensorMode, lamp_shown
from drivers.twin.world import ConnectorSpec, EvseSpec, TwinRefused

SPECS = (
    EvseSpec(evse=1, connectors=(ConnectorSpec(connector=1, standard="IEC_62196_T2_COMBO", power_w=150_000),)),
    EvseSpec(evse=2, connectors=(ConnectorSpec(connector=1, standard="CHADEMO", power_w=50_000),), has_bay=False),
)
GREEN = LampSignal(colour="#00e68c", waveform=Waveform.STEADY)
SCREEN = Screen(faces=(Face(big="K7", lines=("held 3:00",)),))
R = TypeVar("R")


def site() -> tuple[TwinSite, ManualClock]:
    clock = ManualClock(start_s=1000.0)
    return TwinSite(SPECS, clock), clock


@asynccontextmanager
async def listening(
    run: Callable[[Callable[[R], None]], Coroutine[None, None, None]], clock: ManualClock
) -> AsyncIterator[list[R]]:
    """Run a device and collect what it reports."""
    seen: list[R] = []
    task = asyncio.create_task(run(seen.append))
    await clock.settle()
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def charges(seen: list[ChargeReading | FaultReading]) -> list[tuple[str, int | None, bool, bool]]:
    return [
        (r.vehicle.value, r.connector, r.energised, r.suspended_by_ev) for r in seen if isinstance(r, ChargeReading)
    ]


def test_the_devices_of_the_twin_are_the_ports() -> None:
    twin, _ = site()
    ports: tuple[BaySensor, ChargeController, Meter, TokenReader, StatusLight, Display] = (
        twin.bay_sensor(1),
        twin.charge_controller(1),
        twin.meter(1),
        twin.token_reader(1),
        twin.status_light(1),
        twin.display(1),
    )  # mypy checks the shapes
    assert len({type(port) for port in ports}) == 6
    with pytest.raises(TwinRefused, match="no bay sensor"):
        twin.bay_sensor(2)
    with pytest.raises(TwinRefused, match="no EVSE 9"):
        twin.meter(9)


async def test_a_bay_sensor_reports_at_once_and_repeats_itself_every_ten_seconds() -> None:
    twin, clock = site()
    async with listening(twin.bay_sensor(1).run, clock) as seen:
        twin.control.drive_in(1)
        assert [(r.occupancy, r.at_s) for r in seen] == [(Occupancy.FREE, 1000.0), (Occupancy.OCCUPIED, 1000.0)]
        await clock.advance(25)
        assert [r.at_s for r in seen[2:]] == [1010.0, 1020.0]
        twin.control.drive_off(1)
        assert (seen[-1].occupancy, seen[-1].at_s) == (Occupancy.FREE, 1025.0)


async def test_a_silent_sensor_reports_nothing_until_it_is_honest_again() -> None:
    twin, clock = site()
    async with listening(twin.bay_sensor(1).run, clock) as seen:
        twin.control.sensor_mode(1, SensorMode.SILENT)
        twin.control.drive_in(1)
        await clock.advance(60)
        assert len(seen) == 1
        twin.control.sensor_mode(1, SensorMode.HONEST)
        assert (seen[-1].occupancy, seen[-1].at_s) == (Occupancy.OCCUPIED, 1060.0)


async def test_a_lost_sensor_ends_with_a_device_error() -> None:
    twin, clock = site()
    seen: list[BayReading] = []
    task = asyncio.create_task(twin.bay_sensor(1).run(seen.append))
    await clock.settle()
    twin.control.sensor_mode(1, SensorMode.LOST)
    with pytest.raises(DeviceError, match="twin-bay-1: the simulated sensor is lost"):
        await task


async def test_a_fluttering_sensor_reports_every_edge() -> None:
    twin, clock = site()
    twin.control.sensor_mode(1, SensorMode.FLUTTER)
    async with listening(twin.bay_sensor(1).run, clock) as seen:
        await clock.advance(1.0)
        assert 45 <= len(seen) <= 52


async def test_a_charge_is_told_from_plug_to_full() -> None:
    twin, clock = site()
    controller = twin.charge_controller(1)
    async with listening(controller.run, clock) as seen:
        twin.control.plug_in(1, 1, Ev(soc_percent=79.9))
        await controller.energise(lease_s=600)
        assert charges(seen) == [("A", None, False, False), ("B", 1, False, False), ("C", 1, True, False)]
        await clock.advance(120)
        assert charges(seen)[-1] == ("B", 1, True, True)
        await controller.de_energise()
        await controller.de_energise()
        assert charges(seen)[-1] == ("B", 1, False, False)
        twin.control.plug_out(1)
        assert charges(seen)[-1] == ("A", None, False, False)


async def test_energy_goes_off_by_itself_when_the_lease_is_not_renewed() -> None:
    twin, clock = site()
    controller = twin.charge_controller(1)
    async with listening(controller.run, clock) as seen:
        twin.control.plug_in(1)
        await controller.energise(lease_s=5)
        await clock.advance(4)
        await controller.energise(lease_s=5)
        await clock.advance(4.5)
        assert charges(seen)[-1] == ("C", 1, True, False)
        await clock.advance(0.5)
        assert charges(seen)[-1] == ("B", 1, False, False)
        assert seen[-1].at_s == 1009.0
        await controller.energise(lease_s=100)
        await controller.energise(lease_s=1)  # a shorter lease counts too
        await clock.advance(1)
        assert charges(seen)[-1] == ("B", 1, False, False)


async def test_plugging_out_under_energy_reports_the_stop_before_the_plug() -> None:
    twin, clock = site()
    controller = twin.charge_controller(1)
    async with listening(controller.run, clock) as seen:
        twin.control.plug_in(1)
        await controller.energise(lease_s=60)
        twin.control.plug_out(1)
        assert charges(seen)[-3:] == [("C", 1, True, False), ("B", 1, False, False), ("A", None, False, False)]


async def test_quick_deeds_between_two_turns_lose_no_edge() -> None:
    twin, clock = site()
    async with listening(twin.charge_controller(1).run, clock) as seen:
        for _ in range(3):
            twin.control.plug_in(1)
            twin.control.plug_out(1)
            twin.control.fault(1, "UnderVoltage")
            twin.control.clear(1, "UnderVoltage")
        faults = [(r.code, r.active) for r in seen if isinstance(r, FaultReading)]
        assert faults == [("UnderVoltage", True), ("UnderVoltage", False)] * 3
        assert [c[0] for c in charges(seen)] == ["A"] + ["B", "A", "F", "A"] * 3


async def test_energy_without_a_car_is_a_device_error_that_says_why() -> None:
    twin, _ = site()
    with pytest.raises(DeviceError, match="twin-evse-1: cannot energise EVSE 1: nothing is plugged in"):
        await twin.charge_controller(1).energise(lease_s=5)


async def test_unlocking_stops_energy_and_fails_while_the_lock_is_broken() -> None:
    twin, _ = site()
    controller = twin.charge_controller(1)
    twin.control.plug_in(1)
    await controller.energise(lease_s=60)
    assert await controller.unlock(1)
    assert not twin.world.charging(1, 1000.0).energised
    twin.control.fault(1, "ConnectorLockFailure")
    assert not await controller.unlock(1)
    with pytest.raises(DeviceError, match="no connector 7"):
        await controller.unlock(7)


async def test_a_meter_reads_every_second_while_energised_and_seldom_otherwise() -> None:
    twin, clock = site()
    controller = twin.charge_controller(1)
    async with listening(twin.meter(1).run, clock) as seen:
        await clock.advance(20)
        assert [r.at_s for r in seen] == [1000.0, 1010.0, 1020.0]
        twin.control.plug_in(1, 1, Ev(soc_percent=40, power_w=60_000))
        await controller.energise(lease_s=60)
        del seen[:]
        await clock.advance(5)
        assert [(r.at_s, r.register_wh, r.power_w) for r in seen] == [
            (1021.0, 16, 60_000),
            (1022.0, 33, 60_000),
            (1023.0, 50, 60_000),
            (1024.0, 66, 60_000),
            (1025.0, 83, 60_000),
        ]
        assert seen[-1].soc_percent == 40
        twin.control.fault(1, "PowerMeterFailure")
        del seen[:]
        await clock.advance(30)
        assert seen == []


async def test_a_reader_reports_each_presentation_once_and_only_at_its_evse() -> None:
    twin, clock = site()
    async with listening(twin.token_reader(1).run, clock) as seen:
        twin.control.swipe(1, "DEADBEEF")
        twin.control.swipe(1, "DEADBEEF")
        twin.control.swipe(2, "CAFE", "ISO15693")
        assert [(r.id_token, r.kind) for r in seen] == [("DEADBEEF", "ISO14443")] * 2


async def test_lamp_and_screen_fall_back_when_their_lease_lapses() -> None:
    twin, clock = site()
    await twin.status_light(1).show(GREEN, lease_s=5)
    await twin.display(1).show(SCREEN, lease_s=5)
    await clock.advance(4.9)
    state = twin.world.look(1, clock.monotonic())
    assert lamp_shown(state) == GREEN
    assert state.screen is not None
    assert state.screen.value == SCREEN
    await clock.advance(0.1)
    state = twin.world.look(1, clock.monotonic())
    assert lamp_shown(state) == LAMP_OFF
    assert state.screen is None
    with pytest.raises(ValueError, match="lease_s must be above 0"):
        await twin.status_light(1).show(GREEN, lease_s=0)


async def test_a_limit_below_the_cars_wish_is_kept() -> None:
    twin, clock = site()
    controller = twin.charge_controller(1)
    twin.control.plug_in(1)
    await controller.energise(lease_s=60, limit_w=11_000)
    assert twin.world.meter(1, clock.monotonic()).power_w == 11_000
    assert twin.world.charging(1, clock.monotonic()).vehicle is VehicleState.CHARGING


async def test_a_lease_lasts_as_long_for_the_agent_however_fast_the_twin_runs() -> None:
    clock = ScaledClock(600)
    twin = TwinSite(SPECS, clock)
    twin.control.plug_in(1)
    start_s = clock.monotonic()
    await twin.charge_controller(1).energise(lease_s=10)
    await twin.status_light(1).show(GREEN, lease_s=10)
    assert twin.world.charging(1, start_s + 5_999).energised
    assert lamp_shown(twin.world.look(1, start_s + 5_999)) == GREEN
    clock.set_rate(1)
    now_s = clock.monotonic()
    await twin.charge_controller(1).energise(lease_s=10)
    assert not twin.world.charging(1, now_s + 60).energised


async def test_a_lease_given_before_time_ran_faster_or_slower_lasts_as_long_for_the_agent() -> None:
    clock = ScaledClock(1)
    twin = TwinSite(SPECS, clock)
    twin.control.plug_in(1)
    await twin.charge_controller(1).energise(lease_s=10)
    await twin.status_light(1).show(GREEN, lease_s=10)
    await twin.display(1).show(SCREEN, lease_s=10)
    clock.set_rate(600)
    later_s = clock.monotonic() + 5_000
    state = twin.world.look(1, later_s)
    assert twin.world.charging(1, later_s).energised
    assert (lamp_shown(state), state.screen is None) == (GREEN, False)
    clock.set_rate(1)
    later_s = clock.monotonic() + 60
    state = twin.world.look(1, later_s)
    assert not twin.world.charging(1, later_s).energised
    assert (lamp_shown(state), state.screen) == (LAMP_OFF, None)


async def test_the_next_car_that_has_what_it_wants_is_known_beforehand() -> None:
    twin, clock = site()
    assert twin.world.next_full(clock.monotonic()) is None
    twin.control.plug_in(1, ev=Ev(soc_percent=20, target_soc_percent=30))
    await twin.charge_controller(1).energise(lease_s=36_000)
    full_s = twin.world.next_full(clock.monotonic())
    assert full_s is not None
    assert not twin.world.charging(1, full_s - 1).suspended_by_ev
    assert twin.world.charging(1, full_s + 0.001).suspended_by_ev
    assert twin.world.next_full(full_s) is None
