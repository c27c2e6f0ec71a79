"""What people and nature do to a whole simulated site: its time, its power, its line to the outside, a day of visitors.

For sites all of whose hardware is simulated. Each deed is the real one: the process ends, connections are cut, the wall
clock steps and is read like any other. What cannot be done is answered with its reason.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.core.site import wake
from agent.kernel.clock import LocationClock
from agent.kernel.outside import Outside
from agent.kernel.runner import Published, Runner
from agent.simulation.days import SOURCES, Day, visits
from agent.simulation.replay import Replay
from agent.texts.twin import Unable
from drivers.twin.clock import ScaledClock, TwinWall
from drivers.twin.site import TwinSite

log = logging.getLogger("stationmaster.twin")

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A cut of the controller's power: how long it is dark, and what goes on without it.

    `speed` is how fast time runs; `day` with `minute` is the replayed day, where one is.
    """

    dark_s: float
    speed: float
    day: Day | None
    minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """Who gives the controller its power: `cut` ends the process and returns only when it cannot."""

    cut: Callable[[Cut], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """The parts of the agent that are worked upon.

    `read_clock` lets the site read its wall clock now. `outside` is None where there is nobody to be cut off from,
    `supply` where nobody would give the power back.
    """

    runner: Runner
    elapsed: LocationClock
    read_clock: Callable[[], None]
    outside: Outside | None
    supply: Supply | None


class SimulatedSite:
    """The deeds, and the day that is replayed."""

    def __init__(self, controller: Controller, twin: TwinSite, clock: ScaledClock, wall: TwinWall) -> None:
        self._controller = controller
        self._twin = twin
        self._clock = clock
        self._wall = wall
        self._day: Day | None = None
        self._replays: dict[Replay, asyncio.Task[None]] = {}
        self._stopped = asyncio.Event()
        controller.runner.listen(self._published)

    async def run(self) -> None:
        """Let people come and go until cancelled; end with the error of a replay that fails."""
        try:
            while True:
                self._stopped.clear()
                await self._stopped.wait()
                for replay in [r for r, task in self._replays.items() if task.done()]:
                    self._replays.pop(replay).result()
                    log.info("replay=over said=%r", replay.tally.said)
        finally:
            for task in self._replays.values():
                task.cancel()
            await asyncio.gather(*self._replays.values(), return_exceptions=True)

    # --- time

    def next_event(self) -> Unable | None:
        """Let time run ahead to what is due next: a deadline of the site, a car that is full, somebody who arrives."""
        deadline_ms = wake(self._controller.runner.site)
        instants = (
            None if deadline_ms is None else self._controller.elapsed.monotonic_at(deadline_ms),
            self._twin.world.next_full(self._clock.monotonic()),
            *(replay.next_s for replay in self._replays),
        )
        now_s = self._clock.monotonic()
        next_s = min((at_s for at_s in instants if at_s is not None and at_s > now_s), default=None)
        if next_s is None:
            return Unable.NOTHING_DUE
        self._clock.run_ahead(next_s)
        return None

    @property
    def clock_trusted(self) -> bool:
        """Whether the wall clock is trusted."""
        return self._wall.trusted

    def step_clock(self, hours: int) -> None:
        """Step the wall clock, and let the site read it."""
        self._wall.step(hours * HOUR_MS)
        self._controller.read_clock()

    def trust_clock(self, trusted: bool) -> None:
        """Let the wall clock be trusted or not, and let the site read it."""
        self._wall.trusted = trusted
        self._controller.read_clock()

    # --- the line to the outside

    @property
    def internet_cut(self) -> bool:
        """Whether the line to the outside is cut."""
        return self._controller.outside is not None and self._controller.outside.is_cut

    def no_internet(self) -> Unable | None:
        """Return why the line cannot be cut, or None."""
        return Unable.NO_OUTSIDE if self._controller.outside is None else None

    def cut_internet(self, cut: bool) -> Unable | None:
        """Cut the line to CSMS and partners, or mend it; the web on site goes on."""
        outside = self._controller.outside
        if outside is None:
            return Unable.NO_OUTSIDE
        (outside.cut if cut else outside.restore)()
        log.warning("internet=%s", "cut" if cut else "restored")
        return None

    # --- power

    def no_power(self) -> Unable | None:
        """Return why the power cannot be cut, or None."""
        return Unable.NO_SUPPLY if self._controller.supply is None else None

    def cut_power(self, dark_s: float) -> Unable | None:
        """End this process at once, with nothing flushed; what is in the world stays as it is at this instant."""
        if self._controller.supply is None:
            return Unable.NO_SUPPLY
        replay = self._replay
        cut = Cut(
            dark_s=dark_s,
            speed=self._clock.rate_before_pause,
            day=self._day if replay is not None else None,
            minute=replay.minute if replay is not None else 0,
        )
        self._twin.control.power_cut()
        self._controller.supply.cut(cut)
        return None

    # --- a day of visitors

    @property
    def days(self) -> Mapping[str, str]:
        """The bundled days and their sources."""
        return {day.value: source for day, source in SOURCES.items()}

    @property
    def replaying(self) -> str | None:
        """The day that is replayed, or None."""
        return self._day.value if self._day is not None and self._replay is not None else None

    @property
    def _replay(self) -> Replay | None:
        return next((r for r, task in self._replays.items() if not r.stopped and not task.done()), None)

    def start_replay(self, day: str) -> Unable | None:
        """Let the people of a bundled day come; ValueError for a day that is not bundled."""
        chosen = Day(day)
        if self._replay is not None:
            return Unable.REPLAYING
        self.begin(chosen)
        return None

    def begin(self, day: Day, resume_min: int | None = None) -> Replay:
        """Begin a day, or go on at a minute of it at which a power cut left it."""
        made = Replay(self._controller.runner, self._twin.control, self._clock, visits(day), resume_min=resume_min)
        self._day = day
        self._replays[made] = task = asyncio.ensure_future(made.run())
        task.add_done_callback(lambda _: self._stopped.set())
        log.info("replay=began day=%s source=%r", day.value, SOURCES[day])
        return made

    def stop_replay(self) -> Unable | None:
        """Let nobody come any more; who is here leaves as they would have."""
        replay = self._replay
        if replay is None:
            return Unable.NOT_REPLAYING
        replay.stop()
        return None

    def _published(self, published: Published) -> None:
        for replay in self._replays:
            replay.published(published)
