"""The journal of one charging location, as the rest of the agent sees it.

One writer thread owns the one connection that writes; `append` hands it a turn and the answer is only given when the
turn is on disk. Reads use their own connections and may be made from any thread. Decides nothing about the content
of events; must never be opened twice (lock file) and never answers before the sync.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from agent.journal import quarantine, snapshots
from agent.journal.check import VerifyReport, hash_at, verify
from agent.journal.codec import Codec
from agent.journal.disk import DATABASE, Lock, Synchronous, storage_error
from agent.journal.errors import JournalError, StorageDamaged, TurnRefused
from agent.journal.reads import READ_BATCH_MAX, DeadLetter, Owed, Reads, Receipt, StoredEvent, Subject
from agent.journal.recovery import Recovery, recover
from agent.journal.rows import read_state
from agent.journal.turn import Turn
from agent.journal.writer import Writer

KEEP_EVENTS = 50_000  # history beyond the snapshots, for people: about a month of a busy site, 15 MB

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What to rebuild the state from: fold the snapshot's events, then the events after it."""

    snapshot: tuple[Any, ...]  # events without a place of their own
    snapshot_head: int  # the last event the snapshot contains; 0 if there is none
    events: Iterator[StoredEvent]  # from there to the head at the time of loading; read as it is iterated


