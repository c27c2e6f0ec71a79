"""Two snapshot files in turn, so that one good one always remains, and a second place for the newest.

A snapshot is the events that rebuild the state at a head of the journal, as JSON lines with a digest at the end.
It is written beside, synced, renamed, its folder synced, dropped from the cache, read back and compared. It holds no
personal ids, because events hold none. Decides nothing about when; touches only its folders.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.journal.errors import StorageDamaged
from agent.journal.rows import HASH_BYTES

FORMAT = 1
GENERATIONS = ("a.snapshot", "b.snapshot")
SNAPSHOT_MAX_BYTES = 64 * 1024 * 1024  # far above 50 EVSEs with 500 waiting (about 1 MiB); guards the reader's memory

Line = tuple[str, int, msgspec.Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A read snapshot: where in the journal it stands and its encoded events."""

    head: int
    hash: bytes  # chain hash of the event `head`: says which journal it belongs to
    boot: int
    elapsed_ms: int
    lines: tuple[tuple[str, int, bytes], ...]  # kind, version, body


def render(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot file."""
    head = {
        "format": FORMAT,
        "head": snapshot.head,
        "hash": snapshot.hash.hex(),
        "boot": snapshot.boot,
        "elapsed_ms": snapshot.elapsed_ms,
        "count": len(snapshot.lines),
    }
    lines = [json.dumps(head).encode()]
    lines += [msgspec.json.encode((kind, version, msgspec.Raw(body))) for kind, version, body in snapshot.lines]
    body = b"\n".join(lines) + b"\n"
    return body + hashlib.blake2b(body, digest_size=HASH_BYTES).hexdigest().encode() + b"\n"


def parse(data: bytes) -> Snapshot:
    """Return the snapshot in a file's bytes; raise StorageDamaged if they are not as written."""
    end = len(data) - 2 * HASH_BYTES - 1
    body, sealed = data[: max(end, 0)], data[max(end, 0) :]
    if sealed != hashlib.blake2b(body, digest_size=HASH_BYTES).hexdigest().encode() + b"\n":
        raise StorageDamaged("snapshot: not as written")
    first, *rest = body.splitlines()
    head = json.loads(first)
    if head["format"] != FORMAT:
        raise StorageDamaged(f"snapshot: format {head['format']} is unknown")
    lines = (msgspec.json.decode(line, type=Line) for line in rest)
    return Snapshot(
        head=head["head"],
        hash=bytes.fromhex(head["hash"]),
        boot=head["boot"],
        elapsed_ms=head["elapsed_ms"],
        lines=tuple((kind, version, bytes(raw)) for kind, version, raw in lines),
    )


def write(folder: Path, name: str, data: bytes) -> None:
    """Put `data` into a file so that after a power cut there is the old one or the new one; then prove it."""
    if not folder.exists():
        folder.mkdir(parents=True)
        sync_folder(folder.parent)
    target, beside = folder / name, folder / f"{name}.new"
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(target)
    sync_folder(folder)
    with target.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # or we would compare with our own memory
        if file.read() != data:
            raise StorageDamaged(f"{name}: reads back differently from how it was written")


def found(folder: Path) -> tuple[dict[str, Snapshot], tuple[str, ...]]:
    """Return the good snapshots of a folder by file name, and a sentence for each bad one."""
    good: dict[str, Snapshot] = {}
    bad: list[str] = []
    for name in GENERATIONS:
        path = folder / name
        try:
            if path.exists():
                if path.stat().st_size > SNAPSHOT_MAX_BYTES:
                    raise StorageDamaged("snapshot: too large")
                good[name] = parse(path.read_bytes())
        except (OSError, StorageDamaged, ValueError, KeyError, TypeError) as error:
            bad.append(f"{path.parent.name}/{name}: {error}")
    return good, tuple(bad)


def next_name(good: dict[str, Snapshot]) -> str:
    """Which file the next snapshot replaces: a missing or bad one, else the older."""
    missing = [name for name in GENERATIONS if name not in good]
    return missing[0] if missing else min(GENERATIONS, key=lambda name: good[name].head)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
