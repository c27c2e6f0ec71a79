"""How persons leave the files in quarantine: a day after the damage only the events of such files are kept.

A damaged database is moved aside whole, so that somebody can look at it. It names people as the sound one does, and
nothing in it can be trusted to be deleted row by row. Events name nobody: those that prove themselves are extracted,
then the files are wiped. Decides nothing about when (`kernel/forgetting.py`); blocks.
"""

import gzip
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from agent.journal.disk import DATABASE, connect_to_read, wipe, wipe_folder
from agent.journal.errors import StorageDamaged
from agent.journal.export import json_line
from agent.journal.rows import SELECT_EVENTS, Row, event_hash
from agent.journal.salvage import both_ways, resealed
from agent.journal.snapshots import sync_folder

EXTRACT = "events.jsonl.gz"
EXTRACTS_MAX = 16  # about 1 MB each; damage that comes more often than it is looked at leaves the newest


def quarantined(directory: Path) -> tuple[str, ...]:
    """Return the names of those in quarantine that still have files besides their events."""
    folder = directory / "quarantine"
    entries = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.exists() else []
    return tuple(entry.name for entry in entries if any(path.name != EXTRACT for path in entry.iterdir()))


def scrub(directory: Path, name: str) -> None:
    """Keep the events of a database in quarantine and wipe everything else of it. Repeatable after a power cut.

    Raises OSError where the disk does not take it.
    """
    entry, copy = directory / "quarantine" / name, directory / "scrub"
    if not (entry / EXTRACT).exists():
        wipe_folder(copy)
        _extract(entry, copy)
        wipe_folder(copy)
    for path in sorted(entry.iterdir()):
        if path.name != EXTRACT:
            wipe(path)
    sync_folder(entry)
    extracts = sorted(entry.parent.glob(f"*/{EXTRACT}"))
    for extract in extracts[:-EXTRACTS_MAX]:
        wipe_folder(extract.parent)


def _extract(entry: Path, copy: Path) -> None:
    beside = entry / f"{EXTRACT}.new"
    with beside.open("wb") as file:
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as lines:
            if (entry / DATABASE).exists():
                resealed(entry, copy)
                for row in _events(copy):
                    lines.write(f"{json_line(row)}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    beside.replace(entry / EXTRACT)
    sync_folder(entry)


def _events(copy: Path) -> Iterator[Row]:
    """Yield the events that prove themselves, from both ends up to the damage, each once."""
    try:
        db = connect_to_read(copy / DATABASE)
    except sqlite3.Error:
        return
    try:
        seen: set[object] = set()
        for row in both_ways(db, f"{SELECT_EVENTS} NOT INDEXED", "seq"):
            if row[0] not in seen and _proven(row):
                seen.add(row[0])
                yield row
    finally:
        db.close()


def _proven(row: Row) -> bool:
    try:
        return event_hash(row[:-1]) == row[-1]
    except StorageDamaged:
        return False
