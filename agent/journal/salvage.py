"""Make a sound journal out of a damaged one: the newest good snapshot, every row that proves itself, and a list of
what is missing.

Works on a copy whose log was resealed, because opening the original could change it. Builds the new database aside;
only when it is complete and synced are the damaged files moved to quarantine and the new ones moved in. Never
deletes the damaged files (see quarantine.py), never invents an event: what is lost is recorded as a gap.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from agent.journal import wal
from agent.journal.disk import DATABASE, Synchronous, connect, connect_to_read, wipe_folder
from agent.journal.errors import StorageDamaged, StorageFailed
from agent.journal.rows import (
    DEAD_LETTER,
    GAP,
    NO_HASH,
    OWED,
    RECEIPT,
    SELECT_EVENTS,
    TABLES,
    Ledger,
    Row,
    State,
    Table,
    digest,
    event_hash,
    read_state,
    schema,
    write_state,
)
from agent.journal.snapshots import Snapshot, sync_folder

SEARCHED_EVENTS_MAX = 1_000_000  # event numbers asked for one by one in a torn tree; guards against a wild head

Spans = list[tuple[int, int]]


@dataclass(slots=True, kw_only=True)
class Finds:
    """What could be read from a damaged database, each row proven by itself."""

    state: State | None = None
    events: dict[int, Row] = field(default_factory=dict)
    rows: dict[str, dict[Row, Row]] = field(default_factory=lambda: {table.name: {} for table in TABLES})
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What a rebuild could not bring back."""

    lost: tuple[tuple[int, int], ...]  # first and last number of the events of each loss that was not known before
    notes: tuple[str, ...]


def create(directory: Path, synchronous: Synchronous) -> None:
    """Make an empty journal in `rebuilt/`."""
    building = directory / "building"
    _build(building, Finds(), None, synchronous)
    building.rename(building.parent / "rebuilt")
    sync_folder(building.parent)


def rebuild(directory: Path, snapshot: Snapshot | None, synchronous: Synchronous) -> Salvaged:
    """Make `rebuilt/` from `live/` and a snapshot; return what is missing."""
    copy, building = directory / "salvage", directory / "building"
    for folder in (copy, building):
        wipe_folder(folder)
    finds = _search(directory / "live", copy)
    gaps = _build(building, finds, snapshot, synchronous)
    wipe_folder(copy)
    building.rename(directory / "rebuilt")
    sync_folder(directory)
    known = [(int(row[0] or 0), int(row[1] or 0)) for row in finds.rows[GAP.name].values()]
    lost = [span for span in _joined(gaps) if not any(first <= span[0] and span[1] <= last for first, last in known)]
    return Salvaged(lost=tuple(lost), notes=tuple(finds.notes))


def swap_in(directory: Path) -> Path | None:
    """Move `live` to quarantine and `rebuilt` to its place; finishes what a power cut interrupted."""
    live, rebuilt, quarantine = directory / "live", directory / "rebuilt", directory / "quarantine"
    kept = None
    if live.exists():
        quarantine.mkdir(exist_ok=True)
        number = 1 + max((int(path.name) for path in quarantine.iterdir() if path.name.isdecimal()), default=0)
        kept = quarantine / f"{number:04d}"
        live.rename(kept)
        sync_folder(quarantine)
    rebuilt.rename(live)
    sync_folder(directory)
    return kept


def _search(live: Path, copy: Path) -> Finds:
    finds = Finds()
    if not (live / DATABASE).exists():
        finds.notes.append("the database file is missing")
        return finds
    resealed(live, copy)
    try:
        db = connect_to_read(copy / DATABASE)
    except sqlite3.Error as error:
        finds.notes.append(f"the database file cannot be opened: {error}")
        return finds
    try:
        _search_rows(db, finds)
    finally:
        db.close()
    return finds


def resealed(source: Path, copy: Path) -> None:
    """Copy a damaged database with a log that SQLite takes up to its last sound frame."""
    copy.mkdir()
    shutil.copyfile(source / DATABASE, copy / DATABASE)
    log = wal.reseal(wal.read(source / f"{DATABASE}-wal"))
    if log:
        (copy / f"{DATABASE}-wal").write_bytes(log)


def _search_rows(db: sqlite3.Connection, finds: Finds) -> None:
    try:
        finds.state = read_state(db)
    except (sqlite3.Error, StorageDamaged, ValueError, TypeError, AttributeError):
        finds.notes.append("the journal's state row is lost: rebuilt from the rows")
    for row in both_ways(db, f"{SELECT_EVENTS} NOT INDEXED", "seq"):
        _keep_event(finds, row)
    last = max([*finds.events, finds.state.head if finds.state else 0])
    first = min([*finds.events, finds.state.floor + 1 if finds.state else 1])
    for seq in range(first, min(last, first + SEARCHED_EVENTS_MAX) + 1):
        if seq not in finds.events:
            for row in _tolerant(db, f"{SELECT_EVENTS} WHERE seq = {seq}"):
                _keep_event(finds, row)
    for table in TABLES:
        kept = finds.rows[table.name]
        indices = [table.columns.index(column) for column in table.key]
        query = f"SELECT {table.selected} FROM {table.name} NOT INDEXED"  # noqa: S608
        for row in both_ways(db, query, ", ".join(table.key)):
            if _proven(table, row):
                kept[tuple(row[index] for index in indices)] = row[:-1]
        if finds.state is not None:
            lost = dict(finds.state.totals)[table.name].count - len(kept)
            if lost:
                finds.notes.append(f"{table.name}: {lost} rows are lost, {len(kept)} kept")


