"""The location's clock: elapsed milliseconds that go on where the journal ended, and the wall clock while trusted.

The elapsed clock ignores steps of the wall clock and the time the agent was down. It is built over the `Clock` port of
the drivers, so that the twin's scaled clock and the fake clock of tests drive the whole agent. Nothing else reads time.
"""

import asyncio
import ctypes
import logging
import time
from collections.abc import Callable
from pathlib import Path

from agent.core.layout import Now
from drivers.clock import until_set
from drivers.ports import Clock

log = logging.getLogger("stationmaster.clock")

RELEASED_UTC_MS = 1_793_491_200_000  # 2026-11-01: a clock that reads less is wrong, this code was not written yet
AGREE_MS = 60_000  # sources that differ by less agree: a time service may set a clock back by seconds
HINT = "set this machine's clock; if it is right and the journal's last event is not, run once with --trust-clock"
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

    def monotonic_at(self, elapsed_ms: int) -> float:
        """Return the instant on the `Clock` port of some elapsed milliseconds."""
        return (elapsed_ms - self._zero_ms) / 1000

    async def until(self, elapsed_ms: int) -> None:
        """Return when an elapsed instant is reached."""
        await self._base.until(self.monotonic_at(elapsed_ms))

    async def until_set(self, event: asyncio.Event, elapsed_ms: int | None) -> None:
        """Return when the event is set, or when an elapsed instant (None: never) is reached."""
        if elapsed_ms is None:
            await event.wait()
        else:
            await until_set(event, self._base, self.monotonic_at(elapsed_ms))


class WallClock:
    """The wall clock of a machine, None while it cannot be trusted.

    Trusted is what the time service synchronised since boot (`trust` "auto"), or the machine's clock as it is
    ("always": it has a battery, or is a developer's). Until then the time that the CSMS told is used. Neither is
    believed when it is earlier than this release, or than what was trusted and written down before: time does not run
    backwards. Only when both agree with each other was the record wrong.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        trust: str = "auto",
        last_utc_ms: int | None = None,
        *,
        machine_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`last_utc_ms` is the time of the last event in the journal that has one."""
        self._monotonic = monotonic
        self._machine_ms = machine_ms
        self._trust = trust
        self._last_ms = last_utc_ms or 0
        self._told: tuple[int, float] | None = None
        self._synchronised = False
        self._behind = False

    def __call__(self) -> int | None:
        """Return UTC milliseconds, or None."""
        now_ms = self._machine_ms()
        if self._is_set():
            behind = not self._credible(now_ms)
            if behind and not self._behind:
                latest_ms = max(self._last_ms, RELEASED_UTC_MS)
                log.error("clock=untrusted behind_s=%d hint=%r", (latest_ms - now_ms) // 1000, HINT)
            self._behind = behind
            if not behind:
                self._last_ms = max(self._last_ms, now_ms)
                return now_ms
        if self._told is None:
            return None
        told_ms, at_s = self._told
        return told_ms + round((self._monotonic() - at_s) * 1000)

    def told(self, utc_ms: int) -> None:
        """Take the time that the CSMS gave; one before what was known is not believed, unless the machine agrees."""
        if utc_ms >= RELEASED_UTC_MS and self._is_set() and abs(self._machine_ms() - utc_ms) <= AGREE_MS:
            self._last_ms = utc_ms
        if self._credible(utc_ms):
            self._told = (utc_ms, self._monotonic())

    def _is_set(self) -> bool:
        # Once is enough: the kernel forgets after some nine hours without network, a clock is good for much longer.
        self._synchronised = self._synchronised or self._trust == "always" or synchronised()
        return self._synchronised

    def _credible(self, utc_ms: int) -> bool:
        return utc_ms >= max(RELEASED_UTC_MS, self._last_ms - AGREE_MS)


def synchronised() -> bool:
    """Return whether a time service has set this machine's clock: systemd-timesyncd says so, or the kernel does."""
    if _NTP_DONE.exists():
        return True
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):  # not Linux, or forbidden
        return False
    return 0 <= state < _TIME_ERROR
