"""Rows that prove themselves: tables, check values, the state row, and the ledger that keeps their totals.

A check value is BLAKE2b over the table's name and all columns; an event's hash covers the previous event's hash as
well. The sum of a table's check values is kept in the state row, written in the same commit: a row that vanishes with
its page, or an old page that comes back, changes the sum. This finds damage; it is not a seal against somebody who
can write the file. Touches the connection it is given, opens and commits nothing.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from agent.journal.errors import StorageDamaged

Value = int | str | bytes | None
Row = tuple[Value, ...]

HASH_BYTES = 16  # 128 bits: damage is found for certain; a published head cannot be given another history
PAGE_BYTES = 1024  # a turn touches 4 to 8 pages; with 4096 it would write three times as much to the card
NO_HASH = bytes(HASH_BYTES)  # what the first event follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the schema: its columns without the check value, and the key that orders it."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def selected(self) -> str:
        """Columns and check value, for a SELECT."""
        return ", ".join((*self.columns, "check_value"))


GAP = Table(name="gap", columns=("first", "last", "hash"), key=("first",))
RECEIPT = Table(name="receipt", columns=("id", "source", "request_id", "digest", "answer", "elapsed_ms"), key=("id",))
SUBJECT = Table(name="subject", columns=("ref", "kind", "value", "lookup", "details"), key=("ref",))
OWED = Table(
    name="owed",
    columns=("id", "lane", "message_id", "kind", "fact", "grouping", "frame", "attempts"),
    key=("id",),
)
DEAD_LETTER = Table(name="dead_letter", columns=(*OWED.columns, "reason", "elapsed_ms"), key=("id",))
RECORD = Table(name="record", columns=("store", "key", "value"), key=("store", "key"))
TABLES = (GAP, RECEIPT, SUBJECT, OWED, DEAD_LETTER, RECORD)

EVENT_COLUMNS = ("seq", "boot", "elapsed_ms", "utc_ms", "kind", "version", "body", "prev")
SELECT_EVENTS = f"SELECT {', '.join(EVENT_COLUMNS)}, hash FROM event"  # noqa: S608 - our own names
STATE_COLUMNS = (
    "head", "head_hash", "floor", "floor_hash", "boot", "elapsed_ms", "clean", "next_id", "dead_dropped", "totals",
)  # fmt: skip


def digest(name: str, values: Iterable[Value]) -> bytes:
    """Return the check value of a row: each column with its type and length, so that no two rows read alike."""
    parts = [name.encode()]
    for value in values:
        if value is None:
            parts.append(b"N")
        elif isinstance(value, bytes):
            parts += (b"B%d:" % len(value), value)
        elif isinstance(value, str):
            text = value.encode()
            parts += (b"S%d:" % len(text), text)
        elif type(value) is int:
            parts.append(b"I%d;" % value)
        else:
            raise StorageDamaged(f"{name}: a column holds a {type(value).__name__}")
    return hashlib.blake2b(b"".join(parts), digest_size=HASH_BYTES).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """How many rows a table has, and the sum of their check values."""

    count: int = 0
    check_sum: int = 0

    def with_row(self, check_value: bytes) -> "Total":
        """One row more."""
        return Total(count=self.count + 1, check_sum=(self.check_sum + int.from_bytes(check_value)) % 2**128)

    def without_row(self, check_value: bytes) -> "Total":
        """One row less."""
        return Total(count=self.count - 1, check_sum=(self.check_sum - int.from_bytes(check_value)) % 2**128)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the journal knows about itself; one row, written with every turn."""

    head: int = 0
    head_hash: bytes = NO_HASH
    floor: int = 0  # events up to here were trimmed
    floor_hash: bytes = NO_HASH
    boot: int = 0
    elapsed_ms: int = 0
    clean: bool = True  # nothing was appended since the last proper stop
    next_id: int = 1  # of receipts, owed messages and dead letters; never used twice
    dead_dropped: int = 0  # dead letters beyond the limit
    totals: tuple[tuple[str, Total], ...] = tuple((table.name, Total()) for table in TABLES)

    def row(self) -> Row:
        """The columns of the state row, without its check value."""
        totals = json.dumps({name: [total.count, f"{total.check_sum:032x}"] for name, total in self.totals})
        return (
            self.head, self.head_hash, self.floor, self.floor_hash, self.boot, self.elapsed_ms, int(self.clean),
            self.next_id, self.dead_dropped, totals,
        )  # fmt: skip


def read_state(db: sqlite3.Connection) -> State:
    """Return the state row; raise StorageDamaged if it is missing or not as written."""
    found = db.execute(f"SELECT {', '.join(STATE_COLUMNS)}, check_value FROM state").fetchall()  # noqa: S608
    if len(found) != 1 or digest("state", found[0][:-1]) != found[0][-1]:
        raise StorageDamaged("state row: missing or not as written")
    head, head_hash, floor, floor_hash, boot, elapsed_ms, clean, next_id, dead_dropped, totals = found[0][:-1]
    return State(
        head=head,
        head_hash=head_hash,
        floor=floor,
        floor_hash=floor_hash,
        boot=boot,
        elapsed_ms=elapsed_ms,
        clean=bool(clean),
        next_id=next_id,
        dead_dropped=dead_dropped,
        totals=tuple(
            (name, Total(count=count, check_sum=int(check_sum, 16)))
            for name, (count, check_sum) in json.loads(totals).items()
        ),
    )


