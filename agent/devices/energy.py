"""Keeps the contactor of one EVSE where the site wants it: a leased level, not an order.

On follows the commit, because the site is published after it. Off never waits: an order to close is withdrawn for it,
the driver opens on unplug and fault by itself, and whatever this loop does not renew opens when the lease is over.
"""

import asyncio
import contextlib

from agent.core.inputs import FaultSeen
from agent.core.layout import EvseId
from agent.core.views import energy_wanted
from agent.devices.health import Health
from agent.devices.orders import Orders
from agent.kernel.runner import Published, Runner
from drivers.clock import until_set
from drivers.ports import ChargeController, Clock, DeviceError

LEASE_S = 15.0  # how long energy flows on if the agent dies: long enough for a restart, short for a fault
RENEW_S = 5.0
ORDER_LIMIT_S = 3.0  # a contactor answers in tenths of a second; shorter than RENEW_S, so that leases go on
REFUSALS_MAX = 3  # a contactor that refuses that often in a row is a fault of the EVSE
SWITCH_FAILURE = "PowerSwitchFailure"  # OCPP 1.6 ChargePointErrorCode


class EnergyLoop:
    """The contactor of one EVSE."""

    def __init__(
        self, evse: EvseId, controller: ChargeController, *, runner: Runner, clock: Clock, health: Health
    ) -> None:
        self._evse = evse
        self._controller = controller
        self._runner = runner
        self._clock = clock
        self._health = health
        self._moved = asyncio.Event()
        self._wanted = False
        self._refusals = 0
        name = f"charge_controller-{evse}"
        self._close, self._open = (Orders(name, clock, ORDER_LIMIT_S) for _ in range(2))
        runner.listen(self._published)

    def _published(self, published: Published) -> None:
        wanted = energy_wanted(published.site, self._evse)
        if wanted is not self._wanted:
            self._wanted = wanted
            self._moved.set()
            if not wanted:
                self._close.withdraw()

    async def run(self) -> None:
        """Follow the site until cancelled, and leave the contactor open."""
        self._wanted = energy_wanted(self._runner.site, self._evse)
        try:
            while True:
                self._moved.clear()
                await self._apply()
                await until_set(self._moved, self._clock, self._clock.monotonic() + RENEW_S)
        finally:
            self._close.withdraw()
            with contextlib.suppress(DeviceError):
                await self._open.give(self._controller.de_energise)

    async def _apply(self) -> None:
        wanted = self._wanted
        try:
            if wanted:
                await self._close.give(lambda: self._controller.energise(lease_s=LEASE_S))
            else:
                await self._open.give(self._controller.de_energise)
        except DeviceError as error:
            if wanted is self._wanted:  # what was withdrawn is no refusal
                self._close.withdraw()
                self._refused(str(error))
            return
        # That opening works proves nothing about closing: without a new success the next car has to try.
        if self._refusals >= REFUSALS_MAX and (wanted or self._runner.site.evse(self._evse).plugged is None):
            self._runner.observe(FaultSeen(evse=self._evse, code=SWITCH_FAILURE, active=False))
            self._refusals = 0
        elif self._refusals < REFUSALS_MAX:
            self._refusals = 0

    def _refused(self, why: str) -> None:
        self._refusals += 1
        # One refusal is often only a plug that was pulled a moment ago: the driver knows it before the site does.
        if self._refusals >= REFUSALS_MAX:  # said again each time: the input side may have cleared it meanwhile
            self._health.lost(f"charge_controller-{self._evse}", why, self._clock.monotonic())
            self._runner.observe(FaultSeen(evse=self._evse, code=SWITCH_FAILURE, active=True))
