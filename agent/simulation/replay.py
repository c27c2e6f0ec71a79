"""Replays a real day on the twin: people arrive when they did, check in, are called, charge as long as they did, leave.

They use the site as drivers do: they join its queue, go where they are called, and plug in. Chance is a seed. Who is
refused, or waits longer than their patience, drives on. People and cars are not in the controller: a day goes on where
a power cut left it, and one that is stopped lets those finish who are here.
"""

import asyncio
import logging
import random
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.core.events import CheckedIn
from agent.core.inputs import JoinQueue, LeaveQueue, Request, StartAtPage
from agent.core.layout import ChargingLocation, CheckInId, EvseId, PoolId
from agent.core.state import HOLDING, CheckIn, CheckInState, Origin
from agent.kernel.inbox import Busy
from agent.kernel.runner import Published, Runner
from agent.simulation.days import Kind, Visit
from drivers.clock import until_set
from drivers.ports import Clock
from drivers.twin.control import Ev, TwinControl
from drivers.twin.world import TwinRefused

log = logging.getLogger("stationmaster.replay")

DC = frozenset({Kind.DC_FAST, Kind.RAPID_DC})
FIRST_S = 5.0  # from the start to the first arrival
WALK_S = 75.0  # from the café to the car and into the bay
PLUG_S = 25.0
LEAVE_S = 40.0  # from pulling the plug to an empty bay
TRIES, TRY_AGAIN_S = 3, 10.0
PATIENCE_S = 90 * 60.0
BATTERY_KWH = 60.0
SOC_LEAST_PERCENT = 8.0