def _keep_event(finds: Finds, row: Row) -> None:
    seq = row[0]
    try:
        if isinstance(seq, int) and seq > 0 and event_hash(row[:-1]) == row[-1]:
            finds.events[seq] = row
    except StorageDamaged:
        return


def _proven(table: Table, row: Row) -> bool:
    try:
        return digest(table.name, row[:-1]) == row[-1]
    except StorageDamaged:
        return False


def both_ways(db: sqlite3.Connection, query: str, key: str) -> Iterable[Row]:
    """Read from both ends up to the damage: one bad page costs its own rows only."""
    order = [f"{part} DESC" for part in key.split(", ")]
    yield from _tolerant(db, f"{query} ORDER BY {key}")
    yield from _tolerant(db, f"{query} ORDER BY {', '.join(order)}")


def _tolerant(db: sqlite3.Connection, query: str) -> Iterable[Row]:
    try:
        yield from db.execute(query)
    except (sqlite3.Error, OverflowError, ValueError):
        return


def _build(building: Path, finds: Finds, snapshot: Snapshot | None, synchronous: Synchronous) -> Spans:
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    db = connect(building / DATABASE, synchronous)
    try:
        db.executescript(schema())
        db.execute("BEGIN IMMEDIATE")
        start = finds.state or State()
        ledger = Ledger(db, State())
        head = _put_events(db, ledger, finds, start, snapshot)
        for table in TABLES:
            if table is not GAP:
                _put_rows(ledger, table, finds)
        ids = [int(key[0] or 0) for table in (OWED, DEAD_LETTER, RECEIPT) for key in finds.rows[table.name]]
        ledger.next_id = max([start.next_id, *(number + 1 for number in ids)])
        ledger.dead_dropped = start.dead_dropped
        write_state(db, ledger.settled(head), over=None)
        db.execute("COMMIT")
        gaps = [(int(first), int(last)) for first, last in db.execute("SELECT first, last FROM gap ORDER BY first")]
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StorageFailed("journal: cannot checkpoint a database just built")
    finally:
        db.close()
    with (building / DATABASE).open("rb") as file:
        if synchronous == "FULL":
            os.fsync(file.fileno())
    sync_folder(building)
    return gaps


def _joined(spans: Spans) -> Spans:
    """Spans that touch, as one: a loss split at a snapshot is one loss to people."""
    joined: Spans = []
    for first, last in spans:
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _put_events(db: sqlite3.Connection, ledger: Ledger, finds: Finds, start: State, snapshot: Snapshot | None) -> State:
    """Insert the proven events, and a gap wherever one follows that does not continue the one before."""
    at, prev = start.floor, start.floor_hash
    boot, elapsed_ms = 0, 0
    if finds.state is None and finds.events:
        first = min(finds.events)
        if first > 1 and not any(int(gap[1] or 0) == first - 1 for gap in finds.rows["gap"].values()):
            at, prev = first - 1, _bytes(finds.events[first][-2])  # trimmed or lost: what was before cannot be told
    floor, floor_hash = at, prev
    end = max([at, start.head, snapshot.head if snapshot else 0, *finds.events])
    for seq in sorted(finds.events):
        row = finds.events[seq]
        if seq <= at:
            continue
        if seq == at + 1 and row[-2] != prev:
            finds.notes.append(f"event {seq} does not continue event {at}: left in quarantine")
            continue
        if seq > at + 1:
            _put_gap(ledger, at + 1, seq - 1, _bytes(row[-2]), snapshot)
        db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        at, prev = seq, _bytes(row[-1])
        boot, elapsed_ms = max(boot, int(row[1] or 0)), max(elapsed_ms, int(row[2] or 0))
    if end > at:
        known = start.head_hash if start.head == end else snapshot.hash if snapshot else NO_HASH
        _put_gap(ledger, at + 1, end, known, snapshot)
        at, prev = end, known
    return State(
        head=at,
        head_hash=prev,
        floor=floor,
        floor_hash=floor_hash,
        boot=max(boot, start.boot, snapshot.boot if snapshot else 0),
        elapsed_ms=max(elapsed_ms, start.elapsed_ms, snapshot.elapsed_ms if snapshot else 0),
        clean=not (finds.state or finds.events or finds.notes or snapshot),  # a new journal has nothing unclean
    )


def _put_gap(ledger: Ledger, first: int, last: int, known: bytes, snapshot: Snapshot | None) -> None:
    """Record a loss; one that a snapshot stands in is two, so that the snapshot's place in the chain is known."""
    if snapshot is not None and first <= snapshot.head < last:
        ledger.put(GAP, (first, snapshot.head, snapshot.hash))
        first = snapshot.head + 1
    ledger.put(GAP, (first, last, known))


def _put_rows(ledger: Ledger, table: Table, finds: Finds) -> None:
    dropped = 0
    for row in finds.rows[table.name].values():
        try:
            ledger.put(table, row)
        except sqlite3.IntegrityError:
            dropped += 1
    if dropped:
        finds.notes.append(f"{table.name}: {dropped} rows contradict others and were left in quarantine")


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)  # noqa: S101 - proven rows have the column types of the schema
    return value
