"""Is what the file says what was written? Faults as sentences; an empty answer is good news.

Only reads, in short transactions, through whatever connection it is given. `integrity_check` proves the trees, the
chain and the check values prove the content: neither sees what the other sees.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.journal.errors import StorageDamaged
from agent.journal.rows import (
    GAP,
    SELECT_EVENTS,
    TABLES,
    State,
    Total,
    digest,
    event_hash,
    read_state,
    schema,
    schema_lines,
    select,
)

CHAIN_BATCH = 1000  # events per read transaction: about 5 ms, so that the log can be reset in between
FAULTS_SHOWN_MAX = 20  # a shredded file has thousands; the first ones say enough

UNREADABLE = (sqlite3.Error, StorageDamaged, ValueError, TypeError, AttributeError, OverflowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What a verification found."""

    head: int
    events: int  # events whose hash was checked
    gaps: tuple[tuple[int, int], ...]  # first and last event of each loss known from an earlier rebuild
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True if everything is as written; a known gap is not a new fault."""
        return not self.faults


def verify(db: sqlite3.Connection, *, after: int | None = None) -> VerifyReport:
    """Check schema, trees, tables and the chain of all events, or of those after an event whose hash is trusted."""
    faults: list[str] = []
    state, gaps = State(), dict[int, tuple[int, bytes]]()

    def checked(what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except UNREADABLE as error:
            if _is_trouble_of_the_device(error):
                raise
            faults.append(f"{what}: {error}")

    def read_head() -> None:
        nonlocal state, gaps
        db.execute("BEGIN")  # state row and tables of the same commit
        try:
            state = read_state(db)
            gaps = {int(row[0] or 0): (int(row[1] or 0), bytes(row[2])) for row in read_gaps(db)}
            faults.extend(_table_faults(db, state))
        finally:
            db.execute("ROLLBACK")

    checked("schema", lambda: faults.extend(_schema_faults(db)))
    checked("file", lambda: faults.extend(_tree_faults(db)))
    checked("tables", read_head)
    events = 0

    def follow() -> None:
        nonlocal events
        start, prev = state.floor, state.floor_hash
        if after is not None and after > state.floor:
            start, prev = after, hash_at(db, state, after)
        for _ in chain(db, start, prev, state, gaps):
            events += 1

    if not faults:
        checked("events", follow)
    return VerifyReport(
        head=state.head,
        events=events,
        gaps=tuple((first, last) for first, (last, _) in sorted(gaps.items())),
        faults=tuple(faults[:FAULTS_SHOWN_MAX]),
    )


def _is_trouble_of_the_device(error: Exception) -> bool:
    """True for errors that say nothing about the content: the file could not be read at all."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_IOERR and code != sqlite3.SQLITE_IOERR_SHORT_READ


def read_gaps(db: sqlite3.Connection) -> list[tuple[int, int, bytes]]:
    """Return the known losses: first event, last event, hash of the last."""
    return [(first, last, known) for first, last, known in select(db, GAP, "ORDER BY first", ())]  # type: ignore[misc]


def hash_at(db: sqlite3.Connection, state: State, seq: int) -> bytes:
    """Return the chain hash at an event; raise StorageDamaged if the journal does not have it."""
    if seq == state.floor:
        return state.floor_hash
    if seq == state.head:
        return state.head_hash
    row = db.execute("SELECT hash FROM event WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        row = db.execute("SELECT hash FROM gap WHERE last = ?", (seq,)).fetchone()
    if row is None:
        raise StorageDamaged(f"event {seq} is missing")
    return bytes(row[0])


def chain(
    db: sqlite3.Connection, start: int, prev: bytes, state: State, gaps: dict[int, tuple[int, bytes]]
) -> Iterator[tuple[int, bytes]]:
    """Follow the chain from after `start` to the head, yielding seq and hash; raise StorageDamaged where it breaks."""
    at = start
    while at < state.head:
        rows = db.execute(
            f"{SELECT_EVENTS} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (at, state.head, CHAIN_BATCH),
        ).fetchall()
        for row in rows or [None]:
            while at + 1 in gaps and (row is None or row[0] != at + 1):
                at, prev = gaps[at + 1]
            if row is None:
                break
            if row[0] != at + 1:
                raise StorageDamaged(f"events {at + 1} to {row[0] - 1} are missing")
            if row[-2] != prev or event_hash(row[:-1]) != row[-1]:
                raise StorageDamaged(f"event {row[0]} is not as written")
            at, prev = row[0], row[-1]
            yield at, prev
        if not rows and at < state.head:
            raise StorageDamaged(f"events {at + 1} to {state.head} are missing")
    stray = db.execute("SELECT seq FROM event WHERE seq > ? OR seq <= ? LIMIT 1", (state.head, state.floor)).fetchone()
    if stray is not None:
        raise StorageDamaged(f"event {stray[0]} is outside the journal")
    if prev != state.head_hash:
        raise StorageDamaged(f"event {state.head} is not the head that was written")


def _schema_faults(db: sqlite3.Connection) -> list[str]:
    wanted = sqlite3.connect(":memory:")
    try:
        wanted.executescript(schema())
        return [] if schema_lines(db) == schema_lines(wanted) else ["schema: is not the one of this program"]
    finally:
        wanted.close()


def _tree_faults(db: sqlite3.Connection) -> list[str]:
    return [f"file: {row[0]}" for row in db.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]


def _table_faults(db: sqlite3.Connection, state: State) -> list[str]:
    faults = []
    totals = dict(state.totals)
    for table in TABLES:
        total = Total()
        for row in db.execute(f"SELECT {table.selected} FROM {table.name}"):  # noqa: S608
            if digest(table.name, row[:-1]) != row[-1]:
                faults.append(f"{table.name}: a row is not as written")
            total = total.with_row(row[-1])
        if total != totals.get(table.name):
            faults.append(f"{table.name}: {total.count} rows are not the {totals[table.name].count} that were written")
    return faults