@dataclass(slots=True)
class Tally:
    """What came of a replayed day."""

    arrived: int = 0
    refused: int = 0
    gave_up: int = 0
    missed: int = 0
    charged: int = 0
    waits_s: list[float] = field(default_factory=list)

    @property
    def said(self) -> str:
        """The day in a sentence, for log and terminal."""
        waited = sorted(self.waits_s)
        median_min = waited[len(waited) // 2] / 60 if waited else 0.0
        return (
            f"{self.arrived} came, {self.charged} charged (half of them within {median_min:.0f} min), "
            f"{self.gave_up} gave up, {self.missed} missed their call, {self.refused} were refused"
        )


class Replay:
    """A day of visits on a running site."""

    def __init__(
        self,
        runner: Runner,
        control: TwinControl,
        clock: Clock,
        visits: Sequence[Visit],
        *,
        seed: int = 1,
        resume_min: int | None = None,
    ) -> None:
        """`resume_min` is the minute of the day at which a power cut left it; None begins before the first arrival."""
        self._runner = runner
        self._control = control
        self._clock = clock
        self._visits = tuple(visits)
        self._chance = random.Random(seed)  # noqa: S311 - people, not secrets
        self._moved: list[asyncio.Event] = []
        self._resume_min = resume_min
        first_min = min((v.arrive_min for v in self._visits), default=0)
        began_s = FIRST_S - 60.0 * first_min if resume_min is None else -60.0 * resume_min
        self._midnight_s = clock.monotonic() + began_s
        self._stopped = asyncio.Event()
        self.over = asyncio.Event()  # everybody has left
        self._instants: list[float] = []  # at which somebody will do something
        self.tally = Tally()

    def published(self, published: Published) -> None:
        """Let people look what has changed; to be called after each turn of the runner."""
        if published.events:
            for event in self._moved:
                event.set()

    @property
    def minute(self) -> int:
        """The minute of the replayed day."""
        return int((self._clock.monotonic() - self._midnight_s) / 60)

    @property
    def next_s(self) -> float | None:
        """The next instant of the clock at which somebody will do something by themselves, or None."""
        return min(self._instants, default=None)

    @property
    def stopped(self) -> bool:
        """Whether nobody comes any more."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Let nobody come any more; who is here goes on and leaves as they would have."""
        self._stopped.set()

    async def run(self) -> None:
        """Play the day from now on; return when everybody has left."""
        resume_min = self._resume_min
        async with asyncio.TaskGroup() as people:
            if resume_min is not None:
                for deed in self._left_here():
                    people.create_task(deed)
            for visit in self._visits:
                if resume_min is None or visit.arrive_min > resume_min:
                    people.create_task(self._person(visit, self._midnight_s + 60.0 * visit.arrive_min))
        self.over.set()

    def _left_here(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Yield how those go on whom a power cut left in line or at a bay; for how long they charge is drawn anew."""
        site, now_s = self._runner.site, self._clock.monotonic()
        for check_in in site.open_check_ins():
            if check_in.origin is Origin.OPERATOR:
                parked = check_in.state is CheckInState.ARRIVED
                yield self._served(check_in.id, self._chance.choice(self._visits), now_s, parked=parked)
        for evse, stay in site.stays.items():
            came = self._look(stay.check_in) if stay.check_in is not None else None
            if came is not None and came.origin is Origin.OPERATOR and not came.open:
                left_min = self._chance.choice(self._visits).stay_min * self._chance.random()
                yield self._leaves(evse, now_s + 60.0 * left_min)
        for row in self._control.state()["evses"]:  # who has unplugged, and nobody but the twin knows that they go
            if row["car"] and not row["plug"] and row["evse"] not in site.holds and row["evse"] not in site.stays:
                yield self._drive_off(EvseId(row["evse"]), plugged=False)

    async def _leaves(self, evse: EvseId, at_s: float) -> None:
        await self._until(at_s)
        await self._drive_off(evse)

    async def _person(self, visit: Visit, arrive_s: float) -> None:
        await self._until(arrive_s, self._stopped)
        if self.stopped:
            return
        self.tally.arrived += 1
        check_in = await self._join(visit)
        if check_in is None:
            self.tally.refused += 1
            return
        await self._served(check_in, visit, arrive_s)

    async def _served(self, check_in: CheckInId, visit: Visit, arrive_s: float, *, parked: bool = False) -> None:
        """Wait to be called, charge and leave; `parked` is who stands in the bay already."""
        moved = asyncio.Event()
        self._moved.append(moved)
        try:
            while await self._wait_for_call(check_in, moved, arrive_s + PATIENCE_S):
                if await self._use_call(check_in, visit, arrive_s, parked=parked):
                    return
                parked = False
        finally:
            self._moved.remove(moved)

    async def _join(self, visit: Visit) -> CheckInId | None:
        location = self._runner.site.location
        pools = _suiting(location, visit.kind) if location else ()
        if not pools:
            return None
        pool = min(pools, key=lambda p: sum(1 for c in self._runner.site.open_check_ins() if c.pool == p))
        try:
            answer = await self._runner.ask(
                JoinQueue(pool=pool, draw=self._chance.getrandbits(32), origin=Origin.OPERATOR)
            )
        except Busy:
            return None
        events = answer.step.events if answer.step else ()
        return next((e.check_in for e in events if isinstance(e, CheckedIn)), None)

    async def _wait_for_call(self, check_in: CheckInId, moved: asyncio.Event, patience_s: float) -> bool:
        """Wait until called; return False when it is over: ended, or out of patience."""
        while True:
            moved.clear()
            found = self._look(check_in)
            if found is None or not found.open:
                self.tally.missed += 1
                return False
            if found.state in HOLDING:
                return True
            if self._clock.monotonic() >= patience_s and found.state is CheckInState.WAITING:
                await self._told(LeaveQueue(check_in=check_in))
                self.tally.gave_up += 1
                return False
            await self._until(patience_s, moved)

    async def _use_call(self, check_in: CheckInId, visit: Visit, arrive_s: float, *, parked: bool) -> bool:
        """Go to the bay, charge and leave; return False when the bay was lost on the way."""
        if not parked:
            await self._pause(WALK_S * self._chance.uniform(0.6, 1.6))
        found = self._look(check_in)
        evse = found.evse if found is not None and found.state in HOLDING else None
        if evse is None:
            return False
        began_s = self._clock.monotonic()
        try:
            if not parked:
                self._control.drive_in(evse, _car(visit))
            await self._pause(PLUG_S * self._chance.uniform(0.5, 2.0))
            if not (parked and self._is_plugged(evse)):
                self._control.plug_in(evse)
        except TwinRefused as refused:
            log.info("replay=turned_away evse=%d reason=%r", evse, refused.reason)
            return True
        if not await self._told(StartAtPage(check_in=check_in)):
            await self._drive_off(evse)
            self.tally.refused += 1
            return True
        self.tally.charged += 1
        self.tally.waits_s.append(began_s - arrive_s)
        await self._until(began_s + 60.0 * visit.stay_min)
        await self._drive_off(evse)
        return True

    async def _told(self, request: Request) -> bool:
        """Use the own page; return whether the site did what was asked. A busy site is asked again, as people do."""
        for _ in range(TRIES):
            try:
                answer = await self._runner.ask(request)
            except Busy:
                await self._pause(TRY_AGAIN_S)
            else:
                return answer.step is not None and answer.step.refused is None
        return False

    async def _drive_off(self, evse: EvseId, *, plugged: bool = True) -> None:
        try:
            if plugged:
                self._control.plug_out(evse)
            await self._pause(LEAVE_S * self._chance.uniform(0.5, 2.0))
            self._control.drive_off(evse)
        except TwinRefused as refused:  # somebody at the panel was quicker
            log.info("replay=already_left evse=%d reason=%r", evse, refused.reason)

    async def _pause(self, seconds: float) -> None:
        await self._until(self._clock.monotonic() + seconds)

    async def _until(self, at_s: float, unless: asyncio.Event | None = None) -> None:
        """Return at an instant of the clock, or when an event is set."""
        self._instants.append(at_s)
        try:
            await (self._clock.until(at_s) if unless is None else until_set(unless, self._clock, at_s))
        finally:
            self._instants.remove(at_s)

    def _is_plugged(self, evse: EvseId) -> bool:
        return any(row["evse"] == evse and row["plug"] is not None for row in self._control.state()["evses"])

    def _look(self, check_in: CheckInId) -> CheckIn | None:
        return self._runner.site.check_ins.get(check_in)


def _suiting(location: ChargingLocation, kind: Kind) -> tuple[PoolId, ...]:
    """Return the pools with a connector of the session's kind; any pool where there is none."""
    wanted = [
        pool.id
        for pool in location.pools
        if any(
            c.dc is (kind in DC)
            for evse in pool.evses
            if (layout := location.evse(evse)) is not None
            for c in layout.connectors
        )
    ]
    return tuple(wanted) or tuple(pool.id for pool in location.pools)


def _car(visit: Visit) -> Ev:
    """A car that wants just what the session took."""
    target = min(100.0, SOC_LEAST_PERCENT + 100.0 * visit.energy_wh / 1000.0 / BATTERY_KWH)
    return Ev(battery_kwh=BATTERY_KWH, soc_percent=SOC_LEAST_PERCENT, target_soc_percent=target)
