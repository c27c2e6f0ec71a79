"""Keeps lamps and displays showing what the site is: views in, leased outputs out.

Each output is a task of its own, so that a dead panel delays no other. What is shown is made anew when the site is
published and once a second for what counts down; it is sent when it changed or its lease runs out. What cannot be made
or shown is not shown: the lease lapses, and lamp and panel say that nothing is known. A stop clears them.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar

from agent.core.lamps import LAMPS, LampState
from agent.core.layout import EvseId
from agent.core.views import lamp_state
from agent.devices.evse_inputs import EvseDevices, Readings
from agent.devices.health import Health
from agent.devices.orders import Orders
from agent.devices.screens import Screens
from agent.kernel.runner import Published, Runner
from drivers.clock import until_set
from drivers.ports import Clock, DeviceError, LampSignal, Screen, Waveform

LAMP_LEASE_S = 12.0  # a dead agent's lamps are dark within this
DISPLAY_LEASE_S = 5.0  # `experience.md` 5: no view for 5 s and the panel says "starting"
RENEW_PART = 3  # leases are renewed when a third of them is over
TICK_S = 1.0
GAP_S = 0.1  # a burst of turns is one look: nobody sees a lamp change faster, and thirty turns a second cost a sixth
ORDER_LIMIT_S = 4.0  # shorter than the leases; a slow I2C panel takes 0.3 s
RETRY_S = 5.0  # how soon a panel that failed is tried again
CLOSE_LIMIT_S = 2.0  # within the 5 s of a stage of the stop; a panel whose bus hangs is left as it is

log = logging.getLogger("stationmaster.devices")

T = TypeVar("T", LampSignal, Screen)
T_contra = TypeVar("T_contra", LampSignal, Screen, contravariant=True)


class _Output(Protocol[T_contra]):
    """A lamp or a display."""

    async def show(self, what: T_contra, /, *, lease_s: float) -> None:
        """Show something, or renew it."""

    async def close(self) -> None:
        """Clear it."""


def lamp_signal(state: LampState) -> LampSignal:
    """Return the signal of a row of the lamp table."""
    lamp = LAMPS[state]
    return LampSignal(colour=lamp.colour, waveform=Waveform(lamp.waveform.value), second_colour=lamp.second_colour)


class Outputs:
    """The lamps and displays of the site."""

    def __init__(self, *, runner: Runner, clock: Clock, health: Health, readings: Readings, screens: Screens) -> None:
        self._runner = runner
        self._clock = clock
        self._health = health
        self._readings = readings
        self._screens = screens
        self._published: list[asyncio.Event] = []
        runner.listen(self._wake)

    def _wake(self, published: Published) -> None:
        if not published.events:
            return
        for event in self._published:
            event.set()

    def tasks(self, devices: EvseDevices) -> list[Coroutine[Any, Any, None]]:
        """Return the tasks that keep the lamp and the display of an EVSE."""
        evse = devices.evse
        tasks: list[Coroutine[Any, Any, None]] = []
        if devices.light is not None:
            light = devices.light
            tasks.append(
                self._keep(
                    f"light-{evse}",
                    lambda: self._lamp(evse),
                    light,
                    LAMP_LEASE_S,
                )
            )
        if devices.display is not None:
            display = devices.display
            tasks.append(
                self._keep(
                    f"display-{evse}",
                    lambda: self._screens.of(self._runner.site, evse, self._runner.now(), self._readings.live),
                    display,
                    DISPLAY_LEASE_S,
                )
            )
        return tasks

    def _lamp(self, evse: EvseId) -> LampSignal:
        return lamp_signal(lamp_state(self._runner.site, evse, self._runner.now(), self._readings.live.get(evse)))

    async def _keep(self, name: str, make: Callable[[], T], output: _Output[T], lease_s: float) -> None:
        """Show what `make` says, on change and before the lease is over, until cancelled; then clear it."""
        try:
            await self._renew(name, make, output, lease_s)
        finally:
            try:
                await Orders(name, self._clock, CLOSE_LIMIT_S).give(output.close)
            except DeviceError as error:
                log.warning("device=%s state=not_cleared hint=%r", name, str(error))

    async def _renew(self, name: str, make: Callable[[], T], output: _Output[T], lease_s: float) -> None:
        published = asyncio.Event()
        self._published.append(published)
        self._health.expect(name, self._clock.monotonic())
        orders = Orders(name, self._clock, ORDER_LIMIT_S)
        shown: T | None = None
        shown_s = 0.0
        while True:
            published.clear()
            now_s = self._clock.monotonic()
            try:
                wanted = self._made(name, make)
                if wanted != shown or now_s - shown_s >= lease_s / RENEW_PART:
                    await orders.give(partial(output.show, wanted, lease_s=lease_s))
                    self._health.heard(name, now_s)
                    shown, shown_s = wanted, now_s
            except DeviceError as error:
                self._health.lost(name, str(error), self._clock.monotonic())
                shown = None
                await self._clock.until(self._clock.monotonic() + RETRY_S)
            else:
                await until_set(published, self._clock, now_s + TICK_S)
                await self._clock.until(now_s + GAP_S)

    def _made(self, name: str, make: Callable[[], T]) -> T:
        try:
            return make()
        except Exception as error:  # a bug in a view darkens one output, not the site
            log.exception("device=%s state=bug", name)
            raise DeviceError(f"{name}: what to show could not be made: {error!r}: report this") from error
