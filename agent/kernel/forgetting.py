"""Forgets who people were: deletes the rows of the subject table that nothing has needed for a day.

Messages that were delivered or given up named people, too, and damaged files in quarantine still do: the first are
wiped with the next look, of the second only the events are kept after a day.

Touches the journal's tables, by the runner's own turns; events keep their random references and stay valid. Needed is
who has an open CheckIn, a stay or a ReserveNow, whom a message still owed names, and who was asked for just now
(`threats-and-faults.md` 5). How long somebody was not needed is itself a row, so that restarts do not begin anew; time
is the location's clock, which stands still while the agent is down.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from agent.core.state import Site
from agent.journal.errors import JournalError
from agent.journal.turn import DropRecord, ForgetSubject, PutRecord, Write
from agent.kernel.clock import LocationClock
from agent.kernel.mishaps import Failed, Stopped
from agent.kernel.runner import Runner

log = logging.getLogger("stationmaster.forgetting")

SPAN_MS = 24 * 3_600_000
LOOK_EVERY_MS = 3_600_000  # forgotten after 24 to 25 hours; a month's backlog takes a second to look through
STORE = "forgetting"  # reference -> elapsed ms since when nothing needs it
QUARANTINE = "forgetting_quarantine"  # name of damaged files -> elapsed ms since when they are known
WRITES_MAX = 1_000  # in one turn: others should not wait for 20,000 rows
OWED_BATCH = 1_000
_REFERENCE = re.compile(rb"(?=([0-9a-f]{16}))")  # as `Subjects` makes them, anywhere in a fact of any form


class OwedMessage(Protocol):
    """A message that is still to be delivered."""

    @property
    def id(self) -> int:
        """Its number."""

    @property
    def fact(self) -> bytes:
        """What it tells."""


class Tables(Protocol):
    """What is needed of the journal."""

    def subject_refs(self) -> tuple[str, ...]:
        """Return all references that have a row."""

    def owed_counts(self) -> dict[str, int]:
        """Return the lanes that owe something."""

    def owed(self, lane: str, limit: int, after: int = 0) -> Sequence[OwedMessage]:
        """Return messages of a lane in order."""

    @property
    def records(self) -> "Records":
        """Return the records of a store."""

    @property
    def unwiped(self) -> bool:
        """Whether something that was deleted may be in a file yet."""

    async def checkpoint(self) -> None:
        """Wipe what was deleted from every file."""

    def quarantined(self) -> tuple[str, ...]:
        """Return the names of damaged files that are kept as they were."""

    def scrub(self, name: str) -> None:
        """Keep only what names nobody of damaged files; blocks."""


class Records(Protocol):
    """Reads a store."""

    def __call__(self, store: str, /) -> Mapping[str, bytes]:
        """Return the records of a store by key."""


class LatelyAsked(Protocol):
    """Who knows which references were given out."""

    def lately(self) -> frozenset[str]:
        """Return the references given out since the look before the last."""

    def look(self) -> None:
        """Begin a new span of `lately`."""


class Forgetting:
    """The janitor of the subject table. `stores` are keyed records whose values may name references, too."""

    def __init__(
        self, runner: Runner, clock: LocationClock, tables: Tables, asked: LatelyAsked, stores: Iterable[str] = ()
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._tables = tables
        self._asked = asked
        self._stores = tuple(stores)

    async def run(self) -> None:
        """Look every hour, until cancelled; a disk that fails is tried again at the next look."""
        while True:
            await self._clock.until(self._clock.now().elapsed_ms + LOOK_EVERY_MS)
            try:
                await self.look()
            except (JournalError, Failed) as error:
                log.warning("forgetting=put_off error=%s", type(error).__name__)
            except Stopped:
                raise
            except Exception:  # a bug in here must not end the site once an hour
                log.exception("forgetting=failed")

    async def look(self) -> None:
        """Forget who has not been needed for a day, note who is not needed any more, and wipe."""
        found = await asyncio.to_thread(self._read)
        # From here to the inbox nothing is awaited: who is asked for meanwhile was asked for before, or has a new row.
        refs, named, since = found
        needed = named | self._asked.lately() | frozenset(references(self._runner.site))
        self._asked.look()
        writes = changes(refs, needed, since, self._clock.now().elapsed_ms)[:WRITES_MAX]
        if writes:
            await self._runner.store(writes)
        gone = sum(isinstance(write, ForgetSubject) for write in writes)
        if self._tables.unwiped and not self._runner.provisional:
            await self._tables.checkpoint()
            log.info("forgetting=done subjects=%d", gone)
        await self._look_at_quarantine()

    async def _look_at_quarantine(self) -> None:
        names = await asyncio.to_thread(self._tables.quarantined)
        since = {name: int(value) for name, value in (await self._kept(QUARANTINE)).items()}
        now_ms = self._clock.now().elapsed_ms
        writes: list[Write] = [
            PutRecord(store=QUARANTINE, key=name, value=str(now_ms).encode()) for name in names if name not in since
        ]
        for name in since:
            if name in names and now_ms - since[name] < SPAN_MS:
                continue
            if name in names:
                await asyncio.to_thread(self._tables.scrub, name)
                log.info("forgetting=done quarantine=%s", name)
            writes.append(DropRecord(store=QUARANTINE, key=name))
        if writes:
            await self._runner.store(tuple(writes))

    async def _kept(self, store: str) -> Mapping[str, bytes]:
        return await asyncio.to_thread(self._tables.records, store)

    def _read(self) -> tuple[tuple[str, ...], frozenset[str], dict[str, int]]:
        """Return all references, those that owed messages and stores name, and since when others were not needed."""
        refs = self._tables.subject_refs()
        known = frozenset(refs)
        named = frozenset(ref for text in self._texts() for ref in _references_in(text) if ref in known)
        since = {ref: int(value) for ref, value in self._tables.records(STORE).items()}
        return refs, named, since

    def _texts(self) -> Iterator[bytes]:
        for store in self._stores:
            yield from self._tables.records(store).values()
        for lane in self._tables.owed_counts():
            after = 0
            while rows := self._tables.owed(lane, OWED_BATCH, after):
                yield from (row.fact for row in rows)
                after = rows[-1].id


def references(site: Site) -> Iterator[str]:
    """Yield the references that a site needs."""
    for check_in in site.open_check_ins():
        yield from check_in.subjects
        if check_in.device is not None:
            yield check_in.device
    for _, reservation in sorted(site.reservations.items()):
        if reservation.open:
            yield from reservation.subjects
            if reservation.device is not None:
                yield reservation.device
    for _, stay in sorted(site.stays.items()):
        yield from (ref for ref in (stay.subject, stay.group) if ref is not None)
    for _, reserve in sorted(site.reserved.items()):
        yield from (ref for ref in (reserve.subject, reserve.group) if ref is not None)


def changes(refs: Sequence[str], needed: frozenset[str], since: Mapping[str, int], now_ms: int) -> tuple[Write, ...]:
    """Return the rows that follow: forgotten, begun to be not needed, needed again, or gone."""
    writes: list[Write] = []
    for ref in refs:
        if ref in needed:
            writes += [DropRecord(store=STORE, key=ref)] if ref in since else []
        elif ref not in since:
            writes.append(PutRecord(store=STORE, key=ref, value=str(now_ms).encode()))
        elif now_ms - since[ref] >= SPAN_MS:
            writes += [ForgetSubject(ref=ref), DropRecord(store=STORE, key=ref)]
    rows = frozenset(refs)
    writes += [DropRecord(store=STORE, key=ref) for ref in sorted(since) if ref not in rows]
    return tuple(writes)


def _references_in(text: bytes) -> Iterator[str]:
    return (found.group(1).decode() for found in _REFERENCE.finditer(text))
