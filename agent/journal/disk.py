"""The folder of a journal: its layout, its lock, its ballast, and how SQLite is opened in it.

    lock                 held by the one agent (flock); names its process
    ballast              8 MiB given up when the disk is full
    live/journal.db      the database, with SQLite's -wal and -shm
    building/ rebuilt/   a database being made; a complete one waiting to become live
    quarantine/0001/     a damaged database as it was; after a day only its events, see quarantine.py
    snapshots/           see snapshots.py

A database is always made in `building`, and becomes `live` by renaming its folder: there is never half of one.
"""

import errno
import fcntl
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Literal

from agent.journal.errors import JournalBusy, StorageDamaged, StorageFailed, StorageFull
from agent.journal.rows import PAGE_BYTES

Synchronous = Literal["FULL", "OFF"]

DATABASE = "journal.db"
BALLAST_BYTES = 8 * 1024 * 1024  # some hours of a busy site, to end charges and warn people in
BALLAST_REBUILT_AT_BYTES = 64 * 1024 * 1024  # free space that shows the trouble is over
WIPE_BLOCK_BYTES = 256 * 1024
BUSY_TIMEOUT_MS = 1000  # a reader's short read may delay a checkpoint by this much, never fail it
NOT_DAMAGE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)


class Lock:
    """The right to write a journal: one process at a time, released by the system when it dies."""

    def __init__(self, directory: Path) -> None:
        """Take the lock; raise JournalBusy naming who holds it."""
        self._file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise JournalBusy(
                f"journal {directory}: another agent (process {holder}) writes here: stop it first"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next process in."""
        os.close(self._file)


def connect(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """Open the one connection that writes and checkpoints; for the writer thread only."""
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    return _prepared(
        db,
        f"page_size = {PAGE_BYTES}",
        "journal_mode = WAL",
        f"synchronous = {synchronous}",
        "wal_autocheckpoint = 0",  # checkpoints are ours, on this thread, after the answer is out
        "mmap_size = 0",  # an I/O error must be an error code, not SIGBUS
        "secure_delete = ON",
        "cell_size_check = ON",
        "trusted_schema = OFF",
    )


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write, and that leaves the write-ahead log alone when it closes."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False)
    return _prepared(db, "query_only = ON", "mmap_size = 0", "cell_size_check = ON")


def _prepared(db: sqlite3.Connection, *pragmas: str) -> sqlite3.Connection:
    """Set up a connection, and do not leave it open if a damaged file refuses."""
    try:
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}")
    except BaseException:
        db.close()
        raise
    return db


def storage_error(error: sqlite3.Error | OSError, deed: str) -> StorageFailed:
    """Return what an error of SQLite or the system means for the caller: full, failed or damaged."""
    if isinstance(error, OSError):
        kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageFailed
        return kind(f"journal: cannot {deed}: {error.strerror or error}")
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(f"journal: cannot {deed}: no space left: free some on this disk")
    if code in NOT_DAMAGE or code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageFailed(f"journal: cannot {deed}: {error}: check the card, its mount and the power supply")
    return StorageDamaged(f"journal: cannot {deed}: {error}: the next start quarantines and rebuilds")


def drop_cached_log(folder: Path) -> None:
    """After a failed sync the kernel's copy is no proof of anything: make the next read come from the disk.

    Only the log: closing a second descriptor of the database would drop the locks SQLite holds on it.
    """
    path = folder / f"{DATABASE}-wal"
    if path.exists():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def wipe(path: Path) -> None:
    """Overwrite a file and delete it: it names people. Flash may keep an old copy until it needs the place."""
    with suppress(OSError), path.open("r+b") as file:  # where a sector cannot be written, deleting must do
        left = path.stat().st_size
        while left > 0:
            left -= file.write(bytes(min(left, WIPE_BLOCK_BYTES)))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def wipe_folder(folder: Path) -> None:
    """Wipe the files of a folder and delete it; none is no error."""
    if folder.exists():
        for path in folder.iterdir():
            wipe(path)
        folder.rmdir()


def free_ballast(directory: Path) -> bool:
    """Give the ballast up; True if there was some."""
    path = directory / "ballast"
    existed = path.exists()
    path.unlink(missing_ok=True)
    return existed


def rebuild_ballast(directory: Path) -> bool:
    """Set the ballast aside if enough is free; True if it is there now."""
    path = directory / "ballast"
    if path.exists():
        return True
    space = os.statvfs(directory)
    if space.f_bavail * space.f_frsize < BALLAST_REBUILT_AT_BYTES:
        return False
    beside = directory / "ballast.new"
    try:
        with beside.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        beside.replace(path)
    except OSError:  # a quota, or a disk that fails: the next turn will say so, and better
        beside.unlink(missing_ok=True)
        return False
    return True
