"""Read SQLite's write-ahead log before SQLite does, because SQLite ignores everything from the first bad frame on.

`scan` tells damage from a torn last write; `reseal` makes all frames of a *copy* acceptable to SQLite again, so that
the check values of our rows can judge them one by one. Touches no file in use. Format: sqlite.org/fileformat2.html,
section 4 (The Write-Ahead Log), unchanged since 3.7.0.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

from agent.journal.rows import PAGE_BYTES

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES
MAGICS = (0x377F0682, 0x377F0683)  # checksums over little-endian, over big-endian words
VERSION = 3007000

Sum = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalScan:
    """What is wrong with a write-ahead log."""

    ignored: int = 0  # frames of this log's own time that SQLite will not use
    damaged: str = ""  # why committed work is known to be lost; empty if it is not


def scan(data: bytes) -> WalScan:
    """Return what SQLite would use of a log, and whether frames that were surely synced follow a bad one.

    A frame of the next transaction is only written after the sync of the one before; so a bad frame is damage if a
    commit at or after it is followed by more. A bad frame in the last transaction is a torn write that nobody was
    told of, or damage to the last one that somebody was: nothing in the file can tell these apart.
    """
    if not data:
        return WalScan()
    frames = (len(data) - HEADER_BYTES) // FRAME_BYTES
    order = _order(data)
    if order is None:
        # The header is synced before the first frame is written, so that frames behind a bad one were once good.
        return WalScan(damaged="the log's header is bad") if frames > 0 else WalScan()
    salts = data[16:24]
    running = struct.unpack(">2I", data[24:32])
    committed, good = 0, 0
    for number in range(frames):
        if _salts(data, number) != salts:
            break
        running = _frame_sum(data, number, running, order)
        if struct.pack(">2I", *running) != _stored(data, number):
            break
        good = number + 1
        committed = good if _is_commit(data, number) else committed
    mine = [number for number in range(good, frames) if _salts(data, number) == salts]
    commits = [number for number in mine if _is_commit(data, number)]
    if commits and mine[-1] > commits[0]:
        damaged = f"frame {good + 1} is bad, yet synced frames follow it"
        return WalScan(ignored=len(mine), damaged=damaged)
    return WalScan(ignored=len(mine) + good - committed)


def reseal(data: bytes) -> bytes:
    """Return the log with header and checksums that fit, all frames of its own time included, up to the last commit.

    Whether the pages are right is for the rows' own check values to say.
    """
    frames = (len(data) - HEADER_BYTES) // FRAME_BYTES
    if frames <= 0:
        return b""
    salts = data[16:24]
    if _order(data) is None or _salts(data, 0) != salts:
        salts = _salts(data, 0)  # header or first frame is bad: the second frame says which
        if frames > 1 and _salts(data, 1) == data[16:24]:
            salts = data[16:24]
    order = "<"
    sealed = bytearray(struct.pack(">4I", MAGICS[0], VERSION, PAGE_BYTES, 0) + salts)
    running = _checksum(bytes(sealed), (0, 0), order)
    sealed += struct.pack(">2I", *running)
    for number in range(frames):
        later = any(_salts(data, other) == salts for other in range(number, min(number + 3, frames)))
        if not later:
            break
        at = HEADER_BYTES + number * FRAME_BYTES
        start, page = data[at : at + 8], data[at + FRAME_HEADER_BYTES : at + FRAME_BYTES]
        running = _checksum(page, _checksum(start, running, order), order)
        sealed += start + salts + struct.pack(">2I", *running) + page
    return bytes(sealed)


def read(path: Path) -> bytes:
    """Return the bytes of a log, none if there is none."""
    return path.read_bytes() if path.exists() else b""


def _order(data: bytes) -> str | None:
    """The byte order of the checksums; None if the header is not one of ours."""
    if len(data) < HEADER_BYTES:
        return None
    magic, version, page_bytes = struct.unpack(">3I", data[:12])
    if magic not in MAGICS or version != VERSION or page_bytes != PAGE_BYTES:
        return None
    order = ">" if magic & 1 else "<"
    return order if struct.pack(">2I", *_checksum(data[:24], (0, 0), order)) == data[24:32] else None


def _checksum(data: bytes, running: Sum, order: str) -> Sum:
    first, second = running
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & 0xFFFFFFFF
        second = (second + words[index + 1] + first) & 0xFFFFFFFF
    return first, second


def _frame_sum(data: bytes, number: int, running: Sum, order: str) -> Sum:
    at = HEADER_BYTES + number * FRAME_BYTES
    after_header = _checksum(data[at : at + 8], running, order)
    return _checksum(data[at + FRAME_HEADER_BYTES : at + FRAME_BYTES], after_header, order)


def _salts(data: bytes, number: int) -> bytes:
    at = HEADER_BYTES + number * FRAME_BYTES
    return data[at + 8 : at + 16]


def _stored(data: bytes, number: int) -> bytes:
    at = HEADER_BYTES + number * FRAME_BYTES
    return data[at + 16 : at + 24]


def _is_commit(data: bytes, number: int) -> bool:
    at = HEADER_BYTES + number * FRAME_BYTES
    return data[at + 4 : at + 8] != bytes(4)
