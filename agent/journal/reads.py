"""Reading the journal beside its writer: own connections that cannot write, short reads, proven rows.

May be called from any thread; blocks for one read, so call it off the event loop. A read begun after a commit was
announced sees that commit. Nothing here keeps a transaction open between calls: that would hold the log back.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.journal.codec import Codec
from agent.journal.disk import connect_to_read, storage_error
from agent.journal.errors import JournalError, StorageDamaged
from agent.journal.rows import (
    DEAD_LETTER,
    OWED,
    RECEIPT,
    RECORD,
    SELECT_EVENTS,
    SUBJECT,
    Row,
    Table,
    event_hash,
    select,
)

READ_BATCH_MAX = 1000  # rows of one read of a long list
IDLE_READERS_MAX = 4  # about 50 KiB each; more readers at once are opened and closed again


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event with its place and time."""

    seq: int
    boot: int
    elapsed_ms: int
    utc_ms: int | None
    event: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The answer a request got."""

    digest: bytes
    answer: bytes
    elapsed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The person behind a reference."""

    ref: str
    kind: str
    value: str
    lookup: bytes
    details: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A message to be delivered."""

    id: int
    lane: str
    message_id: str
    kind: str
    fact: bytes
    group: str | None
    frame: bytes | None  # None until it was first sent
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up."""

    owed: Owed
    reason: str
    elapsed_ms: int


