"""What the runner has decided and the journal has not stored yet: one turn, or in provisional mode a backlog.

Touches the journal. Nothing in here decides about the site; an append that fails is tried again, and meanwhile the
backlog says that promises are kept only while the power is on.
"""

import logging
from collections.abc import Awaitable, Iterable
from typing import Protocol

from agent.core.events import CheckedIn, Event
from agent.core.inputs import Input, JoinQueue, MakeReserveNow
from agent.core.layout import Now
from agent.journal.errors import HeadMoved, JournalError, StorageFailed
from agent.journal.turn import EVENTS_PER_TURN_MAX, WRITES_PER_TURN_MAX, Turn, Write

log = logging.getLogger("stationmaster.runner")

PROVISIONAL_CHECK_INS_MAX = 50  # `threats-and-faults.md` 4: promises that a power cut would break stay few
RETRY_MS = 5_000  # how soon a failed append is tried again
BACKLOG_MAX = 100_000  # events and rows: about 50 MB, a week of a busy site on a dead disk; MemoryMax is 160 MiB

Entry = tuple[tuple[Event, ...], tuple[Write, ...]]


class CannotGoOn(JournalError):  # noqa: N818 - the end of the process, in words
    """Only a new start from the journal can tell what is true."""


class JournalPort(Protocol):
    """What the runner needs of the journal."""

    @property
    def head(self) -> int:
        """Sequence number of the last durable event."""

    def append(self, turn: Turn) -> Awaitable[int]:
        """Make a turn durable and return the new head; raise StorageFailed or TurnRefused."""

    def snapshot(self, events: Iterable[object], head: int) -> Awaitable[None]:
        """Keep the state restated at a head."""


class Storing:
    """Appends in order. The head is our own count: an append that failed and yet reached the disk must not pass."""

    def __init__(self, journal: JournalPort, boot: int) -> None:
        self._journal = journal
        self._boot = boot
        self._waiting: list[Entry] = []
        self._joins = 0
        self._kept = 0  # events and rows that wait
        self.head = journal.head
        self.retry_at_ms: int | None = None

    @property
    def failing(self) -> bool:
        """Whether something is kept only while the power is on."""
        return bool(self._waiting)

    def refuses(self, given: Input | None) -> bool:
        """Whether nothing may be promised on an input now: few check-ins and no reservations without a disk."""
        joins = isinstance(given, JoinQueue) and self._joins >= PROVISIONAL_CHECK_INS_MAX
        return self.failing and (joins or isinstance(given, MakeReserveNow))

    async def keep(self, entry: Entry, now: Now, *, refusable: bool) -> None:
        """Make a turn durable, with whatever could not be stored before.

        A failing disk is no error: the turn waits in memory. If the journal cannot take a `refusable` turn itself
        (TurnRefused, or our own bug), that is raised and nothing of it is kept; any other turn waits, too. CannotGoOn
        if the journal is not where we left it.
        """
        fresh = entry != ((), ())
        if fresh:
            self._waiting.extend([entry] if refusable else _pieces(entry))
        if self._waiting and (self.retry_at_ms is None or now.elapsed_ms >= self.retry_at_ms):
            await self._try(now, alone=fresh and refusable)
        if self._waiting:
            self._joins += sum(1 for event in entry[0] if isinstance(event, CheckedIn))
            self._bound(entry)

    async def _try(self, now: Now, *, alone: bool) -> None:
        failed_before = self.retry_at_ms is not None
        older = len(self._waiting) - 1 if alone else len(self._waiting)
        try:
            await self._append(older, now)
            if alone:
                await self._append_last(now)
        except HeadMoved as error:
            raise CannotGoOn(f"{error}: starting again from the journal") from error
        except (StorageFailed, _Refused) as error:
            self.retry_at_ms = now.elapsed_ms + RETRY_MS
            if not failed_before:
                log.error("storage=failed mode=provisional error=%r", str(error))
        else:
            self.retry_at_ms = None
            self._joins = self._kept = 0
            if failed_before:
                log.warning("storage=ok mode=normal head=%d", self.head)

    async def _append(self, count: int, now: Now) -> None:
        """Append so many of those that wait, in turns no larger than the journal takes."""
        while count:
            events: tuple[Event, ...] = ()
            writes: tuple[Write, ...] = ()
            taken = 0
            for more_events, more_writes in self._waiting[:count]:
                full = len(events) + len(more_events) > EVENTS_PER_TURN_MAX
                if taken and (full or len(writes) + len(more_writes) > WRITES_PER_TURN_MAX):
                    break
                events, writes, taken = events + more_events, writes + more_writes, taken + 1
            try:
                await self._append_turn((events, writes), now)
            except (HeadMoved, StorageFailed):
                raise
            except Exception as error:
                raise _Refused(repr(error)) from error
            del self._waiting[:taken]
            count -= taken

    async def _append_last(self, now: Now) -> None:
        """Append the turn that was decided just now; a refusal is the answer to it, and it is dropped."""
        try:
            await self._append_turn(self._waiting[-1], now)
        except (HeadMoved, StorageFailed):
            raise
        except Exception:
            self._waiting.pop()
            raise
        self._waiting.pop()

    async def _append_turn(self, entry: Entry, now: Now) -> None:
        turn = Turn(
            expected_head=self.head,
            boot=self._boot,
            elapsed_ms=now.elapsed_ms,
            utc_ms=now.utc_ms,
            events=entry[0],
            writes=entry[1],
        )
        self.head = await self._journal.append(turn)

    def _bound(self, entry: Entry) -> None:
        self._kept += len(entry[0]) + len(entry[1])
        if self._kept > BACKLOG_MAX:
            raise CannotGoOn(f"the disk has failed for too long: {self._kept} rows wait in memory: renew card or disk")


def _pieces(entry: Entry) -> list[Entry]:
    """Return what is due by itself in turns that the journal takes: after a long sleep that may be more than one.

    Each is a state that the site has passed through; the rows come with the last.
    """
    events, writes = entry
    if len(events) <= EVENTS_PER_TURN_MAX:
        return [entry]
    cut = len(events) - EVENTS_PER_TURN_MAX
    return [*_pieces((events[:cut], ())), (events[cut:], writes)]


class _Refused(Exception):  # noqa: N818
    """The journal refuses what nobody can be told of: it waits, as on a disk that fails."""
