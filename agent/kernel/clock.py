"""The location's clock: elapsed milliseconds that go on where the journal ended, and the wall clock while trusted.

The elapsed clock ignores steps of the wall clock and the time the agent was down. It is built over the `Clock` port of
the drivers, so that the twin's scaled clock and the fake clock of tests drive the whole agent. Nothing else reads time.
"""

import asyncio
import ctypes
import time
from collections.abc import Callable
from pathlib import Path

from agent.core.layout import Now
from drivers.clock import until_set
from drivers.ports import Clock

_NTP_DONE = Path("/run/systemd/timesync/synchronized")  # systemd-timesyncd(8) creates it at the first synchronisation
_TIMEX_BYTES = 512  # more than a struct timex of any architecture (208 on 64 bits)
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


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


class WallClock:
    """The wall clock of a machine, None while it cannot be trusted.

    Trusted is what the time service synchronised since boot (`trust` "auto"), or the machine's clock as it is
    ("always": it has a battery, or is a developer's). Until then the time that the CSMS told is used.
    """

    def __init__(self, monotonic: Callable[[], float], trust: str = "auto", earliest_ms: int = 0) -> None:
        self._monotonic = monotonic
        self._trust = trust
        self._earliest_ms = earliest_ms  # the last event's time: a clock before it is wrong
        self._told: tuple[int, float] | None = None
        self._synchronised = False

    def __call__(self) -> int | None:
        """Return UTC milliseconds, or None."""
        now_ms = time.time_ns() // 1_000_000
        # Once is enough: the kernel forgets after some nine hours without network, a clock is good for much longer.
        self._synchronised = self._synchronised or self._trust == "always" or synchronised()
        if now_ms >= self._earliest_ms and self._synchronised:
            return now_ms
        if self._told is None:
            return None
        told_ms, at_s = self._told
        return told_ms + round((self._monotonic() - at_s) * 1000)

    def told(self, utc_ms: int) -> None:
        """Take the time that the CSMS gave; a time before the last event is not believed."""
        if utc_ms >= self._earliest_ms:
            self._told = (utc_ms, self._monotonic())


def synchronised() -> bool:
    """Return whether a time service has set this machine's clock: systemd-timesyncd says so, or the kernel does."""
    if _NTP_DONE.exists():
        return True
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):  # not Linux, or forbidden
        return False
    return 0 <= state < _TIME_ERROR
