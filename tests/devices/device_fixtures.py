"""Drivers that hang, fail and never stop talking, on a runner with time in the test's hands."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared_fixtures import equal_evses, open_journal

from agent.core.inputs import BaySeen, InputsRead, LayoutRead, Started
from agent.core.layout import (
    AdHocStart,
    ChargingLocation,
    EvseId,
    PoolId,
)
from agent.core.state import Bay, Site
from agent.devices.health import Health
from agent.journal.store import Journal
from agent.kernel.clock import LocationClock
from agent.kernel.runner import Runner
from drivers.ports import ChargeReading, FaultReading, LampSignal, Screen, VehicleState
from drivers.twin.clock import ManualClock

EVSE = EvseId(1)


def location() -> ChargingLocation:
    """A location with one EVSE that gives energy to whoever plugs in."""
    return equal_evses(1, PoolId("CCS"), ad_hoc_start=AdHocStart.FREE, accept_on_plug=True)


@dataclass(slots=True)
class Bench:
    """A runner, and what a device needs."""

    runner: Runner
    clock: ManualClock
    journal: Journal
    health: Health = field(default_factory=Health)
    works: list["asyncio.Task[None]"] = field(default_factory=list)

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a task until the end of the test."""
        task = asyncio.ensure_future(work)
        self.works.append(task)
        return task

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await self.settled()
        await self.clock.advance(seconds)
        await self.settled()

    async def settled(self) -> None:
        """Let all that is ready happen."""
        for _ in range(3):
            await self.clock.settle()
            await self.runner.idle()

    @property
    def faults(self) -> tuple[str, ...]:
        """The faults of the EVSE."""
        return self.runner.site.evse(EVSE).faults


@asynccontextmanager
async def bench(directory: Path) -> AsyncIterator[Bench]:
    """A started site with a free bay."""
    clock = ManualClock()
    journal = open_journal(directory)
    runner = Runner(site=Site(), clock=LocationClock(clock, 0, lambda: None), journal=journal, boot=1)
    here = Bench(runner, clock, journal)
    here.start(runner.run())
    runner.observe(Started(boot=1))
    runner.observe(LayoutRead(location=location(), digest="1"))
    runner.observe(BaySeen(evse=EVSE, bay=Bay.FREE))
    await runner.tell(InputsRead())
    try:
        yield here
    finally:
        for task in reversed(here.works):
            task.cancel()
        ended = await asyncio.gather(*here.works, return_exceptions=True)
        journal.close()
        assert [e for e in ended if isinstance(e, Exception)] == []


class Controller:
    """A charge controller whose orders the test can hang or break."""

    def __init__(self) -> None:
        self.closed = False
        self.opened = 0
        self.hangs = False
        self.error: Exception | None = None
        self.deed: Callable[[Callable[[ChargeReading | FaultReading], None]], Coroutine[Any, Any, None]] | None = None

    async def run(self, report: Callable[[ChargeReading | FaultReading], None]) -> None:
        """Do what the test says; else run for ever."""
        if self.deed is not None:
            await self.deed(report)
        else:
            await asyncio.Event().wait()

    async def energise(self, *, lease_s: float) -> None:
        """Close, hang or fail."""
        assert lease_s > 0
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        self.closed = True

    async def de_energise(self) -> None:
        """Open."""
        self.closed = False
        self.opened += 1

    async def unlock(self, connector: int) -> bool:
        """Nothing is locked."""
        return connector == 1


class Panel:
    """A lamp or display whose `show` the test can hang or break."""

    def __init__(self) -> None:
        self.hangs: asyncio.Event | None = None
        self.error: Exception | None = None
        self.calls = 0
        self.shown: LampSignal | Screen | None = None

    async def show(self, what: Any, *, lease_s: float) -> None:
        """Show, hang or fail."""
        assert lease_s > 0
        self.calls += 1
        if self.hangs is not None:
            await self.hangs.wait()
        if self.error is not None:
            raise self.error
        self.shown = what

    async def close(self) -> None:
        """Clear, hang or fail."""
        if self.hangs is not None:
            await self.hangs.wait()
        if self.error is not None:
            raise self.error
        self.shown = None


def plugged(at_s: float) -> ChargeReading:
    """A car on the plug that takes no energy."""
    return ChargeReading(vehicle=VehicleState.CONNECTED, connector=1, energised=False, suspended_by_ev=False, at_s=at_s)
