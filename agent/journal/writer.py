"""The one connection that writes: commits turns, checkpoints, trims, sweeps. Runs on one thread, the journal's.

Decides what a failed commit means: roll back, close, make the disk speak for itself, look where the head is, append
again once; then give up and say so. Never retries a sync: after a failed one Linux calls the pages clean.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from agent.journal.apply import Applier
from agent.journal.check import hash_at
from agent.journal.codec import Codec
from agent.journal.disk import (
    DATABASE,
    Synchronous,
    connect,
    drop_cached_log,
    free_ballast,
    rebuild_ballast,
    storage_error,
)
from agent.journal.errors import HeadMoved, LimitReached, StorageDamaged, StorageFailed, StorageFull, TurnRefused
from agent.journal.rows import GAP, OWED, PAGE_BYTES, SUBJECT, Ledger, State, event_hash, read_state, write_state
from agent.journal.turn import BODY_MAX_BYTES, SUBJECTS_MAX, Turn, Write

CHECKPOINT_AFTER_PAGES = 1000  # about 1 MiB of log: scanned in 0.1 s at a start, and needed free when the disk is full
LOG_KEPT_MAX_BYTES = 4 * 1024 * 1024  # a larger log, left by one large turn, is cut at the next checkpoint
TURN_PAGES = 3  # a turn writes these besides its rows: state, a leaf, its parent
TRIM_BATCH = 1000  # events deleted per commit: turns waiting behind it wait some 10 ms
# Tables with rows that name somebody, and up to how many rows they are written anew: all subjects, and what is owed
# once a long backlog, of which few rows had a frame yet, has shrunk.
SWEPT = ((SUBJECT, SUBJECTS_MAX), (OWED, 2_000))
TRIM_BATCHES_MAX = 20  # per snapshot; the rest waits for the next one

Encoded = list[tuple[str, int, bytes]]


class Writer:
    """What happens on the writer thread; every method must be called there."""

    def __init__(
        self, directory: Path, codec: Codec, synchronous: Synchronous, renew_readers: Callable[[], None]
    ) -> None:
        """Open the database that recovery left behind; raises sqlite3.Error or StorageDamaged."""
        self._directory = directory
        self._codec = codec
        self._synchronous = synchronous
        self._renew_readers = renew_readers
        self._live = directory / "live"
        self._db: sqlite3.Connection | None = None
        self._pages_since_checkpoint = 0
        self._forgot = {
            table.name for table, _ in SWEPT
        }  # of which deleted rows may be in free space; unknown at a start
        self.unwiped = True  # whether tidying would wipe something
        self._wanted = self.state = State()
        self._open()
        rebuild_ballast(directory)

    def append(self, turn: Turn) -> int:
        """Make a turn durable and return the new head; see Journal.append for the errors."""
        encoded = [self._codec.encode(event) for event in turn.events]
        for kind, _, body in encoded:
            if len(body) > BODY_MAX_BYTES:
                raise LimitReached(f"event {kind} has {len(body)} of at most {BODY_MAX_BYTES} bytes")
        self._revive()
        self._refuse_if_stale(turn)
        try:
            self._commit(turn, encoded)
        except (sqlite3.Error, OSError) as error:
            self._append_again(turn, encoded, error)
        self._pages_since_checkpoint += TURN_PAGES + sum(1 + len(body) // PAGE_BYTES for _, _, body in encoded)
        self._pages_since_checkpoint += sum(map(_pages, turn.writes))
        return self.state.head

    @property
    def wants_checkpoint(self) -> bool:
        """True if the log has grown enough to be worth two syncs."""
        return self._pages_since_checkpoint >= CHECKPOINT_AFTER_PAGES

    def checkpoint(self) -> None:
        """Copy the log into the database as far as readers allow, without waiting; never fails a turn."""
        if self._db is not None and self.wants_checkpoint:
            self._pages_since_checkpoint = 0
            self._guarded(lambda: self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())

    def tidy(self, trim_to: int) -> None:
        """Trim events up to `trim_to`, wipe what was forgotten, empty the log, restore the ballast."""
        self._revive()
        self._guarded(lambda: self._trim(trim_to))
        self._guarded(self._sweep)
        self._guarded(self._empty_log)
        self.unwiped = bool(self._forgot)
        self._guarded(lambda: rebuild_ballast(self._directory))

    def probe(self) -> None:
        """Prove that the disk takes a write; raise StorageFailed if not."""
        self._revive()
        self._guarded(lambda: self._rewrite(replace(self.state, next_id=self.state.next_id + 1)))

    def close(self) -> None:
        """Leave the mark of a proper stop and an empty log."""
        try:
            if self._db is not None:
                if not self.state.clean:
                    self._guarded(self._sweep)
                    self._guarded(lambda: self._rewrite(replace(self.state, clean=True)))
                self._guarded(self._empty_log)
        finally:
            self._shut()

    @property
    def _database(self) -> sqlite3.Connection:
        if self._db is None:
            raise StorageFailed("journal: the database is not open after a storage failure")
        return self._db

    def _open(self) -> None:
        self._db = connect(self._live / DATABASE, self._synchronous)
        try:
            self._db.execute(f"PRAGMA journal_size_limit = {LOG_KEPT_MAX_BYTES}")
            self.state = read_state(self._db)
            self._applier = Applier(self._db)
        except BaseException:
            self._shut()
            raise

    def _shut(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _reopen(self) -> None:
        """Open again and move the log into the database with fresh writes: a sync that fails now fails the turn."""
        self._renew_readers()
        drop_cached_log(self._live)
        self._open()
        self._empty_log()

    def _revive(self) -> None:
        """Open again after a failure, giving up the ballast if there is no space even for that."""
        if self._db is not None:
            return
        try:
            self._guarded(self._reopen)
        except StorageFull:
            if not free_ballast(self._directory):
                raise
            self._guarded(self._reopen)

    def _refuse_if_stale(self, turn: Turn) -> None:
        if turn.expected_head != self.state.head:
            raise HeadMoved(f"the journal's head is {self.state.head}, the turn expected {turn.expected_head}")
        if turn.elapsed_ms < self.state.elapsed_ms or turn.boot < self.state.boot:
            raise TurnRefused(
                f"time runs backwards: boot {turn.boot} elapsed {turn.elapsed_ms} ms after "
                f"boot {self.state.boot} elapsed {self.state.elapsed_ms} ms"
            )

    def _commit(self, turn: Turn, encoded: Encoded) -> None:
        db = self._database
        before = self.state
        try:
            db.execute("BEGIN IMMEDIATE")
            ledger = Ledger(db, before)
            for write in turn.writes:
                self._applier.apply(ledger, write, turn.elapsed_ms)
            head, prev = before.head, before.head_hash
            for kind, version, body in encoded:
                head += 1
                row = (head, turn.boot, turn.elapsed_ms, turn.utc_ms, kind, version, body, prev)
                prev = event_hash(row)
                db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, prev))
            after = replace(before, head=head, head_hash=prev, boot=turn.boot, elapsed_ms=turn.elapsed_ms, clean=False)
            self._wanted = ledger.settled(after)
            write_state(db, self._wanted, over=before)
            db.execute("COMMIT")
        except BaseException:
            self._roll_back(db)
            raise
        self.state = self._wanted
        self._forgot |= self._applier.forgot
        self.unwiped |= bool(self._applier.forgot)

    def _roll_back(self, db: sqlite3.Connection) -> None:
        try:
            if db.in_transaction:
                db.execute("ROLLBACK")
            self._applier = Applier(db)  # its counts were of the turn that is not
        except sqlite3.Error:
            self._shut()  # the next append opens it anew

    def _append_again(self, turn: Turn, encoded: Encoded, error: sqlite3.Error | OSError) -> None:
        """The second and last try after a failed commit; raise StorageFailed or its kind if it fails, too."""
        before, wanted = self.state, self._wanted
        failed = storage_error(error, "write")
        if isinstance(failed, StorageDamaged):
            raise failed from error
        self._shut_quietly()
        try:
            if isinstance(failed, StorageFull):
                free_ballast(self._directory)
            self._reopen()
            if self.state == wanted and wanted != before:
                return  # the commit had reached the disk, and has been written to it once more
            if self.state != before:
                raise StorageDamaged("journal: after a failed write the file holds neither the old state nor the new")
            self._commit(turn, encoded)
        except (sqlite3.Error, OSError) as second:
            self._shut_quietly()
            self.state = before
            raise storage_error(second, "write, tried twice") from second

    def _shut_quietly(self) -> None:
        try:
            self._shut()
        except sqlite3.Error:
            self._db = None

    def _guarded(self, step: Callable[[], object]) -> None:
        """Run a step outside a turn; its storage errors become ours and leave the database closed."""
        try:
            step()
        except (sqlite3.Error, OSError) as error:
            self._shut_quietly()
            raise storage_error(error, "write") from error

    def _rewrite(self, state: State) -> None:
        db = self._database
        db.execute("BEGIN IMMEDIATE")
        write_state(db, state, over=self.state)
        db.execute("COMMIT")
        self.state = state

    def _trim(self, trim_to: int) -> None:
        for _ in range(TRIM_BATCHES_MAX):
            upto = min(trim_to, self.state.floor + TRIM_BATCH)
            gap = self._database.execute("SELECT first FROM gap WHERE first <= ? AND last > ?", (upto, upto)).fetchone()
            upto = upto if gap is None else gap[0] - 1  # the floor is an event whose hash is known
            if upto <= self.state.floor:
                return
            db = self._database
            db.execute("BEGIN IMMEDIATE")
            ledger = Ledger(db, self.state)
            floor_hash = hash_at(db, self.state, upto)
            db.execute("DELETE FROM event WHERE seq <= ?", (upto,))
            ledger.take(GAP, "last <= ?", (upto,))
            trimmed = ledger.settled(replace(self.state, floor=upto, floor_hash=floor_hash))
            write_state(db, trimmed, over=self.state)
            db.execute("COMMIT")
            self.state = trimmed

    def _sweep(self) -> None:
        """Write the tables anew of which rows that named somebody were deleted: persons, and frames that were sent.

        secure_delete wipes deleted cells and freed pages, but not the copies that balancing leaves in the gaps of
        pages (seen once in 1,466 deletions); emptying the whole table frees, and so wipes, all of its pages.
        """
        db = self._database
        for table, rows_max in SWEPT:
            count = dict(self.state.totals)[table.name].count
            if table.name not in self._forgot or count > rows_max:
                continue
            db.execute("BEGIN IMMEDIATE")
            rows = db.execute(f"SELECT * FROM {table.name} ORDER BY {table.key[0]}").fetchall()  # noqa: S608
            db.execute(f"DELETE FROM {table.name}")  # noqa: S608 - without a condition: page by page, not row by row
            marks = ", ".join("?" * (len(table.columns) + 1))
            db.executemany(f"INSERT INTO {table.name} VALUES ({marks})", rows)  # noqa: S608
            db.execute("COMMIT")
            self._applier.forgot.discard(table.name)
            self._forgot.discard(table.name)
            assert len(rows) == count  # noqa: S101

    def _empty_log(self) -> None:
        if self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise StorageFailed("journal: the log cannot be emptied: a reader has held it for more than a second")
        self._pages_since_checkpoint = 0


def _pages(write: Write) -> int:
    """About how many pages a write touches."""
    values = (getattr(write, field.name) for field in fields(write))
    return 1 + sum(len(value) for value in values if isinstance(value, bytes | str)) // PAGE_BYTES
