"""Looking at a journal from outside, for the command line: list, verify, export. Never writes, agent running or not.

With the agent running the file is read through SQLite beside it; with the agent stopped a copy is read, because even
a reader would create SQLite's side files and the log has to be looked at first. What a terminal could take for a
command is escaped. Personal ids are not in events, so they are in no export.
"""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.journal import wal
from agent.journal.check import VerifyReport, verify
from agent.journal.disk import DATABASE, Lock, connect_to_read, storage_error
from agent.journal.errors import JournalBusy, JournalError
from agent.journal.reads import READ_BATCH_MAX, read_events
from agent.journal.rows import EVENT_COLUMNS, Row


def list_lines(directory: Path, *, after: int = 0, kind: str | None = None) -> Iterator[str]:
    """Yield a line per event for people: number, boot, elapsed time, kind and body, safe for a terminal."""
    with _opened(directory) as (db, _):
        for row in _rows(db, after):
            seq, boot, elapsed_ms, _, found, _, body = (value if value is not None else "" for value in row[:7])
            if kind is None or kind == found:
                when = f"boot={boot!s} elapsed_ms={elapsed_ms!s}"
                yield f"{seq!s} {when} {escaped(str(found))} {json.dumps(_body(body))}"


def export_lines(directory: Path, *, after: int = 0) -> Iterator[str]:
    """Yield a JSON object per event with all columns, the hash of the event before and its own; ASCII only."""
    with _opened(directory) as (db, _):
        yield from map(json_line, _rows(db, after))


def json_line(row: Row) -> str:
    """Return a proven event row as a JSON object."""
    line: dict[str, object] = dict(zip(EVENT_COLUMNS[:6], row, strict=False))
    line["body"] = _body(row[6])
    line["prev"], line["hash"] = (bytes(value).hex() for value in row[7:9] if isinstance(value, bytes))
    return json.dumps(line, ensure_ascii=True, separators=(",", ":"))


def verify_files(directory: Path) -> VerifyReport:
    """Verify log, schema, trees, tables and the whole chain; faults are in the report."""
    with _opened(directory) as (db, damaged):
        report = verify(db)
    if damaged:
        faults = (f"write-ahead log: {damaged}", *report.faults)
        return VerifyReport(head=report.head, events=report.events, gaps=report.gaps, faults=faults)
    return report


def escaped(text: str) -> str:
    """Return text with everything but printable characters written as escapes: no line can move a cursor."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _body(body: object) -> object:
    return json.loads(body) if isinstance(body, bytes) else None


def _rows(db: sqlite3.Connection, after: int) -> Iterator[Row]:
    while rows := read_events(db, after, READ_BATCH_MAX):
        yield from rows
        after = int(rows[-1][0] or 0)


@contextmanager
def _opened(directory: Path) -> Iterator[tuple[sqlite3.Connection, str]]:
    """Lend a connection, and what is wrong with the log: empty if nothing is or a running agent looks after it."""
    live = directory / "live"
    if not (live / DATABASE).exists():
        raise JournalError(f"{directory}: no journal here")
    try:
        lock = Lock(directory)
    except JournalBusy:
        with _reading(live) as db:
            yield db, ""
        return
    try:
        with tempfile.TemporaryDirectory(prefix="journal-") as copy:
            damaged = wal.scan(wal.read(live / f"{DATABASE}-wal")).damaged
            for path in live.glob(f"{DATABASE}*"):
                if not path.name.endswith("-shm"):
                    shutil.copyfile(path, Path(copy) / path.name)
            with _reading(Path(copy)) as db:
                yield db, damaged
    finally:
        lock.release()


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    try:
        db = connect_to_read(folder / DATABASE)
        try:
            yield db
        finally:
            db.close()
    except sqlite3.Error as error:
        raise storage_error(error, f"read {folder}") from error
