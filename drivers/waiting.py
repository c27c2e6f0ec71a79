"""Waiting for whichever comes first: something happens, or an instant of a clock is reached."""

import asyncio

from drivers.ports import Clock


async def happened_or_due(event: asyncio.Event, clock: Clock, instant_s: float) -> bool:
    """Return when `event` is set (True) or the clock has reached an instant (False); the event stays as it is."""
    waits = [asyncio.ensure_future(clock.until(instant_s)), asyncio.ensure_future(event.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return event.is_set()