class Journal:
    """An open journal. Use `Journal.open`; the object is usable from any thread and any event loop."""

    def __init__(self, directory: Path, codec: Codec, synchronous: Synchronous, second: Path | None, keep: int) -> None:
        """Take the lock, recover and open; blocks. Private: use `open`."""
        self._directory, self._codec, self._second, self._keep = directory, codec, second, keep
        if not directory.exists():
            directory.mkdir(parents=True, mode=0o700)
            snapshots.sync_folder(directory.parent)
        self._lock = Lock(directory)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-writer")
        self._closed = False
        self._snapshotting = threading.Lock()
        self._reads = Reads(directory / "live" / DATABASE, codec)
        try:
            self.recovery: Recovery
            self.recovery, self._snapshot = recover(directory, synchronous, second)
            self._writer = self._thread.submit(Writer, directory, codec, synchronous, self._reads.renew).result()
        except (sqlite3.Error, OSError) as error:
            self._give_up()
            raise storage_error(error, f"open {directory}") from error
        except BaseException:
            self._give_up()
            raise
        self.clean_stop = self._writer.state.clean and not self.recovery.rebuilt
        self.last_utc_ms: Callable[[], int | None] = self._reads.last_utc_ms
        self.receipt: Callable[[str, str], Receipt | None] = self._reads.receipt
        self.subject: Callable[[str], Subject | None] = self._reads.subject
        self.subject_by_lookup: Callable[[str, bytes], Subject | None] = self._reads.subject_by_lookup
        self.subject_refs: Callable[[], tuple[str, ...]] = self._reads.subject_refs
        self.record: Callable[[str, str], bytes | None] = self._reads.record
        self.records: Callable[[str], dict[str, bytes]] = self._reads.records

    @classmethod
    def open(
        cls,
        directory: Path,
        codec: Codec,
        *,
        synchronous: Synchronous = "FULL",
        second: Path | None = None,
        keep_events: int = KEEP_EVENTS,
    ) -> "Journal":
        """Open or create a journal, rebuilding it if damaged; blocks (about 0.1 s per 10 MB).

        `second` is a folder on another partition or stick that gets a copy of the newest snapshot. `synchronous="OFF"`
        is for simulations only: a power cut then loses what was acknowledged. Raises JournalBusy if another process
        has it, StorageFailed or StorageFull if the disk cannot be read or written, StorageDamaged if a rebuild fails.
        """
        return cls(directory, codec, synchronous, second, keep_events)

    @property
    def head(self) -> int:
        """Number of the last event; 0 in an empty journal."""
        return self._writer.state.head

    @property
    def last_elapsed_ms(self) -> int:
        """The location's clock at the last turn."""
        return self._writer.state.elapsed_ms

    @property
    def last_boot(self) -> int:
        """Number of the boot of the last turn."""
        return self._writer.state.boot

    def append(self, turn: Turn) -> "asyncio.Future[int]":
        """Make a turn durable, all or nothing; the result is the new head.

        HeadMoved, TurnRefused, LimitReached: nothing is written and never will be. StorageFull, StorageFailed: nothing
        is written; the same turn may be appended later. A cancelled wait does not take the turn back: see `head`.
        """
        return asyncio.shield(asyncio.wrap_future(self._submit(turn)))

    def append_now(self, turn: Turn) -> int:
        """As `append`, but blocks; for tools, simulations and threads of their own."""
        return self._submit(turn).result()

    def load(self) -> Loaded:
        """Return the newest good snapshot and the events after it; raise JournalError if one cannot be decoded."""
        snapshot = self._snapshot
        start = snapshot.head if snapshot else 0
        lines = snapshot.lines if snapshot else ()
        return Loaded(
            snapshot=tuple(self._codec.decode(*line) for line in lines),
            snapshot_head=start,
            events=self._events_to(start, self.head),
        )

    async def snapshot(self, events: Iterable[object], head: int) -> None:
        """As `snapshot_now`, in a thread; turns go on meanwhile."""
        await asyncio.to_thread(self.snapshot_now, tuple(events), head)

    def snapshot_now(self, events: Iterable[object], head: int) -> None:
        """Keep the events that restate the state at `head`, then trim, wipe and checkpoint; blocks.

        Raises TurnRefused if the journal has no such head, StorageFailed and its kind if the disk does not keep it;
        the older generation then remains good.
        """
        with self._snapshotting:
            made = self._make_snapshot(events, head)
            folder = self._directory / "snapshots"
            good, _ = snapshots.found(folder)
            data = snapshots.render(made)
            try:
                snapshots.write(folder, snapshots.next_name(good), data)
                if self._second is not None:
                    more, _ = snapshots.found(self._second)
                    snapshots.write(self._second, snapshots.next_name(more), data)
            except OSError as error:
                raise storage_error(error, "write a snapshot") from error
            self._snapshot = made
            good, _ = snapshots.found(folder)
            both = len(good) == len(snapshots.GENERATIONS)
            older = min(snapshot.head for snapshot in good.values()) if both else 0
            self._on_writer(lambda: self._writer.tidy(min(older, self.head - self._keep))).result()

    async def checkpoint(self) -> None:
        """Empty the log into the database and wipe what was forgotten; call it when nothing waits."""
        await asyncio.wrap_future(self._on_writer(lambda: self._writer.tidy(0)))

    @property
    def unwiped(self) -> bool:
        """Whether something that named somebody was deleted since the last `checkpoint` and may be in a file yet."""
        return self._writer.unwiped

    def quarantined(self) -> tuple[str, ...]:
        """Return the names of the damaged databases that are kept as they were."""
        return quarantine.quarantined(self._directory)

    def scrub(self, name: str) -> None:
        """Keep only the events of a damaged database; blocks. Raises StorageFailed where the disk refuses."""
        try:
            quarantine.scrub(self._directory, name)
        except OSError as error:
            raise storage_error(error, f"scrub quarantine/{name}") from error

    async def probe(self) -> VerifyReport:
        """Prove that the disk takes a write again, then verify everything; raise StorageFailed if it does not."""
        await asyncio.wrap_future(self._on_writer(self._writer.probe))
        return await asyncio.to_thread(self.verify)

    def verify(self) -> VerifyReport:
        """Check schema, trees, tables and the whole chain; only reads, blocks, may run beside the writer."""
        with self._reads.connection() as db:
            return verify(db)

    def owed(self, lane: str, limit: int, after: int = 0) -> tuple[Owed, ...]:
        """Return up to `limit` messages of a lane in the order they were owed, those after an owed id."""
        return self._reads.owed(lane, limit, after)

    def owed_counts(self) -> dict[str, int]:
        """Return how many messages each lane owes."""
        return self._reads.owed_counts()

    def dead_letters(self, limit: int = READ_BATCH_MAX) -> tuple[DeadLetter, ...]:
        """Return the newest messages that were given up."""
        return self._reads.dead_letters(limit)

    def events(self, after: int, limit: int) -> tuple[StoredEvent, ...]:
        """Return up to `limit` kept events after a sequence number."""
        return self._reads.events(after, limit)

    def close(self) -> None:
        """Leave the mark of a proper stop and let go; raise StorageFailed if the mark could not be written."""
        if self._closed:
            return
        self._closed = True
        try:
            self._reads.close()
            self._thread.submit(self._writer.close).result()
        finally:
            self._give_up()

    def _submit(self, turn: Turn) -> "Future[int]":
        future = self._on_writer(lambda: self._writer.append(turn))
        future.add_done_callback(self._checkpoint_behind)
        return future

    def _checkpoint_behind(self, done: "Future[int]") -> None:
        """Checkpoint after the answer is out, so that no turn waits for it but the next."""
        if not done.cancelled() and self._writer.wants_checkpoint:
            with suppress(JournalError, RuntimeError):  # closed meanwhile: closing empties the log itself
                self._on_writer(self._writer.checkpoint)

    def _on_writer(self, step: Callable[[], T]) -> "Future[T]":
        if self._closed:
            raise JournalError("journal: is closed")
        return self._thread.submit(step)

    def _make_snapshot(self, events: Iterable[object], head: int) -> snapshots.Snapshot:
        with self._reads.connection() as db:
            state = read_state(db)
            if not state.floor < head <= state.head:
                raise TurnRefused(f"no snapshot at event {head}: the journal has {state.floor + 1} to {state.head}")
            try:
                known = hash_at(db, state, head)
            except StorageDamaged as error:
                raise TurnRefused(f"no snapshot at event {head}: it is lost") from error
        return snapshots.Snapshot(
            head=head,
            hash=known,
            boot=state.boot,
            elapsed_ms=state.elapsed_ms,
            lines=tuple(self._codec.encode(event) for event in events),
        )

    def _events_to(self, after: int, head: int) -> Iterator[StoredEvent]:
        while after < head:
            batch = self._reads.events(after, min(READ_BATCH_MAX, head - after))
            yield from (stored for stored in batch if stored.seq <= head)
            if not batch or len(batch) < min(READ_BATCH_MAX, head - after):
                return  # the rest is a gap
            after = batch[-1].seq

    def _give_up(self) -> None:
        self._thread.shutdown(wait=True)
        self._lock.release()