class Reads:
    """The questions others may ask of a journal."""

    def __init__(self, path: Path, codec: Codec) -> None:
        """Read the database at `path`, which its writer has open."""
        self._path = path
        self._codec = codec
        self._pool = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._generation = 0
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that cannot write; errors become StorageFailed, StorageDamaged or StorageFull."""
        with self._pool:
            if self._closed:
                raise JournalError("journal: is closed")
            generation = self._generation
            idle = self._idle.pop() if self._idle else None
        db = self._connect() if idle is None else idle
        try:
            yield db
        except sqlite3.Error as error:
            db.close()
            raise storage_error(error, "read") from error
        except BaseException:
            db.close()
            raise
        self._take_back(db, generation)

    def renew(self) -> None:
        """Use no connection again that is open now: close the idle ones here, those lent out when they come back.

        SQLite shares the -shm file among the connections of a process: one opened while the disk was read-only makes
        the writer's read-only for as long as it lives.
        """
        with self._pool:
            self._generation += 1
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def close(self) -> None:
        """Close every connection, as `renew` does, and lend none any more."""
        with self._pool:
            self._closed = True
        self.renew()

    def receipt(self, source: str, request_id: str) -> Receipt | None:
        """Return the answer a request got, None if it is new (or older than 7 days)."""
        rows = self._rows(RECEIPT, "WHERE source = ? AND request_id = ?", source, request_id)
        return Receipt(digest=rows[0][3], answer=rows[0][4], elapsed_ms=rows[0][5]) if rows else None

    def subject(self, ref: str) -> Subject | None:
        """Return the person behind a reference, None if forgotten."""
        return next(iter(self._subjects("WHERE ref = ?", ref)), None)

    def subject_by_lookup(self, kind: str, lookup: bytes) -> Subject | None:
        """Return the first person of a kind with this keyed hash, by reference."""
        return next(iter(self._subjects("WHERE kind = ? AND lookup = ? ORDER BY ref LIMIT 1", kind, lookup)), None)

    def subject_refs(self) -> tuple[str, ...]:
        """Return the references of all persons, in their order; 20,000 at most."""
        with self.connection() as db:
            return tuple(row[0] for row in db.execute("SELECT ref FROM subject ORDER BY ref"))

    def owed(self, lane: str, limit: int, after: int = 0) -> tuple[Owed, ...]:
        """Return up to `limit` messages of a lane in the order they were owed, those after an owed id."""
        clause = "WHERE lane = ? AND id > ? ORDER BY id LIMIT ?"
        return tuple(_owed(row) for row in self._rows(OWED, clause, lane, after, limit))

    def owed_counts(self) -> dict[str, int]:
        """Return how many messages each lane owes."""
        with self.connection() as db:
            return dict(db.execute("SELECT lane, count(*) FROM owed GROUP BY lane ORDER BY lane"))

    def dead_letters(self, limit: int = READ_BATCH_MAX) -> tuple[DeadLetter, ...]:
        """Return the newest messages that were given up, in the order they were owed."""
        rows = self._rows(DEAD_LETTER, "ORDER BY id DESC LIMIT ?", limit)
        return tuple(DeadLetter(owed=_owed(row[:8]), reason=row[8], elapsed_ms=row[9]) for row in reversed(rows))

    def record(self, store: str, key: str) -> bytes | None:
        """Return a keyed record, None if there is none."""
        rows = self._rows(RECORD, "WHERE store = ? AND key = ?", store, key)
        return rows[0][2] if rows else None

    def records(self, store: str) -> dict[str, bytes]:
        """Return all records of a store by key, in the order of their keys; read in short pieces."""
        found: dict[str, bytes] = {}
        last = ""
        while True:
            clause = "WHERE store = ? AND key > ? ORDER BY key LIMIT ?"
            rows = self._rows(RECORD, clause, store, last, READ_BATCH_MAX)
            found.update({row[1]: row[2] for row in rows})
            if len(rows) < READ_BATCH_MAX:
                return found
            last = rows[-1][1]

    def events(self, after: int, limit: int) -> tuple[StoredEvent, ...]:
        """Return up to `limit` events after a sequence number; raise StorageDamaged if one is not as written."""
        with self.connection() as db:
            return tuple(self.stored(row) for row in read_events(db, after, limit))

    def last_utc_ms(self) -> int | None:
        """Return the wall clock's time of the last event that has one, None without any."""
        with self.connection() as db:
            row = db.execute("SELECT utc_ms FROM event WHERE utc_ms IS NOT NULL ORDER BY seq DESC LIMIT 1").fetchone()
        return None if row is None else int(row[0])

    def stored(self, row: tuple[Any, ...]) -> StoredEvent:
        """Return the event of a proven row."""
        seq, boot, elapsed_ms, utc_ms, kind, version, body = row[:7]
        event = self._codec.decode(kind, version, body)
        return StoredEvent(seq=seq, boot=boot, elapsed_ms=elapsed_ms, utc_ms=utc_ms, event=event)

    def _subjects(self, clause: str, *values: str | bytes) -> tuple[Subject, ...]:
        rows = self._rows(SUBJECT, clause, *values)
        return tuple(Subject(ref=row[0], kind=row[1], value=row[2], lookup=row[3], details=row[4]) for row in rows)

    def _rows(self, table: Table, clause: str, *values: str | bytes | int) -> list[Any]:
        with self.connection() as db:
            return select(db, table, clause, values)

    def _take_back(self, db: sqlite3.Connection, generation: int) -> None:
        with self._pool:
            if generation == self._generation and len(self._idle) < IDLE_READERS_MAX:
                self._idle.append(db)
                return
        db.close()

    def _connect(self) -> sqlite3.Connection:
        try:
            return connect_to_read(self._path)
        except sqlite3.Error as error:
            raise storage_error(error, "open for reading") from error


def read_events(db: sqlite3.Connection, after: int, limit: int) -> list[Row]:
    """Return event rows after a sequence number, each proven by its hash."""
    query = f"{SELECT_EVENTS} WHERE seq > ? ORDER BY seq LIMIT ?"
    rows: list[Row] = db.execute(query, (after, limit)).fetchall()
    for row in rows:
        if event_hash(row[:-1]) != row[-1]:
            raise StorageDamaged(f"event {row[0]!r} is not as written")
    return rows


def _owed(row: Any) -> Owed:
    id_, lane, message_id, kind, fact, group, frame, attempts = row
    return Owed(
        id=id_, lane=lane, message_id=message_id, kind=kind, fact=fact, group=group, frame=frame, attempts=attempts
    )
