"""A runner on a journal, with time in the test's hands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from agent.core.evolve import APPLY
from agent.core.inputs import BaySeen, ClockRead, InputsRead, JoinQueue, LayoutRead, Started
from agent.core.layout import ChargingLocation, ChargingPool, Connector, ConnectorId, Evse, EvseId, PoolId, SubjectRef
from agent.core.site import fold
from agent.core.state import Bay, Origin, Site
from agent.journal.codec import Codec
from agent.journal.errors import StorageFailed
from agent.journal.store import Journal
from agent.journal.turn import Turn
from agent.kernel.clock import LocationClock
from agent.kernel.runner import Runner
from agent.kernel.storing import JournalPort
from drivers.twin.clock import ManualClock

UTC_MS = 1_795_000_000_000  # November 2026
POOL = PoolId("CCS")


def location(evses: int = 2) -> ChargingLocation:
    """A location with one pool of equal EVSEs."""
    ids = tuple(EvseId(n) for n in range(1, evses + 1))
    connector = Connector(id=ConnectorId(1), standard="IEC_62196_T2_COMBO", max_power_w=150_000, dc=True, cable=True)
    return ChargingLocation(
        id="NORD",
        name="Rasthof Nord",
        country_code="DE",
        party_id="ABC",
        time_zone="UTC",
        evses=tuple(Evse(id=e, label=str(e), connectors=(connector,)) for e in ids),
        pools=(ChargingPool(id=POOL, names=(("en", "CCS"), ("de", "CCS")), evses=ids),),
    )


def join(device: str, draw: int = 0) -> JoinQueue:
    """A check-in from the page by a device of its own."""
    return JoinQueue(pool=POOL, draw=draw, origin=Origin.PAGE, device=SubjectRef(device))


def open_journal(directory: Path) -> Journal:
    """The journal of the core's events."""
    return Journal.open(directory, Codec(APPLY))


def replayed(journal: Journal) -> Site:
    """The state a journal leads to."""
    loaded = journal.load()
    return fold((stored.event for stored in loaded.events), fold(loaded.snapshot))


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


class FailingJournal:
    """A journal whose disk can be broken and mended by the test."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.broken = False

    @property
    def head(self) -> int:
        """The head of the journal behind."""
        return self._journal.head

    def append(self, turn: Turn) -> Awaitable[int]:
        """Append, or fail as a dying disk does."""
        return self._failed() if self.broken else self._journal.append(turn)

    async def snapshot(self, events: Iterable[object], head: int) -> None:
        """Keep a snapshot in the journal behind."""
        await self._journal.snapshot(events, head)

    async def _failed(self) -> int:
        raise StorageFailed("cannot write: the test broke the disk")