def write_state(db: sqlite3.Connection, state: State, *, over: State | None) -> None:
    """Write the state row in place of `over` (None: the first), which must still be there: the compare-and-set."""
    row = state.row()
    if over is None:
        marks = ", ".join("?" * (len(row) + 2))
        db.execute(f"INSERT INTO state VALUES ({marks})", (1, *row, digest("state", row)))  # noqa: S608
        return
    setters = ", ".join(f"{column} = ?" for column in STATE_COLUMNS)
    done = db.execute(
        f"UPDATE state SET {setters}, check_value = ? WHERE id = 1 AND check_value = ?",  # noqa: S608
        (*row, digest("state", row), digest("state", over.row())),
    )
    if done.rowcount != 1:
        raise StorageDamaged("state row: not as this process wrote it; who else writes this file?")


class Ledger:
    """Rows put and taken within one transaction, and the totals that follow from them."""

    def __init__(self, db: sqlite3.Connection, state: State) -> None:
        """Work on the rows of `db`, whose state row is `state`."""
        self._db = db
        self._totals = dict(state.totals)
        self.next_id = state.next_id
        self.dead_dropped = state.dead_dropped

    def count(self, table: Table) -> int:
        """How many rows the table has now."""
        return self._totals[table.name].count

    def number(self) -> int:
        """Return an id that was never used before."""
        self.next_id += 1
        return self.next_id - 1

    def put(self, table: Table, row: Sequence[Value]) -> None:
        """Insert a row; raises sqlite3.IntegrityError if its key is taken."""
        check_value = digest(table.name, row)
        marks = ", ".join("?" * (len(row) + 1))
        self._db.execute(f"INSERT INTO {table.name} VALUES ({marks})", (*row, check_value))  # noqa: S608
        self._totals[table.name] = self._totals[table.name].with_row(check_value)

    def read(self, table: Table, where: str, values: Sequence[Value]) -> list[Row]:
        """Return the rows a condition names, as this transaction sees them; StorageDamaged if one is not as written."""
        return select(self._db, table, f"WHERE {where}", values)

    def take(self, table: Table, where: str, values: Sequence[Value]) -> list[Row]:
        """Delete the rows a condition names and return them; raise StorageDamaged if one is not as written."""
        rows = self.read(table, where, values)
        self._db.execute(f"DELETE FROM {table.name} WHERE {where}", values)  # noqa: S608
        for row in rows:
            self._totals[table.name] = self._totals[table.name].without_row(digest(table.name, row))
        return rows

    def change(self, table: Table, old: Row, new: Row) -> None:
        """Write a row in place of `old`, which has the same key; raise StorageDamaged if that is not there as it was.

        Only the columns that differ are named: SQLite then leaves indexes alone, and overwrites a row of the same
        length where it lies. Taking it and putting it anew would write a page of each index and the list of free pages.
        """
        before, after = digest(table.name, old), digest(table.name, new)
        changed = {name: value for name, was, value in zip(table.columns, old, new, strict=True) if value != was}
        key = {name: value for name, value in zip(table.columns, old, strict=True) if name in table.key}
        setters = ", ".join(f"{name} = ?" for name in (*changed, "check_value"))
        where = " AND ".join(f"{name} = ?" for name in (*key, "check_value"))
        done = self._db.execute(
            f"UPDATE {table.name} SET {setters} WHERE {where}",  # noqa: S608 - our own names
            (*changed.values(), after, *key.values(), before),
        )
        if done.rowcount != 1:
            raise StorageDamaged(f"{table.name} {old[0]!r}: a row is not as written")
        self._totals[table.name] = self._totals[table.name].without_row(before).with_row(after)

    def settled(self, state: State) -> State:
        """Return `state` with the ids and totals of this ledger."""
        totals = tuple(self._totals.items())
        return replace(state, next_id=self.next_id, dead_dropped=self.dead_dropped, totals=totals)


def select(db: sqlite3.Connection, table: Table, clause: str, values: Sequence[Value]) -> list[Row]:
    """Return rows without their check values; raise StorageDamaged if one is not as written."""
    rows = db.execute(f"SELECT {table.selected} FROM {table.name} {clause}", values).fetchall()  # noqa: S608
    for row in rows:
        if digest(table.name, row[:-1]) != row[-1]:
            raise StorageDamaged(f"{table.name} {row[0]!r}: a row is not as written")
    return [row[:-1] for row in rows]


def event_hash(row: Row) -> bytes:
    """Return the chain hash of an event row given without it: over all columns, the previous hash included."""
    return digest("event", row)


def schema() -> str:
    """The schema as SQL."""
    return resources.files("agent.journal").joinpath("schema.sql").read_text()


def schema_lines(db: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """What a database says its schema is, to compare with what it should be."""
    return db.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
