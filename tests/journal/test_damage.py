"""Damaged journals: every flipped byte, torn and lost logs, lost files. Detected or harmless, never another state."""

import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from journal_bench import CODEC, arrived, busy_turn, reading, turn

from agent.journal import wal
from agent.journal.disk import DATABASE
from agent.journal.reads import Reads
from agent.journal.recovery import all_snapshots, inspect
from agent.journal.store import Journal
from agent.journal.wal import FRAME_BYTES, HEADER_BYTES

SOAK = os.environ.get("STATIONMASTER_SOAK") == "1"
FLIPS = 4000  # of some 40,000 bytes; all of them with STATIONMASTER_SOAK=1
OPENED = 60  # of the flips, also taken through quarantine and rebuild


def opened(directory: Path) -> Journal:
    return Journal.open(directory, CODEC, synchronous="OFF")


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """A small journal as a power cut leaves it: a snapshot, a checkpointed part, and turns that are only in the log."""
    journal = opened(tmp_path / "origin")
    for number in range(1, 7):
        journal.append_now(busy_turn(journal, number))
    journal.snapshot_now((arrived(6, "restated"),), 12)
    for number in range(7, 10):
        journal.append_now(busy_turn(journal, number))
    shutil.copytree(tmp_path / "origin", tmp_path / "cut", ignore=shutil.ignore_patterns("*-shm", "lock", "ballast"))
    journal.close()
    return tmp_path / "cut"


def seen(directory: Path) -> str:
    journal = opened(directory)
    try:
        return reading(journal)
    finally:
        journal.close()


def copied(source: Path, name: str) -> Path:
    target = source.parent / name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


