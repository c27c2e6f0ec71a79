"""The runner: the single writer of the site. Record, then speak.

A turn takes what waits in the inbox, steps the core through it on a working Site, commits events and everything owed in
one durable append, and only then answers, delivers and publishes. Nobody ever sees a working Site. If the storage fails
the runner goes on in memory and says so (provisional mode) until an append succeeds again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.core.events import CheckedIn, Event
from agent.core.inputs import Input, JoinQueue, MakeReserveNow, Observation, Refusal, Refused, Request
from agent.core.layout import Now
from agent.core.site import Step, restate, settle, step, wake
from agent.core.state import Site
from agent.journal.errors import StorageFailed
from agent.journal.turn import EVENTS_PER_TURN_MAX, WRITES_PER_TURN_MAX, Turn, Write
from agent.kernel.clock import LocationClock
from agent.kernel.inbox import Answer, Conclude, Inbox, Item

log = logging.getLogger("stationmaster.runner")

PROVISIONAL_CHECK_INS_MAX = 50  # `threats-and-faults.md` 4: promises that a power cut would break stay few
RETRY_MS = 5_000  # how soon a failed append is tried again
SNAPSHOT_EVERY_EVENTS = 2_000  # a restart replays at most that many events: well under 0.1 s


class JournalPort(Protocol):
    """What the runner needs of the journal."""

    @property
    def head(self) -> int:
        """Sequence number of the last durable event."""

    def append(self, turn: Turn) -> Awaitable[int]:
        """Make a turn durable and return the new head; raise StorageFailed."""

    def snapshot(self, events: Iterable[object], head: int) -> Awaitable[None]:
        """Keep the state restated at a head."""


class Projection(Protocol):
    """A pure reducer over the events whose rows belong into the same commit, e.g. OCPP transactions."""

    def advance(self, state: Any, event: Event, site: Site, now: Now) -> tuple[Any, tuple[Write, ...]]:
        """Return the state after an event and the rows it leads to; `site` is the state after the event's turn."""


@dataclass(frozen=True, slots=True)
class Published:
    """A durable state, what led to it, and how it was kept."""

    site: Site
    events: tuple[Event, ...]
    now: Now
    provisional: bool


Listener = Callable[[Published], None]


