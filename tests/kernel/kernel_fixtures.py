"""A runner on a journal, with time in the test's hands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared_fixtures import equal_evses

from agent.core.inputs import BaySeen, ClockRead, InputsRead, JoinQueue, LayoutRead, Started
from agent.core.layout import ChargingLocation, PoolId, SubjectRef
from agent.core.state import Bay, Origin, Site
from agent.kernel.clock import LocationClock
from agent.kernel.runner import Runner
from agent.kernel.storing import JournalPort
from drivers.twin.clock import ManualClock

UTC_MS = 1_795_000_000_000  # November 2026
POOL = PoolId("CCS")


def location(evses: int = 2) -> ChargingLocation:
    """A location with one pool of equal EVSEs."""
    return equal_evses(evses, POOL)


def join(device: str, draw: int = 0) -> JoinQueue:
    """A check-in from the page by a device of its own."""
    return JoinQueue(pool=POOL, draw=draw, origin=Origin.PAGE, device=SubjectRef(device))


@asynccontextmanager
async def running(
    journal: JournalPort,
    clock: ManualClock,
    site: Site | None = None,
    *,
    evses: int = 2,
    boot: int = 1,
    expected: type[Exception] | None = None,
    elapsed_ms: int = 0,
) -> AsyncIterator[Runner]:
    """A runner that has started, read its inputs and sees all bays free; it must end by `expected` or by our stop."""
    start = Site() if site is None else site
    time = LocationClock(clock, max(start.elapsed_ms, elapsed_ms), lambda: UTC_MS + round(clock.monotonic() * 1000))
    runner = Runner(site=start, clock=time, journal=journal, boot=boot)
    task = asyncio.ensure_future(runner.run())
    here = location(evses)
    runner.observe(Started(boot=boot))
    runner.observe(LayoutRead(location=here, digest=f"{evses}"))
    runner.observe(ClockRead(utc_ms=runner.now().utc_ms))
    for evse in here.evses:
        runner.observe(BaySeen(evse=evse.id, bay=Bay.FREE))
    await runner.tell(InputsRead())
    try:
        yield runner
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError if expected is None else expected)
