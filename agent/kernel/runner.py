"""The runner: the single writer of the site. Record, then speak.

A turn takes what waits in the inbox, steps the core through it on a working Site, commits events and everything owed in
one durable append, and only then answers, delivers and publishes. Nobody ever sees a working Site. If the storage fails
the runner goes on in memory and says so (provisional mode) until an append succeeds again.

An error of our own in one input drops that input alone (see mishaps.py): the working Site goes back to before it, the
caller hears `Failed`. What the journal refuses is taken apart in the same way, one input a turn.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent.core.events import Event
from agent.core.inputs import Input, Observation, Refusal, Refused, Request, Started
from agent.core.layout import Now
from agent.core.site import Step, restate, settle, step, wake
from agent.core.state import Site
from agent.journal.errors import JournalError
from agent.journal.turn import Write
from agent.kernel.clock import LocationClock
from agent.kernel.inbox import Answer, Conclude, Inbox, Item
from agent.kernel.mishaps import Failed, Mishaps, Stopped, TooManyMishaps
from agent.kernel.storing import CannotGoOn, JournalPort, Storing

log = logging.getLogger("stationmaster.runner")

SNAPSHOT_EVERY_EVENTS = 2_000  # a restart replays at most that many events: well under 0.1 s
SNAPSHOT_EVERY_MS = 24 * 3_600_000  # on a quiet site: what a damaged journal is rebuilt from is a day old at most


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
        snapshot_head: int | None = None,
    ) -> None:
        """`snapshot_head` is the last event that a snapshot contains, if it is not the journal's head."""
        self._site = site
        self._clock = clock
        self._journal = journal
        self._projections = tuple(p for p, _ in projections)
        self._states: tuple[Any, ...] = tuple(s for _, s in projections)
        self._inbox = Inbox()
        self._taken: list[Item] = []
        self._listeners: list[Listener] = []
        self._storing = Storing(journal, boot)
        self.mishaps = Mishaps()
        self._snapshot_head = journal.head if snapshot_head is None else snapshot_head
        self._snapshot_ms = clock.now().elapsed_ms
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
        return self._storing.failing

    def now(self) -> Now:
        """Return the present instant of the location."""
        return self._clock.now()

    def projected(self, index: int) -> Any:
        """Return the durable state of a projection, by its place in the constructor's list."""
        return self._states[index]

    def listen(self, listener: Listener) -> None:
        """Call `listener` after each durable turn, in the loop; it must return at once; its errors are its own."""
        self._listeners.append(listener)

    def observe(self, seen: Observation) -> None:
        """Take an observation; never refused, never waits. After the runner's end nobody hears it."""
        try:
            self._inbox.put(Item(seen, None, (), None))
        except Stopped:
            return
        self._at_rest.clear()

    async def ask(self, request: Request, conclude: Conclude | None = None) -> Answer:
        """Return the durable outcome of a Request; raise Busy when the inbox is full, Failed, or Stopped."""
        return await self._put(request, conclude, ())

    async def tell(self, seen: Observation, conclude: Conclude | None = None) -> Answer:
        """Take an observation and return its durable outcome; raise Failed or Stopped."""
        return await self._put(seen, conclude, ())

    async def store(self, writes: tuple[Write, ...]) -> None:
        """Make rows durable on the same writer, in order with everything else; raise Failed or Stopped.

        Without rows it is the sign of life: it returns when a turn was taken.
        """
        await self._put(None, None, writes)

    async def _put(self, given: Input | None, conclude: Conclude | None, writes: tuple[Write, ...]) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._inbox.put(Item(given, conclude, writes, answer))
        self._at_rest.clear()
        return await answer

    async def idle(self) -> None:
        """Return when nothing waits and nothing is due: tests call it before they advance the clock."""
        await self._at_rest.wait()

    async def keep_snapshot(self) -> None:
        """Keep a snapshot of all that is durable, if anything has happened since the last; for a clean stop."""
        if self._snapshot is not None:
            await asyncio.wait([self._snapshot])
        if self._storing.head > self._snapshot_head and not self.provisional:
            await self._begin_snapshot(self._clock.now())

    # --- the loop

    async def run(self) -> None:
        """Turn until cancelled. Whatever this raises ends the agent, and the journal starts it again."""
        try:
            while True:
                if not self._inbox.waiting.is_set() and not self._due():
                    self._at_rest.set()
                    await self._clock.until_set(self._inbox.waiting, self._wake_ms())
                self._at_rest.clear()
                self._taken = self._inbox.take()
                await self._turn(self._taken)
        finally:
            for item in (*self._taken, *self._inbox.close()):
                _fail(item, Stopped())
            self._at_rest.set()

    def _wake_ms(self) -> int | None:
        instants = [t for t in (wake(self._site), self._storing.retry_at_ms) if t is not None]
        return min(instants, default=None)

    def _due(self) -> bool:
        at = self._wake_ms()
        return at is not None and at <= self._clock.now().elapsed_ms

    async def _turn(self, items: list[Item]) -> None:
        now = self._clock.now()
        work = _Work(self._site, self._states)
        late = wake(work.site)
        if late is not None and late <= now.elapsed_ms and not any(isinstance(i.given, Started) for i in items):
            work.add(*settle(work.site, now), ())
        outcomes = [(item, self._stepped(work, item, now)) for item in items]
        try:
            for event in work.events:
                work.project(self._projections, event, now)
            await self._storing.keep((tuple(work.events), tuple(work.writes)), now, refusable=bool(items))
        except (CannotGoOn, TooManyMishaps):
            raise
        except Exception:
            if not items:  # nobody can be told of what is due by itself, and it would be due again at once
                raise
            await self._turn_apart(items, now)
            return
        self._site, self._states = work.site, work.states
        for item, (outcome, reply) in outcomes:
            if item.answer is not None and not item.answer.done():
                item.answer.set_result(Answer(outcome, reply, self.provisional))
        self._publish(work, now)

    async def _turn_apart(self, items: list[Item], now: Now) -> None:
        """A turn that cannot be kept as a whole: what is due first, then each input alone, so that one is to blame."""
        if len(items) == 1:
            self._missed(items[0], now)
            return
        await self._turn([])
        for item in items:
            if item.answer is None or not item.answer.done():
                await self._turn([item])

    def _stepped(self, work: "_Work", item: Item, now: Now) -> tuple[Step | None, Any]:
        """Step the core through one item on the working Site; an error of ours leaves that as it was."""
        site, events, writes = work.site, len(work.events), len(work.writes)
        try:
            return self._step(work, item, now)
        except Exception:
            work.back(site, events, writes)
            self._missed(item, now)
            return None, None

    def _missed(self, item: Item, now: Now) -> None:
        """Say an error with an input; tell who asked, or count what nobody was told of."""
        self.mishaps.say(f"runner input={type(item.given).__name__} evse={getattr(item.given, 'evse', None)}")
        if not _fail(item, Failed(type(item.given).__name__)):
            self.mishaps.count(now.elapsed_ms)

    def _step(self, work: "_Work", item: Item, now: Now) -> tuple[Step | None, Any]:
        outcome: Step | None = None
        if item.given is not None:
            outcome = self._provisionally_refused(work, item.given) or step(work.site, item.given, now)
            work.add(outcome.site, outcome.events, ())
        reply = None
        if item.conclude is not None and outcome is not None:
            concluded = item.conclude(outcome, now)
            reply = concluded.reply
            work.add(work.site, (), concluded.writes)
        work.add(work.site, (), item.writes)
        return outcome, reply

    def _provisionally_refused(self, work: "_Work", given: Input) -> Step | None:
        """While nothing can be stored, only few new promises are made, and no reservations."""
        refused = Refused(reason=Refusal.CANNOT_STORE)
        return Step(work.site, (), refused) if self._storing.refuses(given) else None

    def _publish(self, work: "_Work", now: Now) -> None:
        published = Published(self._site, tuple(work.events), now, self.provisional)
        for listener in self._listeners:
            try:
                listener(published)
            except Exception:
                self.mishaps.say(f"listener {getattr(listener, '__qualname__', type(listener).__name__)}")
                self.mishaps.count(now.elapsed_ms)
        if self._snapshot_due(now):
            self._begin_snapshot(now)

    def _snapshot_due(self, now: Now) -> bool:
        since = self._storing.head - self._snapshot_head
        due = since >= SNAPSHOT_EVERY_EVENTS or (since > 0 and now.elapsed_ms - self._snapshot_ms >= SNAPSHOT_EVERY_MS)
        return due and not self.provisional and (self._snapshot is None or self._snapshot.done())

    def _begin_snapshot(self, now: Now) -> "asyncio.Task[None]":
        self._snapshot_head, self._snapshot_ms = self._storing.head, now.elapsed_ms
        self._snapshot = asyncio.ensure_future(self._keep_snapshot(self._site, self._storing.head))
        return self._snapshot

    async def _keep_snapshot(self, site: Site, head: int) -> None:
        try:
            await self._journal.snapshot(restate(site), head)
        except JournalError as error:
            log.warning("snapshot=failed error=%r", str(error))


def _fail(item: Item, error: Exception) -> bool:
    """Answer an item with an error; return whether somebody hears it."""
    if item.answer is None:
        return False
    if not item.answer.done():
        item.answer.set_exception(error)
    return True


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

    def back(self, site: Site, events: int, writes: int) -> None:
        """Go back to an earlier state with so many events and rows."""
        self.site = site
        del self.events[events:], self.writes[writes:]

    def project(self, projections: tuple[Projection, ...], event: Event, now: Now) -> None:
        """Advance all projections by one event."""
        for index, projection in enumerate(projections):
            state, writes = projection.advance(self.states[index], event, self.site, now)
            self.states = (*self.states[:index], state, *self.states[index + 1 :])
            self.writes.extend(writes)
