"""Forecasts are views: they take what is left of the processor, and no more than their part of it."""

import asyncio
import time
from pathlib import Path

from kernel_fixtures import running
from shared_fixtures import open_journal

from agent.core.layout import Now
from agent.core.shown import NO_WAITS, Waits
from agent.core.state import Site
from agent.kernel.forecasts import REFRESH_S, REST, Forecasts
from drivers.twin.clock import ManualClock

WORK_S = 0.02
PATIENCE_S = 60.0


async def test_no_forecast_comes_before_a_rest_many_times_as_long_as_the_last_one_took(tmp_path: Path) -> None:
    began_s: list[float] = []

    def work(_: Site, __: Now) -> Waits:
        began_s.append(time.monotonic())
        while time.monotonic() < began_s[-1] + WORK_S:
            pass
        return NO_WAITS

    journal, clock = open_journal(tmp_path), ManualClock()
    async with running(journal, clock) as runner, asyncio.timeout(PATIENCE_S):
        forecasting = asyncio.ensure_future(Forecasts(runner, clock, work).run())
        while len(began_s) < 2:
            await clock.advance(REFRESH_S)
        forecasting.cancel()
        await asyncio.wait([forecasting])
    journal.close()
    assert began_s[1] - began_s[0] >= WORK_S * REST
