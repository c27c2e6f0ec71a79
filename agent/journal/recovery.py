"""What happens before a journal is opened for writing: look, and if need be rebuild.

Decides whether the files are sound and which snapshot to start from. Touches nothing while looking; a damaged
database goes to quarantine whole, and the rebuilt one is looked at again before it is trusted.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from agent.journal import wal
from agent.journal.check import hash_at, verify
from agent.journal.disk import DATABASE, Synchronous, connect_to_read, storage_error, wipe_folder
from agent.journal.errors import StorageDamaged, StorageFailed
from agent.journal.rows import State, read_state
from agent.journal.salvage import create, rebuild, swap_in
from agent.journal.snapshots import Snapshot, found


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What the start of a journal found."""

    clean: bool  # stopped properly, and nothing was wrong
    rebuilt: bool
    head: int
    lost: tuple[tuple[int, int], ...]  # first and last number of the events of each loss found now
    notes: tuple[str, ...]  # what people should know, as sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What looking at the files told, without changing them."""

    state: State
    snapshot: Snapshot | None  # newest good one of this history
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def recover(directory: Path, synchronous: Synchronous, second: Path | None) -> tuple[Recovery, Snapshot | None]:
    """Leave a sound `live/` database behind; return what was found and the snapshot to start from.

    Raises StorageFailed if the disk cannot be read, StorageDamaged if even the rebuilt journal is not sound.
    """
    notes = list(_finish_interrupted(directory))
    live = directory / "live"
    snapshots, bad = all_snapshots(directory, second)
    notes += bad
    faults: tuple[str, ...] = ()
    if not live.exists() and not snapshots:
        create(directory, synchronous)
        swap_in(directory)
    elif not live.exists():
        faults = ("the database folder is missing",)
    seen = inspect(live, snapshots) if not faults else None
    if seen is not None and not seen.faults:
        recovery = Recovery(
            clean=seen.state.clean and not notes and not seen.notes,
            rebuilt=False,
            head=seen.state.head,
            lost=(),
            notes=(*notes, *seen.notes),
        )
        return recovery, seen.snapshot
    faults = seen.faults if seen else faults
    salvaged = rebuild(directory, snapshots[0] if snapshots else None, synchronous)
    kept = swap_in(directory)
    again = inspect(live, snapshots)
    if again.faults:
        raise StorageDamaged(f"journal {directory}: the rebuilt journal is not sound: {'; '.join(again.faults)}")
    where = f"the damaged files are in {kept}" if kept else "there were no files to keep"
    lost = [f"events {first} to {last} are lost" for first, last in salvaged.lost]
    recovery = Recovery(
        clean=False,
        rebuilt=True,
        head=again.state.head,
        lost=salvaged.lost,
        notes=(*notes, *faults, *salvaged.notes, *lost, *again.notes, where),
    )
    return recovery, again.snapshot


def inspect(live: Path, snapshots: tuple[Snapshot, ...]) -> Inspection:
    """Look at a database that nobody has open: its log first, then the file through a connection that cannot write."""
    log = wal.scan(wal.read(live / f"{DATABASE}-wal"))
    if log.damaged:
        return Inspection(state=State(), snapshot=None, faults=(f"write-ahead log: {log.damaged}",), notes=())
    notes = [f"the last write was torn: {log.ignored} pages of it are ignored"] if log.ignored else []
    try:
        db = connect_to_read(live / DATABASE)
    except sqlite3.Error as error:
        return _cannot_open(live, error)
    try:
        state = read_state(db)
        snapshot, about, faults = choose(db, state, snapshots)
        # After a proper stop the chain is followed from the snapshot: 6 us an event. After a cut all of it is.
        report = verify(db, after=snapshot.head if snapshot and state.clean else None)
        return Inspection(state=state, snapshot=snapshot, faults=(*faults, *report.faults), notes=(*notes, *about))
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            return _cannot_open(live, error)
        return Inspection(state=State(), snapshot=None, faults=(f"file: {error}",), notes=())
    except (sqlite3.Error, StorageDamaged, ValueError, TypeError, AttributeError, OverflowError) as error:
        return Inspection(state=State(), snapshot=None, faults=(f"file: {error}",), notes=())
    finally:
        db.close()


def choose(
    db: sqlite3.Connection, state: State, snapshots: tuple[Snapshot, ...]
) -> tuple[Snapshot | None, list[str], list[str]]:
    """Return the newest snapshot that belongs to this journal, notes about others, and faults they prove."""
    notes: list[str] = []
    for snapshot in snapshots:
        if snapshot.head > state.head:
            fault = f"the journal ends at event {state.head}, but a snapshot was made at event {snapshot.head}"
            return None, notes, [fault]
        if snapshot.head < state.floor:
            notes.append(f"the snapshot at event {snapshot.head} is older than all kept events: not used")
        elif hash_at(db, state, snapshot.head) == snapshot.hash:
            return snapshot, notes, []
        else:
            notes.append(f"the snapshot at event {snapshot.head} belongs to another history: not used")
    if state.floor:
        notes.append(f"no snapshot is good and events 1 to {state.floor} were trimmed: the state starts without them")
    return None, notes, []


def all_snapshots(directory: Path, second: Path | None) -> tuple[tuple[Snapshot, ...], tuple[str, ...]]:
    """Return the good snapshots of both places, newest first, and sentences about bad ones."""
    good, bad = found(directory / "snapshots")
    if second is not None:
        more, worse = found(second)
        good, bad = {**good, **{f"second/{name}": snapshot for name, snapshot in more.items()}}, (*bad, *worse)
    return tuple(sorted(good.values(), key=lambda snapshot: -snapshot.head)), bad


def _finish_interrupted(directory: Path) -> tuple[str, ...]:
    for name in ("building", "salvage", "scrub"):
        wipe_folder(directory / name)
    if not (directory / "rebuilt").exists():
        return ()
    first = not (directory / "live").exists() and not (directory / "quarantine").exists()
    swap_in(directory)
    return () if first else ("a rebuild that was interrupted was finished",)


def _cannot_open(live: Path, error: sqlite3.Error) -> Inspection:
    """A file that is not there or too short is damage; one that the system refuses to read is not."""
    path = live / DATABASE
    if not path.exists():
        return Inspection(state=State(), snapshot=None, faults=("the database file is missing",), notes=())
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ or path.stat().st_size == 0:
        return Inspection(state=State(), snapshot=None, faults=(f"file: {error}",), notes=())
    failed = storage_error(error, f"read {path}")
    raise StorageFailed(str(failed)) from error
