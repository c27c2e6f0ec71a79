"""Keeps the wait forecast fresh: computed in a thread from the immutable Site, off the event loop.

A view: nothing here is stored. The core records only what was quoted at check-in. A forecast that fails is a wait that
is not known; it stops nobody.
"""

import asyncio
import logging
from collections.abc import Callable

from agent.core.forecast import forecast as forecast_by_matching
from agent.core.layout import Now
from agent.core.shown import NO_WAITS, Waits
from agent.core.state import Site
from agent.kernel.runner import Published, Runner
from drivers.clock import until_set
from drivers.ports import Clock

log = logging.getLogger("stationmaster.forecasts")

REFRESH_S = 30.0  # waits shrink by themselves: a figure older than this is visibly wrong
LEAST_GAP_S = 1.0  # a burst of check-ins is one forecast
REST = 19  # times as long as a forecast took comes none: so they take a twentieth of a core at most


class Forecasts:
    """The latest waits of a running site."""

    def __init__(
        self, runner: Runner, clock: Clock, forecast: Callable[[Site, Now], Waits] = forecast_by_matching
    ) -> None:
        self._forecast = forecast
        self._failing = False
        self._runner = runner
        self._clock = clock
        self._moved = asyncio.Event()
        self.waits: Waits = NO_WAITS
        runner.listen(self._published)

    def _published(self, published: Published) -> None:
        if published.events:
            self._moved.set()

    async def run(self) -> None:
        """Forecast after each change and now and then, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._moved.clear()
            site, now = self._runner.site, self._runner.now()
            began_s, loop_s = self._clock.monotonic(), loop.time()
            if site.location is not None:
                self.waits = await self._made(site, now)
            await asyncio.sleep((loop.time() - loop_s) * REST)
            await until_set(self._moved, self._clock, began_s + REFRESH_S)
            await self._clock.until(began_s + LEAST_GAP_S)

    async def _made(self, site: Site, now: Now) -> Waits:
        try:
            waits = await asyncio.to_thread(self._forecast, site, now)
        except Exception:
            if not self._failing:  # once, not twice a minute
                log.exception("forecast=failed")
            self._failing = True
            return NO_WAITS
        self._failing = False
        return waits