class ReadOnly(Reads):
    """A journal's reading without opening it for writing, so that thousands of damaged ones can be compared."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "live" / DATABASE, CODEC)
        seen = inspect(directory / "live", all_snapshots(directory, None)[0])
        self.noticed = (*seen.faults, *seen.notes)
        self.head, self.last_elapsed_ms = seen.state.head, seen.state.elapsed_ms
        self.snapshot = seen.snapshot


def state_of(found: ReadOnly) -> str:
    start = found.snapshot.head if found.snapshot else 0
    everything = (
        found.head,
        found.last_elapsed_ms,
        found.snapshot,
        found.events(start, 1000),
        found.owed("csms", 1000),
        found.owed_counts(),
        found.records("variables"),
        [found.receipt("web", f"q{number}") for number in range(12)],
        [found.subject(f"s{number}") for number in range(12)],
        [found.subject_by_lookup("IdToken", b"h%d" % number) for number in range(12)],
    )
    return repr(everything)


def flips(path: Path, generator: random.Random) -> Iterator[tuple[int, int]]:
    size = path.stat().st_size
    places = range(size) if SOAK else sorted(generator.sample(range(size), min(size, FLIPS // 2)))
    for place in places:
        yield place, 1 << generator.randrange(8)


@pytest.mark.parametrize("name", [DATABASE, f"{DATABASE}-wal"])
def test_every_flipped_bit_is_detected_or_harmless(cut: Path, name: str) -> None:
    whole = ReadOnly(cut)
    right = state_of(whole)
    whole.close()
    generator = random.Random(name)
    path = cut / "live" / name
    data = bytearray(path.read_bytes())
    detected = 0
    for place, bit in flips(path, generator):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([data[place] ^ bit]))
        (cut / "live" / f"{DATABASE}-shm").unlink(missing_ok=True)
        found = ReadOnly(cut)
        if found.noticed:
            detected += 1
        else:
            assert state_of(found) == right, f"byte {place} of {name}: another state, and nobody noticed"
        found.close()
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([data[place]]))
    assert detected > len(data) // 100


def test_a_flipped_journal_opens_again_with_what_is_good_and_says_what_is_not(cut: Path) -> None:
    right = seen(copied(cut, "right"))
    generator = random.Random(7)
    rebuilt = 0
    for number in range(OPENED):
        directory = copied(cut, "flipped")
        path = directory / "live" / (DATABASE if number % 3 else f"{DATABASE}-wal")
        data = bytearray(path.read_bytes())
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        path.write_bytes(data)
        journal = opened(directory)
        assert reading(journal) == right or journal.recovery.notes, number
        assert journal.verify().ok
        assert journal.head >= 12, "the snapshot was good"
        if journal.recovery.rebuilt:
            rebuilt += 1
            kept = directory / "quarantine/0001" / path.name
            assert kept.read_bytes() == bytes(data), "quarantine keeps the damaged files as they were"
            journal.append_now(turn(journal, arrived(99)))
        journal.close()
        again = opened(directory)
        assert not again.recovery.rebuilt, again.recovery
        again.close()
    assert rebuilt > OPENED // 6


@pytest.mark.parametrize("byte", [5, 80, 30_000])
def test_a_flipped_snapshot_is_not_used(cut: Path, byte: int) -> None:
    path = cut / "snapshots/a.snapshot"
    data = bytearray(path.read_bytes())
    data[byte % len(data)] ^= 4
    path.write_bytes(data)
    journal = opened(cut)
    assert journal.load().snapshot_head == 0
    assert len(tuple(journal.load().events)) == 18
    assert any("a.snapshot" in note for note in journal.recovery.notes)
    journal.close()


def test_a_truncated_log_gives_an_earlier_state_whole(cut: Path) -> None:
    log = cut / f"live/{DATABASE}-wal"
    frames = (log.stat().st_size - HEADER_BYTES) // FRAME_BYTES
    heads = set()
    for length in (*range(HEADER_BYTES, log.stat().st_size, FRAME_BYTES), 0, 17, HEADER_BYTES + 700):
        directory = copied(cut, "truncated")
        os.truncate(directory / f"live/{DATABASE}-wal", length)
        journal = opened(directory)
        assert journal.verify().ok
        assert (journal.recovery.lost, journal.recovery.rebuilt) == ((), False)
        heads.add(journal.head)
        journal.close()
    assert heads == {12, 14, 16}
    assert frames > 9


def test_a_zeroed_tail_is_an_earlier_state_and_one_before_the_snapshot_is_noticed(cut: Path) -> None:
    log = cut / f"live/{DATABASE}-wal"
    data = log.read_bytes()
    log.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    journal = opened(cut)
    assert journal.head in (12, 14)
    journal.close()
    early = opened(cut.parent / "early")
    for number in range(1, 4):
        early.append_now(busy_turn(early, number))
    early.close()
    shutil.rmtree(cut / "live")
    shutil.copytree(cut.parent / "early/live", cut / "live")
    journal = opened(cut)
    assert (journal.recovery.rebuilt, journal.head, journal.recovery.lost) == (True, 12, ((7, 12),))
    assert any("ends at event 6, but a snapshot was made at event 12" in note for note in journal.recovery.notes)
    assert journal.load().snapshot == (arrived(6, "restated"),)
    journal.close()


def test_a_bad_frame_followed_by_synced_ones_is_damage_and_not_a_torn_write(cut: Path) -> None:
    log = cut / f"live/{DATABASE}-wal"
    data = bytearray(log.read_bytes())
    data[HEADER_BYTES + FRAME_BYTES + 300] ^= 1
    assert "synced frames follow" in wal.scan(bytes(data)).damaged
    assert wal.scan(wal.reseal(bytes(data))).damaged == ""
    last = bytearray(log.read_bytes())
    last[-5] ^= 1
    torn = wal.scan(bytes(last))
    assert (torn.damaged, torn.ignored > 0) == ("", True)
    log.write_bytes(data)
    journal = opened(cut)
    assert journal.recovery.rebuilt
    assert journal.recovery.head == 18, "the turns after the bad page came back from the resealed copy"
    journal.close()


def test_lost_events_are_named_and_the_later_ones_kept(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    for number in range(1, 31):
        journal.append_now(turn(journal, arrived(number)))
    journal.snapshot_now((arrived(4, "restated"),), 4)
    journal.close()
    _delete_events(tmp_path / "journal", "seq BETWEEN 11 AND 13")
    journal = opened(tmp_path / "journal")
    assert (journal.recovery.rebuilt, journal.recovery.lost, journal.head) == (True, ((11, 13),), 30)
    assert "events 11 to 13 are lost" in journal.recovery.notes
    assert [stored.seq for stored in journal.load().events] == [*range(5, 11), *range(14, 31)]
    assert journal.verify().ok
    assert journal.verify().gaps == ((11, 13),)
    journal.append_now(turn(journal, arrived(31)))
    journal.close()
    journal = opened(tmp_path / "journal")
    assert (journal.recovery.rebuilt, journal.recovery.lost, journal.head) == (False, (), 31)
    journal.close()


def test_a_loss_around_the_snapshot_keeps_the_snapshot(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal")
    for number in range(1, 21):
        journal.append_now(turn(journal, arrived(number)))
    journal.snapshot_now((arrived(10, "restated"),), 10)
    journal.close()
    _delete_events(tmp_path / "journal", "seq BETWEEN 8 AND 12")
    journal = opened(tmp_path / "journal")
    assert journal.recovery.lost == ((8, 12),)
    assert journal.load().snapshot_head == 10
    assert [stored.seq for stored in journal.load().events] == list(range(13, 21))
    journal.close()


def _delete_events(directory: Path, where: str) -> None:
    db = sqlite3.connect(directory / "live" / DATABASE)
    db.execute(f"DELETE FROM event WHERE {where}")
    db.commit()
    db.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE event SET body = CAST('{}' AS BLOB) WHERE seq = 17",
        "UPDATE event SET utc_ms = NULL WHERE seq = 17",
        "DELETE FROM event WHERE seq = 18",
        "DELETE FROM owed WHERE id = (SELECT max(id) FROM owed)",
        "UPDATE owed SET attempts = 7",
        "DELETE FROM subject WHERE ref = 's3'",
        "UPDATE record SET value = CAST('x' AS BLOB) WHERE key = 'k3'",
        "DELETE FROM receipt WHERE request_id = 'q3'",
        "UPDATE state SET elapsed_ms = 1",
        "DELETE FROM state",
        "CREATE TABLE more (x)",
        "DROP INDEX owed_message",
    ],
)
def test_what_an_intact_database_says_wrongly_is_noticed_too(cut: Path, sql: str) -> None:
    db = sqlite3.connect(cut / "live" / DATABASE)
    db.execute(sql)
    db.commit()
    db.close()
    journal = opened(cut)
    assert journal.recovery.rebuilt
    assert journal.verify().ok
    journal.close()


def test_a_missing_database_is_rebuilt_from_the_snapshot(cut: Path) -> None:
    shutil.rmtree(cut / "live")
    journal = opened(cut)
    assert (journal.recovery.rebuilt, journal.head, journal.recovery.lost) == (True, 12, ((1, 12),))
    assert journal.load().snapshot == (arrived(6, "restated"),)
    journal.append_now(turn(journal, arrived(13)))
    journal.close()
    journal = opened(cut)
    assert [stored.seq for stored in journal.load().events] == [13]
    journal.close()


def test_an_empty_or_foreign_database_file_is_quarantined(cut: Path) -> None:
    for content in (b"", b"not a database, but long enough to be read as one" * 100):
        directory = copied(cut, "foreign")
        (directory / f"live/{DATABASE}-wal").unlink()
        (directory / "live" / DATABASE).write_bytes(content)
        journal = opened(directory)
        assert (journal.recovery.rebuilt, journal.head) == (True, 12)
        assert (directory / "quarantine/0001" / DATABASE).read_bytes() == content
        journal.close()


def test_an_interrupted_rebuild_is_finished(cut: Path) -> None:
    sound = seen(copied(cut, "sound"))
    shutil.copytree(cut.parent / "sound/live", cut / "rebuilt")
    (cut / "building").mkdir()
    journal = opened(cut)
    assert reading(journal) == sound
    assert (cut / "quarantine/0001" / f"{DATABASE}-wal").exists()
    assert sorted(path.name for path in cut.iterdir()) == ["ballast", "live", "lock", "quarantine", "snapshots"]
    journal.close()
