"""The register that a charge is billed by is the one after its last watt-hour, not the one before."""

from types import SimpleNamespace
from typing import Any, cast

from agent.core.inputs import ContactorSeen, Observation, Unplugged
from agent.core.layout import EvseId
from agent.devices.evse_inputs import LAST_REGISTER_S, EvseDevices, EvseInputs, Readings
from agent.devices.health import Health
from drivers.ports import ChargeReading, MeterReading, VehicleState
from drivers.twin.clock import ManualClock


def inputs(clock: ManualClock) -> tuple[EvseInputs, list[Observation]]:
    """The inputs of an EVSE without devices, and what they observe."""
    seen: list[Observation] = []
    runner = SimpleNamespace(observe=seen.append, site=SimpleNamespace(evse=lambda _: SimpleNamespace(faults=())))
    made = EvseInputs(
        EvseDevices(evse=EvseId(1)),
        runner=cast(Any, runner),
        clock=clock,
        health=Health(),
        readings=Readings(),
        authoriser=cast(Any, None),
        subjects=cast(Any, None),
    )
    return made, seen


def charge(at_s: float, *, energised: bool, connector: int | None = 1) -> ChargeReading:
    """What a charge controller says."""
    vehicle = VehicleState.CHARGING if energised else VehicleState.CONNECTED
    return ChargeReading(vehicle=vehicle, connector=connector, energised=energised, suspended_by_ev=False, at_s=at_s)


def opened(seen: list[Observation]) -> list[int | None]:
    """The registers with which the contactor was seen open."""
    return [one.register_wh for one in seen if isinstance(one, ContactorSeen) and not one.energised]


async def test_opened_contactor_waits_for_the_next_reading_of_its_meter() -> None:
    one, seen = inputs(ManualClock())
    one._meter(MeterReading(register_wh=1_000, power_w=150_000, at_s=9.5))
    one._charge(charge(9.6, energised=True))
    one._charge(charge(10.0, energised=False))
    one._charge(charge(10.0, energised=False, connector=None))
    assert opened(seen) == []
    one._meter(MeterReading(register_wh=1_020, power_w=0, at_s=10.0))
    assert opened(seen) == [1_020, 1_020]
    assert [o.register_wh for o in seen if isinstance(o, Unplugged)] == [1_020]


async def test_silent_meter_is_waited_for_only_so_long() -> None:
    clock = ManualClock()
    one, seen = inputs(clock)
    one._meter(MeterReading(register_wh=1_000, power_w=150_000, at_s=0.0))
    one._charge(charge(0.5, energised=True))
    one._charge(charge(1.0, energised=False))
    await clock.advance(0.9 + LAST_REGISTER_S)
    assert opened(seen) == []
    await clock.advance(0.2)
    assert opened(seen) == [1_000]


async def test_contactor_without_power_opens_at_once() -> None:
    one, seen = inputs(ManualClock())
    one._meter(MeterReading(register_wh=1_000, power_w=0, at_s=0.0))
    one._charge(charge(0.5, energised=True))
    one._charge(charge(1.0, energised=False))
    assert opened(seen) == [1_000]
