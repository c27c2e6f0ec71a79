"""The clock of real drivers: the machine's monotonic time; and a wait for either an instant or a deed."""

import asyncio
import time

from drivers.ports import Clock


class MachineClock:
    """`drivers.ports.Clock` over `time.monotonic`; for hardware, which does not run faster than the wall."""

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def until(self, monotonic_s: float) -> None:
        """Return when the machine's monotonic time has reached the given instant."""
        while (left_s := monotonic_s - time.monotonic()) > 0:  # noqa: ASYNC110 - only time ends this wait
            await asyncio.sleep(left_s)


async def until_set(event: asyncio.Event, clock: Clock, instant_s: float) -> None:
    """Return when the event is set or the instant is reached, whichever comes first."""
    waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.until(instant_s))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
