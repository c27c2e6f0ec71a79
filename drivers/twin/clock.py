"""Clocks of the twin: one that runs at a multiple of the wall's pace, and one that only a test moves.

Both implement `drivers.ports.Clock`. Neither ever steps back. The wall clock of a simulated location does, when told.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable

from drivers.ports import Clock

RATE_MAX = 3600.0  # an hour a second; beyond it a lease is shorter than one turn of the event loop
AHEAD_RATE = 600.0  # ten minutes a second: the fastest at which a sensor's silence of 30 s is not only a busy machine
WAKE_S = 0.02  # a sleeper is woken at most this often in real time, or 600x would eat a core with readings
YIELDS = 25  # turns of the loop that a woken task gets before a manual clock moves on; nothing here chains deeper


class ScaledClock:
    """Time that runs `rate` times as fast as the machine's, can be paused and run ahead, and stays continuous."""

    def __init__(self, rate: float = 1.0) -> None:
        """Start at the machine's monotonic instant; ValueError for a rate outside 0 to 3600 (0 is paused)."""
        self._rate = _checked(rate)
        self._real_s = time.monotonic()
        self._base_s = self._real_s
        self._resume_rate = self._rate or 1.0
        self._goal_s: float | None = None  # where running ahead ends
        self._after_rate = self._rate  # and at which rate time goes on from there
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[float, float], None]] = []

    @property
    def rate(self) -> float:
        """Return how many clock seconds pass in a real one; 0 while paused."""
        self._arrive(time.monotonic())
        return self._rate

    @property
    def rate_before_pause(self) -> float:
        """Return the rate at which time goes on when it is neither paused nor running ahead."""
        return self._resume_rate

    @property
    def is_ahead(self) -> bool:
        """Return whether time runs ahead to an instant."""
        self._arrive(time.monotonic())
        return self._goal_s is not None

    def monotonic(self) -> float:
        """Return clock seconds; continuous over changes of the rate."""
        real_s = time.monotonic()
        self._arrive(real_s)
        return self._at(real_s)

    def set_rate(self, rate: float) -> None:
        """Run at another rate from now on; ValueError outside 0 to 3600."""
        self._resume_rate = _checked(rate) or self._resume_rate
        self._rebase(rate)

    def pause(self) -> None:
        """Stop time; whoever waits goes on waiting."""
        self._rebase(0.0)

    def resume(self) -> None:
        """Let time go on at the rate it had before the pause."""
        self._rebase(self._resume_rate)

    def run_ahead(self, until_s: float) -> None:
        """Run fast to an instant, and then again as now; another order ends it. Everything on the way happens.

        A jump would not do: what is leased, or speaks every ten seconds, would have been dead for so long.
        """
        if until_s > self.monotonic():
            after = self._rate if self._goal_s is None else self._after_rate
            self._rebase(max(after, AHEAD_RATE))
            self._goal_s, self._after_rate = until_s, after

    def listen(self, listener: Callable[[float, float], None]) -> None:
        """Call `listener(factor, now_s)` when time begins to run `factor` times as fast; a pause counts as 1 x."""
        self._listeners.append(listener)

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

    def _arrive(self, real_s: float) -> None:
        """Go on at the rate of before from the very instant that running ahead was for."""
        if self._goal_s is not None and self._at(real_s) >= self._goal_s:
            arrived_s = self._real_s + (self._goal_s - self._base_s) / self._rate
            self._change(self._after_rate, base_s=self._goal_s, real_s=arrived_s)

    def _rebase(self, rate: float) -> None:
        real_s = time.monotonic()
        self._arrive(real_s)
        self._change(rate, base_s=self._at(real_s), real_s=real_s)

    def _change(self, rate: float, *, base_s: float, real_s: float) -> None:
        factor = max(1.0, rate) / max(1.0, self._rate)
        self._base_s, self._real_s, self._rate, self._goal_s = base_s, real_s, rate, None
        self._changed.set()
        self._changed = asyncio.Event()
        if factor != 1.0:
            for listener in self._listeners:
                listener(factor, base_s)


class TwinWall:
    """The wall clock of a simulated location: runs with its time, and can be stepped and mistrusted like a real one."""

    def __init__(self, clock: Clock, utc_ms: int) -> None:
        """Tell `utc_ms` now, and be trusted."""
        self._clock = clock
        self._utc_ms = utc_ms
        self._since_s = clock.monotonic()
        self.trusted = True

    def __call__(self) -> int | None:
        """Return UTC milliseconds, or None while it cannot be trusted."""
        if not self.trusted:
            return None
        return self._utc_ms + round((self._clock.monotonic() - self._since_s) * 1000)

    def step(self, by_ms: int) -> None:
        """Put it forward, or back."""
        self._utc_ms += by_ms


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
