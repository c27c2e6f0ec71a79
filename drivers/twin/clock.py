"""Clocks of the twin: one that runs at a multiple of the wall's pace, and one that only a test moves.

Both implement `drivers.ports.Clock`. Neither ever steps back.
"""

import asyncio
import heapq
import itertools
import time

RATE_MAX = 3600.0  # an hour a second; beyond it a lease is shorter than one turn of the event loop
WAKE_S = 0.02  # a sleeper is woken at most this often in real time, or 600x would eat a core with readings
YIELDS = 25  # turns of the loop that a woken task gets before a manual clock moves on; nothing here chains deeper


class ScaledClock:
    """Time that runs `rate` times as fast as the machine's, can be paused and skipped forward, and stays continuous."""

    def __init__(self, rate: float = 1.0) -> None:
        """Start at the machine's monotonic instant; ValueError for a rate outside 0 to 3600 (0 is paused)."""
        self._rate = _checked(rate)
        self._real_s = time.monotonic()
        self._base_s = self._real_s
        self._resume_rate = self._rate or 1.0
        self._changed = asyncio.Event()

    @property
    def rate(self) -> float:
        """Return how many clock seconds pass in a real one; 0 while paused."""
        return self._rate

    def monotonic(self) -> float:
        """Return clock seconds; continuous over changes of the rate."""
        return self._at(time.monotonic())

    def set_rate(self, rate: float) -> None:
        """Run at another rate from now on; ValueError outside 0 to 3600."""
        self._rebase(_checked(rate), skip_s=0.0)

    def pause(self) -> None:
        """Stop time; whoever waits goes on waiting."""
        self._rebase(0.0, skip_s=0.0)

    def resume(self) -> None:
        """Let time go on at the rate it had before the pause."""
        self._rebase(self._resume_rate, skip_s=0.0)

    def skip(self, seconds: float) -> None:
        """Jump forward, e.g. to the next event; ValueError for a jump back."""
        if not seconds >= 0:
            raise ValueError(f"time cannot go back: skip {seconds!r} s")
        self._rebase(self._rate, skip_s=seconds)

    async def until(self, monotonic_s: float) -> None:
        """Return when `monotonic()` has reached the given instant, also when rate or pause change meanwhile."""
        while (left_s := monotonic_s - self.monotonic()) > 0:
            changed = self._changed
            try:
                async with asyncio.timeout(max(WAKE_S, left_s / self._rate) if self._rate else None):
                    await changed.wait()
            except TimeoutError:
                continue

    def _at(self, real_s: float) -> float:
        return self._base_s + (real_s - self._real_s) * self._rate

    def _rebase(self, rate: float, *, skip_s: float) -> None:
        real_s = time.monotonic()
        self._base_s, self._real_s = self._at(real_s) + skip_s, real_s
        self._resume_rate = rate or self._resume_rate
        self._rate = rate
        self._changed.set()
        self._changed = asyncio.Event()


class ManualClock:
    """Time that stands still until `advance`; for tests."""

    def __init__(self, start_s: float = 0.0) -> None:
        """Start at the given second."""
        self._now_s = start_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        """Return the second that `advance` has reached."""
        return self._now_s

    async def until(self, monotonic_s: float) -> None:
        """Return when `advance` has reached the given instant."""
        if monotonic_s <= self._now_s:
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (monotonic_s, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Move forward, stopping at each instant somebody waits for and letting them run there."""
        goal_s = self._now_s + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= goal_s:
            instant_s, _, woken = heapq.heappop(self._sleepers)
            self._now_s = max(self._now_s, instant_s)
            if not woken.done():
                woken.set_result(None)
                await self.settle()
        self._now_s = goal_s

    async def settle(self) -> None:
        """Let every ready task run until it waits again."""
        for _ in range(YIELDS):
            await asyncio.sleep(0)


def _checked(rate: float) -> float:
    if not 0 <= rate <= RATE_MAX:
        raise ValueError(f"a clock rate must be from 0 to {RATE_MAX:g}, not {rate!r}")
    return float(rate)