class Runner:
    """Runs one location: one inbox in, one journal, listeners out."""

    def __init__(
        self,
        *,
        site: Site,
        clock: LocationClock,
        journal: JournalPort,
        boot: int,
        projections: Sequence[tuple[Projection, Any]] = (),
    ) -> None:
        self._site = site
        self._clock = clock
        self._journal = journal
        self._boot = boot
        self._projections = tuple(p for p, _ in projections)
        self._states: tuple[Any, ...] = tuple(s for _, s in projections)
        self._inbox = Inbox()
        self._listeners: list[Listener] = []
        self._unwritten: list[tuple[tuple[Event, ...], tuple[Write, ...]]] = []
        self._provisional_joins = 0
        self._retry_at_ms: int | None = None
        self._snapshot_head = journal.head
        self._snapshot: asyncio.Task[None] | None = None
        self._at_rest = asyncio.Event()

    # --- what others see

    @property
    def site(self) -> Site:
        """The durable state (in provisional mode: the state that stands as long as the power does)."""
        return self._site

    @property
    def provisional(self) -> bool:
        """Whether the storage fails and promises are kept only while the power is on."""
        return bool(self._unwritten)

    def now(self) -> Now:
        """Return the present instant of the location."""
        return self._clock.now()

    def projected(self, index: int) -> Any:
        """Return the durable state of a projection, by its place in the constructor's list."""
        return self._states[index]

    def listen(self, listener: Listener) -> None:
        """Call `listener` after each durable turn, in the loop; it must return at once and not raise."""
        self._listeners.append(listener)

    def observe(self, seen: Observation) -> None:
        """Take an observation; never refused, never waits."""
        self._at_rest.clear()
        self._inbox.put(Item(seen, None, (), None))

    async def ask(self, request: Request, conclude: Conclude | None = None) -> Answer:
        """Return the durable outcome of a Request; raise Busy when the inbox is full."""
        return await self._put(request, conclude, ())

    async def tell(self, seen: Observation, conclude: Conclude | None = None) -> Answer:
        """Take an observation and return its durable outcome."""
        return await self._put(seen, conclude, ())

    async def store(self, writes: tuple[Write, ...]) -> None:
        """Make rows durable on the same writer, in order with everything else."""
        await self._put(None, None, writes)

    async def _put(self, given: Input | None, conclude: Conclude | None, writes: tuple[Write, ...]) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._at_rest.clear()
        self._inbox.put(Item(given, conclude, writes, answer))
        return await answer

    async def idle(self) -> None:
        """Return when nothing waits and nothing is due: tests call it before they advance the clock."""
        await self._at_rest.wait()

    # --- the loop

    async def run(self) -> None:
        """Turn until cancelled. An error in here is our own bug: it ends the agent, and the journal starts it again."""
        while True:
            if not self._inbox.waiting.is_set() and not self._due():
                self._at_rest.set()
                await self._clock.until_set(self._inbox.waiting, self._wake_ms())
            self._at_rest.clear()
            await self._turn(self._inbox.take())

    def _wake_ms(self) -> int | None:
        instants = [t for t in (wake(self._site), self._retry_at_ms) if t is not None]
        return min(instants, default=None)

    def _due(self) -> bool:
        at = self._wake_ms()
        return at is not None and at <= self._clock.now().elapsed_ms

    async def _turn(self, items: list[Item]) -> None:
        now = self._clock.now()
        work = _Work(self._site, self._states)
        answers: list[tuple[Item, Step | None, Any]] = []
        late = wake(work.site)
        if late is not None and late <= now.elapsed_ms:
            site, events = settle(work.site, now)
            work.add(site, events, ())
        for item in items:
            outcome, reply = self._step(work, item, now)
            answers.append((item, outcome, reply))
        for event in work.events:
            work.project(self._projections, event, now)
        await self._commit(work, now)
        self._answer(answers)
        self._publish(work, now)

    def _step(self, work: "_Work", item: Item, now: Now) -> tuple[Step | None, Any]:
        """Step the core through one item on the working Site."""
        outcome: Step | None = None
        if item.given is not None:
            outcome = self._provisionally_refused(work, item) or step(work.site, item.given, now)
            work.add(outcome.site, outcome.events, ())
        reply = None
        if item.conclude is not None and outcome is not None:
            concluded = item.conclude(outcome, now)
            reply = concluded.reply
            work.add(work.site, (), concluded.writes)
        work.add(work.site, (), item.writes)
        return outcome, reply

    def _provisionally_refused(self, work: "_Work", item: Item) -> Step | None:
        """While nothing can be stored, only few new promises are made, and no reservations."""
        joins = isinstance(item.given, JoinQueue) and self._provisional_joins >= PROVISIONAL_CHECK_INS_MAX
        if self.provisional and (joins or isinstance(item.given, MakeReserveNow)):
            return Step(work.site, (), Refused(reason=Refusal.CANNOT_STORE))
        return None

    async def _commit(self, work: "_Work", now: Now) -> None:
        """Make the turn durable together with whatever could not be stored before."""
        if work.events or work.writes:
            self._unwritten.append((tuple(work.events), tuple(work.writes)))
        retry = self._retry_at_ms
        if self._unwritten and (retry is None or now.elapsed_ms >= retry):
            await self._try_append(work, now)
        elif self._unwritten:
            self._note_joins(work)
        self._site, self._states = work.site, work.states

    async def _try_append(self, work: "_Work", now: Now) -> None:
        failed_before = self._retry_at_ms is not None
        try:
            await self._append(now)
        except StorageFailed as error:
            self._retry_at_ms = now.elapsed_ms + RETRY_MS
            if not failed_before:
                log.error("storage=failed mode=provisional error=%r", str(error))
            self._note_joins(work)
        else:
            self._retry_at_ms = None
            self._provisional_joins = 0
            if failed_before:
                log.warning("storage=ok mode=normal head=%d", self._journal.head)

    def _note_joins(self, work: "_Work") -> None:
        self._provisional_joins += sum(1 for e in work.events if isinstance(e, CheckedIn))

    async def _append(self, now: Now) -> None:
        """Append all that is not stored yet, in turns no larger than the journal takes."""
        while self._unwritten:
            events: tuple[Event, ...] = ()
            writes: tuple[Write, ...] = ()
            taken = 0
            for more_events, more_writes in self._unwritten:
                full = len(events) + len(more_events) > EVENTS_PER_TURN_MAX
                if taken and (full or len(writes) + len(more_writes) > WRITES_PER_TURN_MAX):
                    break
                events, writes, taken = events + more_events, writes + more_writes, taken + 1
            await self._journal.append(
                Turn(
                    expected_head=self._journal.head,
                    boot=self._boot,
                    elapsed_ms=now.elapsed_ms,
                    utc_ms=now.utc_ms,
                    events=events,
                    writes=writes,
                )
            )
            del self._unwritten[:taken]

    def _answer(self, answers: list[tuple[Item, Step | None, Any]]) -> None:
        for item, outcome, reply in answers:
            if item.answer is not None and not item.answer.done():
                item.answer.set_result(Answer(outcome, reply, self.provisional))

    def _publish(self, work: "_Work", now: Now) -> None:
        published = Published(self._site, tuple(work.events), now, self.provisional)
        for listener in self._listeners:
            listener(published)
        if self._journal.head - self._snapshot_head >= SNAPSHOT_EVERY_EVENTS and not self.provisional:
            self._snapshot_head = self._journal.head
            self._snapshot = asyncio.ensure_future(self._keep_snapshot(self._site, self._journal.head))

    async def _keep_snapshot(self, site: Site, head: int) -> None:
        try:
            await self._journal.snapshot(restate(site), head)
        except StorageFailed as error:
            log.warning("snapshot=failed error=%r", str(error))


@dataclass(slots=True)
class _Work:
    """The working side of a turn: dropped as a whole if it cannot be kept."""

    site: Site
    states: tuple[Any, ...]
    events: list[Event] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)

    def add(self, site: Site, events: tuple[Event, ...], writes: tuple[Write, ...]) -> None:
        """Go on from a state with more events and rows."""
        self.site = site
        self.events.extend(events)
        self.writes.extend(writes)

    def project(self, projections: tuple[Projection, ...], event: Event, now: Now) -> None:
        """Advance all projections by one event."""
        for index, projection in enumerate(projections):
            state, writes = projection.advance(self.states[index], event, self.site, now)
            self.states = (*self.states[:index], state, *self.states[index + 1 :])
            self.writes.extend(writes)
