"""A meter that falls silent: what it said last is not shown as what flows now."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from device_fixtures import EVSE, bench

from agent.core.shown import Reading
from agent.devices.bay_filter import STALE_S
from agent.devices.evse_inputs import EvseDevices, EvseInputs, Readings
from agent.devices.health import Health
from drivers.ports import READING_REPEAT_S, MeterReading


class Meter:
    """A meter that speaks when the test says so."""

    def __init__(self) -> None:
        self.report: Callable[[MeterReading], None] = lambda _: None

    async def run(self, report: Callable[[MeterReading], None]) -> None:
        """Hand the way to report to the test."""
        self.report = report
        await asyncio.Event().wait()


async def test_power_and_state_of_charge_are_unknown_after_three_missed_readings_and_the_register_stands(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as here:
        readings, meter = Readings(), Meter()
        inputs = EvseInputs(
            EvseDevices(evse=EVSE, meter=meter),
            runner=here.runner,
            clock=here.clock,
            health=Health(),
            readings=readings,
            authoriser=cast(Any, None),
            subjects=cast(Any, None),
        )
        for work in inputs.tasks():
            here.start(work)
        await here.clock.settle()
        assert readings.live == {}
        for _ in range(4):
            await here.clock.advance(READING_REPEAT_S)
            meter.report(MeterReading(register_wh=700, power_w=7, soc_percent=41, at_s=here.clock.monotonic()))
            assert readings.live[EVSE] == Reading(power_w=7, register_wh=700, soc_percent=41)
        await here.clock.advance(STALE_S)
        assert readings.live[EVSE] == Reading(power_w=7, register_wh=700, soc_percent=41)
        await here.clock.advance(STALE_S / 2)
        assert readings.live[EVSE] == Reading(power_w=None, register_wh=700)
