"""The location's clock: elapsed milliseconds that go on where the journal ended, and the wall clock while trusted.

The elapsed clock ignores steps of the wall clock and the time the agent was down. It is built over the `Clock` port of
the drivers, so that the twin's scaled clock and the fake clock of tests drive the whole agent. Nothing else reads time.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from agent.core.layout import Now
from drivers.clock import until_set
from drivers.ports import Clock

_NTP_DONE = Path("/run/systemd/timesync/synchronized")  # systemd-timesyncd(8) creates it at the first synchronisation


class LocationClock:
    """Elapsed time of one location over a `Clock` port, from where the journal ended.

    `wall` returns the wall clock in UTC milliseconds, or None while it is untrusted.
    """

    def __init__(self, base: Clock, start_elapsed_ms: int, wall: Callable[[], int | None]) -> None:
        self._base = base
        self._wall = wall
        self._zero_ms = start_elapsed_ms - round(base.monotonic() * 1000)

    def now(self) -> Now:
        """Return the instant that holds now on both clocks."""
        return Now(self._zero_ms + round(self._base.monotonic() * 1000), self._wall())

    def elapsed_at(self, monotonic_s: float) -> int:
        """Return the elapsed milliseconds of an instant a driver gave on the `Clock` port."""
        return self._zero_ms + round(monotonic_s * 1000)

    async def until(self, elapsed_ms: int) -> None:
        """Return when an elapsed instant is reached."""
        await self._base.until((elapsed_ms - self._zero_ms) / 1000)

    async def until_set(self, event: asyncio.Event, elapsed_ms: int | None) -> None:
        """Return when the event is set, or when an elapsed instant (None: never) is reached."""
        if elapsed_ms is None:
            await event.wait()
        else:
            await until_set(event, self._base, (elapsed_ms - self._zero_ms) / 1000)


def system_wall(trust: str = "auto", earliest_ms: int = 0) -> Callable[[], int | None]:
    """Return a wall clock that is None while it cannot be trusted.

    `trust` is "auto" (trusted once the time service has synchronised since boot) or "always" (a machine with an RTC of
    its own, or a developer's). A wall clock before `earliest_ms`, the last event's time, is never trusted.
    """

    def wall() -> int | None:
        now_ms = time.time_ns() // 1_000_000
        if now_ms < earliest_ms or (trust == "auto" and not _NTP_DONE.exists()):
            return None
        return now_ms

    return wall
