"""The clock of real drivers: the machine's monotonic time at the machine's pace."""

import asyncio
import time


class MachineClock:
    """`drivers.ports.Clock` over `time.monotonic`; for hardware, which does not run faster than the wall."""

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()

    async def until(self, monotonic_s: float) -> None:
        """Return when the machine's monotonic time has reached the given instant."""
        while (left_s := monotonic_s - time.monotonic()) > 0:  # noqa: ASYNC110 - only time ends this wait
            await asyncio.sleep(left_s)
