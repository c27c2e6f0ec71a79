"""Orders to one output device: one at a time, each with a time limit, every failure a `DeviceError`.

A device that hangs, or a driver with a bug, stops neither the loop that orders nor anything else. An order that hangs
is not repeated beside itself: a thread stuck in a bus cannot be ended, and a second would be stuck like the first.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from drivers.ports import Clock, DeviceError

log = logging.getLogger("stationmaster.devices")


class Orders:
    """What is ordered of one device; `limit_s` by the device clock."""

    def __init__(self, name: str, clock: Clock, limit_s: float) -> None:
        self._name = name
        self._clock = clock
        self._limit_s = limit_s
        self._running: asyncio.Future[Any] | None = None

    async def give(self, order: Callable[[], Awaitable[object]]) -> None:
        """Return when the device has done it; DeviceError when it failed, hangs, or was withdrawn."""
        if self._running is not None and not self._running.done():
            raise DeviceError(f"{self._name}: still hangs in an order: check its bus and power")
        running = self._running = asyncio.ensure_future(_started(order))
        running.add_done_callback(_heard)
        limit = asyncio.ensure_future(self._clock.until(self._clock.monotonic() + self._limit_s))
        try:
            await asyncio.wait((running, limit), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            running.cancel()
            raise
        finally:
            limit.cancel()
        if not running.done():
            raise DeviceError(f"{self._name}: no answer within {self._limit_s:g} s: check its bus and power")
        self._judge(running)

    def withdraw(self) -> None:
        """Stop an order that is under way, as far as its driver lets us."""
        if self._running is not None:
            self._running.cancel()

    def _judge(self, done: "asyncio.Future[Any]") -> None:
        if done.cancelled():
            raise DeviceError(f"{self._name}: the order was withdrawn")
        error = done.exception()
        if error is None or isinstance(error, DeviceError):
            if error is not None:
                raise error
            return
        log.error("device=%s state=bug", self._name, exc_info=error)
        raise DeviceError(f"{self._name}: the driver failed with {error!r}: report this to its author") from error


async def _started(order: Callable[[], Awaitable[object]]) -> None:
    await order()


def _heard(done: "asyncio.Future[Any]") -> None:
    """Take note of the end of an order that nobody waits for any more."""
    if not done.cancelled():
        done.exception()
