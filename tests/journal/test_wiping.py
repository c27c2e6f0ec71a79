"""What was deleted because it names somebody: gone from every byte of every file; damaged files follow a day later."""

import asyncio
import random
from pathlib import Path

import pytest
from journal_bench import CODEC, arrived, turn

from agent.journal.disk import DATABASE
from agent.journal.quarantine import EXTRACT, EXTRACTS_MAX, quarantined, scrub
from agent.journal.store import Journal
from agent.journal.turn import Acknowledge, FreezeFrame, Owe


def opened(directory: Path) -> Journal:
    return Journal.open(directory, CODEC, synchronous="OFF")


@pytest.mark.parametrize("seed", [1, 3, 8])
def test_a_delivered_frame_leaves_no_byte_behind(tmp_path: Path, seed: int) -> None:
    """With these seeds SQLite 3.40 leaves a copy of one frame in the gap of a page, unless the table is swept."""
    rng = random.Random(seed)
    journal = opened(tmp_path)
    owed: list[tuple[str, bytes]] = []
    gone: list[bytes] = []
    for number in range(1500):
        if owed and rng.random() >= 0.6:
            message_id, mark = owed.pop(rng.randrange(len(owed)))
            journal.append_now(turn(journal, writes=(Acknowledge(message_id=message_id),)))
            gone.append(mark)
            continue
        message_id, mark, fact = f"m{number}", b"MARK%06d|" % number, b"f" * rng.randrange(10, 60)
        owe = Owe(lane="x", message_id=message_id, kind="k", fact=fact, group=None)
        frozen = FreezeFrame(message_id=message_id, frame=mark * rng.randrange(1, 12))
        journal.append_now(turn(journal, writes=(owe,)))
        journal.append_now(turn(journal, writes=(frozen,)))
        owed.append((message_id, mark))
    assert journal.unwiped
    asyncio.run(journal.checkpoint())
    assert not journal.unwiped
    data = b"".join(path.read_bytes() for path in tmp_path.rglob(f"{DATABASE}*"))
    assert [mark for mark in gone if mark in data] == []
    assert len(journal.owed("x", 1000)) == len(owed)
    assert journal.verify().ok
    journal.close()


def test_scrubbing_goes_on_where_a_power_cut_stopped_it_and_keeps_the_newest_events(tmp_path: Path) -> None:
    journal = opened(tmp_path / "origin")
    journal.append_now(turn(journal, arrived(1)))
    journal.close()
    damaged = (tmp_path / "origin" / "live" / DATABASE).read_bytes()
    folder = tmp_path / "quarantine"
    for number in range(EXTRACTS_MAX + 2):
        entry = folder / f"{number:04d}"
        entry.mkdir(parents=True)
        (entry / DATABASE).write_bytes(damaged)
    (folder / "0000" / f"{EXTRACT}.new").write_bytes(b"cut while it was written")
    (folder / "0001" / EXTRACT).write_bytes(b"written, and cut before the rest was wiped")
    (tmp_path / "scrub").mkdir()
    (tmp_path / "scrub" / DATABASE).write_bytes(b"cut while it was read")
    for name in quarantined(tmp_path):
        scrub(tmp_path, name)
    assert quarantined(tmp_path) == ()
    assert sorted(entry.name for entry in folder.iterdir()) == [f"{n:04d}" for n in range(2, EXTRACTS_MAX + 2)]
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [EXTRACT] * EXTRACTS_MAX
    assert not (tmp_path / "scrub").exists()
    scrub(tmp_path, "0002")
