"""Snapshots: what they stand for, how many lie there, and what is trimmed behind them."""

from pathlib import Path

import pytest
from journal_bench import CODEC, EvseId, Left, arrived, busy_turn, opened, turn

from agent.journal.errors import TurnRefused
from agent.journal.store import Journal


async def test_a_snapshot_stands_for_the_events_before_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(1, 11):
        await journal.append(busy_turn(journal, number))
    await journal.snapshot((arrived(10, "restated"),), 18)
    journal.close()
    journal = opened(tmp_path)
    loaded = journal.load()
    assert (loaded.snapshot, loaded.snapshot_head) == ((arrived(10, "restated"),), 18)
    assert [(stored.seq, stored.event) for stored in loaded.events] == [
        (19, arrived(10)),
        (20, Left(evse=EvseId(10), reason="gone", paid=True)),
    ]
    with pytest.raises(TurnRefused, match="no snapshot at event 21"):
        await journal.snapshot((), 21)
    journal.close()


def test_snapshot_generations_survive_a_corrupt_newest_one(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in (1, 2, 3):
        journal.append_now(turn(journal, arrived(number)))
        journal.snapshot_now((arrived(number, "restated"),), number)
    journal.append_now(turn(journal, arrived(4)))
    journal.close()
    newest = max((tmp_path / "journal/snapshots").iterdir(), key=lambda path: path.read_bytes()[:30].find(b'"head": 3'))
    newest.write_bytes(newest.read_bytes().replace(b"restated", b"restatet"))
    journal = opened(tmp_path)
    loaded = journal.load()
    assert (loaded.snapshot, loaded.snapshot_head) == ((arrived(2, "restated"),), 2)
    assert [stored.seq for stored in loaded.events] == [3, 4]
    assert any(newest.name in note for note in journal.recovery.notes)
    journal.snapshot_now((arrived(4, "restated"),), 4)
    journal.close()
    journal = opened(tmp_path)
    assert (journal.load().snapshot_head, journal.recovery.notes) == (4, ())
    journal.close()


def test_old_events_are_trimmed_but_never_what_a_snapshot_needs(tmp_path: Path) -> None:
    journal = opened(tmp_path, keep_events=10)
    for number in range(1, 31):
        journal.append_now(turn(journal, arrived(number)))
    journal.snapshot_now((arrived(1),), 5)
    assert journal.events(0, 1)[0].seq == 1, "one snapshot is not enough to trim"
    journal.snapshot_now((arrived(2),), 28)
    assert journal.events(0, 1)[0].seq == 6, "the older snapshot stands at 5"
    journal.snapshot_now((arrived(3),), 29)
    assert journal.events(0, 1)[0].seq == 21, "ten events are kept for people"
    assert journal.verify().ok
    journal.close()
    journal = opened(tmp_path)
    assert journal.load().snapshot_head == 29
    assert journal.recovery.notes == ()
    journal.close()


def test_a_copy_of_the_newest_snapshot_stands_in_for_both_at_home(tmp_path: Path) -> None:
    second = tmp_path / "stick"
    journal = Journal.open(tmp_path / "journal", CODEC, synchronous="OFF", second=second)
    journal.append_now(turn(journal, arrived(1)))
    journal.snapshot_now((arrived(1, "restated"),), 1)
    journal.close()
    for path in (tmp_path / "journal/snapshots").iterdir():
        path.write_bytes(b"nothing")
    journal = Journal.open(tmp_path / "journal", CODEC, synchronous="OFF", second=second)
    assert journal.load().snapshot == (arrived(1, "restated"),)
    journal.close()
