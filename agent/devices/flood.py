"""The limit of readings: a device or driver that never stops talking is lost, like one that never answers.

Decides nothing about what is read. Supervision starts such a device again with back-off; the others keep their share.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from drivers.ports import Clock, DeviceError

READINGS_MAX = 500  # in SPAN_S; a contact that flutters at 50 Hz makes 100, and the bay filter needs to see them
SPAN_S = 1.0

T = TypeVar("T")


Run = Callable[[Callable[[T], None]], Coroutine[Any, Any, None]]
"""A driver's task: it reports readings until it is cancelled."""


async def limited(name: str, run: Run[T], report: Callable[[T], None], clock: Clock) -> None:
    """Run a driver's task as `run(report)`; DeviceError when it reports more than READINGS_MAX in SPAN_S."""
    flooded = asyncio.Event()
    began_s, count = clock.monotonic(), 0

    def counted(reading: T) -> None:
        nonlocal began_s, count
        now_s = clock.monotonic()
        if now_s - began_s >= SPAN_S:
            began_s, count = now_s, 0
        count += 1
        if count > READINGS_MAX:
            flooded.set()
        else:
            report(reading)

    running = asyncio.ensure_future(run(counted))
    too_many = asyncio.ensure_future(flooded.wait())
    try:
        await asyncio.wait((running, too_many), return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            raise DeviceError(f"{name}: more than {READINGS_MAX} readings in {SPAN_S:g} s: check its wiring")
        await running
    finally:
        for task in (running, too_many):
            task.cancel()
        await asyncio.gather(running, too_many, return_exceptions=True)
