"""The journal as the runner uses it: turns in, the same turns out, and no for an answer where it must be."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from journal_bench import CODEC, arrived, opened, reading, receipt, subject, turn

from agent.journal import export
from agent.journal import turn as limits
from agent.journal.disk import DATABASE
from agent.journal.errors import HeadMoved, JournalBusy, JournalError, LimitReached, TurnRefused
from agent.journal.reads import Reads
from agent.journal.turn import (
    Acknowledge,
    Bury,
    CountAttempt,
    DropRecord,
    ForgetSubject,
    FreezeFrame,
    Owe,
    PutRecord,
    Turn,
    Write,
)


def owe(message_id: str, lane: str = "csms", group: str | None = None) -> Owe:
    return Owe(
        lane=lane, message_id=message_id, kind="StartTransaction", fact=b"fact " + message_id.encode(), group=group
    )


async def test_what_was_appended_is_replayed_after_a_restart(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert (journal.head, journal.clean_stop, journal.recovery.clean) == (0, True, True)
    assert await journal.append(turn(journal, arrived(1), arrived(2), elapsed_ms=50)) == 2
    assert await journal.append(turn(journal, arrived(3), elapsed_ms=70)) == 3
    journal.close()
    journal = opened(tmp_path)
    loaded = journal.load()
    events = tuple(loaded.events)
    assert (loaded.snapshot, loaded.snapshot_head) == ((), 0)
    assert [(stored.seq, stored.elapsed_ms, stored.boot) for stored in events] == [(1, 50, 1), (2, 50, 1), (3, 70, 1)]
    assert [stored.event for stored in events] == [arrived(1), arrived(2), arrived(3)]
    assert (journal.head, journal.last_elapsed_ms, journal.last_boot, journal.clean_stop) == (3, 70, 1, True)
    journal.close()


def test_a_turn_whose_head_moved_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    stale = turn(journal, arrived(1), writes=(owe("late"),))
    journal.append_now(turn(journal, arrived(2)))
    with pytest.raises(HeadMoved, match="head is 1, the turn expected 0"):
        journal.append_now(stale)
    assert (journal.head, journal.owed_counts()) == (1, {})
    journal.close()


def test_time_never_runs_backwards(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, arrived(1), elapsed_ms=100))
    with pytest.raises(TurnRefused, match="backwards"):
        journal.append_now(turn(journal, arrived(2), elapsed_ms=99))
    journal.close()


def test_a_turn_is_all_or_nothing(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, arrived(1), writes=(owe("m1"), receipt(1, 1))))
    before = reading(journal)
    for bad in (owe("m1"), receipt(1, 2), FreezeFrame(message_id="m9", frame=b""), CountAttempt(message_id="m9")):
        with pytest.raises(TurnRefused):
            journal.append_now(
                turn(journal, arrived(2), writes=(owe("m2"), PutRecord(store="v", key="k", value=b""), bad))
            )
    with pytest.raises(JournalError, match="object"):
        journal.append_now(turn(journal, object()))
    assert reading(journal) == before
    assert journal.verify().ok
    journal.append_now(turn(journal, arrived(2), writes=(owe("m2"), receipt(2, 2))))
    assert journal.owed_counts() == {"csms": 2}
    journal.close()


def test_a_receipt_gives_the_same_answer_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, writes=(receipt(1, 5),)))
    found = journal.receipt("web", "r1")
    assert found is not None
    assert (found.digest, found.answer, found.elapsed_ms) == (b"d", b"a1", 5)
    assert journal.receipt("partner", "r1") is None
    journal.close()


def test_receipts_older_than_seven_days_go(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, writes=(receipt(1, 0), receipt(2, 10))))
    journal.append_now(turn(journal, writes=(receipt(3, limits.RECEIPT_KEEP_MS + 5),)))
    assert [journal.receipt("web", f"r{number}") is None for number in (1, 2, 3)] == [True, False, False]
    journal.close()


def test_one_source_keeps_its_newest_receipts_and_pushes_out_no_other(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, writes=(receipt(0, 0, "partner"),)))
    most = limits.RECEIPTS_PER_SOURCE_MAX
    journal.append_now(turn(journal, writes=tuple(receipt(number, 1) for number in range(most + 3))))
    assert journal.receipt("partner", "r0") is not None
    assert [journal.receipt("web", f"r{number}") is None for number in (0, 2, 3, most + 2)] == [
        True,
        True,
        False,
        False,
    ]
    assert journal.verify().ok
    journal.close()


def test_owed_messages_keep_their_order_until_acknowledged(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, writes=(owe("m1", group="tx1"), owe("x1", lane="partner"), owe("m2"), owe("m3"))))
    journal.append_now(turn(journal, writes=(replace(owe("m4"), frame=b"[4]"),)))
    journal.append_now(
        turn(journal, writes=(FreezeFrame(message_id="m2", frame=b"[2]"), CountAttempt(message_id="m2")))
    )
    assert [(row.message_id, row.frame, row.attempts) for row in journal.owed("csms", 10)] == [
        ("m1", None, 0),
        ("m2", b"[2]", 1),
        ("m3", None, 0),
        ("m4", b"[4]", 0),
    ]
    assert journal.owed("csms", 1)[0].group == "tx1"
    assert [row.message_id for row in journal.owed("csms", 10, after=journal.owed("csms", 1)[0].id)] == [
        "m2",
        "m3",
        "m4",
    ]
    for fixed in ("m2", "m4"):
        with pytest.raises(TurnRefused, match="frozen"):
            journal.append_now(turn(journal, writes=(FreezeFrame(message_id=fixed, frame=b"[3]"),)))
    journal.append_now(turn(journal, writes=(Acknowledge(message_id="m1"), Acknowledge(message_id="never owed"))))
    assert [row.message_id for row in journal.owed("csms", 10)] == ["m2", "m3", "m4"]
    assert journal.owed_counts() == {"csms": 3, "partner": 1}
    journal.close()


def test_a_record_and_an_owed_message_are_changed_where_they_lie(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, writes=(owe("m1"), owe("m2"))))
    for value in (b"first", b"other", b"few", bytes(3000), b"", b""):  # in a page, over pages, and back
        journal.append_now(turn(journal, writes=(PutRecord(store="tx", key="1", value=value),)))
        assert journal.record("tx", "1") == value
        assert journal.verify().ok
    for attempts, frame in enumerate((bytes(3000), None), start=1):
        frozen = () if frame is None else (FreezeFrame(message_id="m1", frame=frame),)
        journal.append_now(turn(journal, writes=(*frozen, CountAttempt(message_id="m1"))))
        assert [(row.message_id, row.attempts) for row in journal.owed("csms", 2)] == [("m1", attempts), ("m2", 0)]
        assert journal.verify().ok
    journal.append_now(turn(journal, writes=(Bury(message_id="m1", reason="refused"),)))
    (letter,) = journal.dead_letters()
    assert (letter.owed.frame, letter.owed.attempts) == (None, 2), "what names a card goes, the fact stays"
    assert journal.verify().ok
    journal.close()


def test_a_buried_message_is_listed_with_its_reason(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, writes=(owe("m1"), owe("m2"))))
    journal.append_now(turn(journal, writes=(Bury(message_id="m1", reason="refused five times"),), elapsed_ms=99))
    assert [row.message_id for row in journal.owed("csms", 10)] == ["m2"]
    (letter,) = journal.dead_letters()
    assert (letter.owed.message_id, letter.owed.fact, letter.reason, letter.elapsed_ms) == (
        "m1",
        b"fact m1",
        "refused five times",
        99,
    )
    journal.append_now(turn(journal, writes=(owe("m1"),)))
    assert [row.id for row in journal.owed("csms", 10)] == [2, 3], "an id is never used twice"
    journal.close()


def test_records_are_set_replaced_listed_and_dropped(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    many = tuple(PutRecord(store="list", key=f"{number:05d}", value=b"%d" % number) for number in range(2500))
    journal.append_now(turn(journal, writes=(*many, PutRecord(store="other", key="a", value=b"1"))))
    journal.append_now(
        turn(
            journal, writes=(PutRecord(store="list", key="00001", value=b"new"), DropRecord(store="list", key="00000"))
        )
    )
    found = journal.records("list")
    assert list(found) == [f"{number:05d}" for number in range(1, 2500)]
    assert (found["00001"], journal.record("list", "00000"), journal.record("other", "a")) == (b"new", None, b"1")
    journal.close()


def test_sizes_and_counts_have_limits_that_are_said(tmp_path: Path) -> None:
    with pytest.raises(LimitReached, match="fact has"):
        Owe(lane="l", message_id="m", kind="k", fact=bytes(limits.BODY_MAX_BYTES + 1), group=None)
    with pytest.raises(LimitReached, match="frame has"):
        replace(owe("m1"), frame=bytes(limits.FRAME_MAX_BYTES + 1))
    with pytest.raises(LimitReached, match="store must have"):
        PutRecord(store="", key="k", value=b"")
    with pytest.raises(LimitReached, match="events"):
        Turn(expected_head=0, boot=1, elapsed_ms=0, utc_ms=None, events=(1,) * (limits.EVENTS_PER_TURN_MAX + 1))
    journal = opened(tmp_path)
    with pytest.raises(LimitReached, match="event Arrived has"):
        journal.append_now(turn(journal, arrived(1, "x" * limits.BODY_MAX_BYTES)))
    crowd = tuple(subject(f"s{number}", f"v{number}") for number in range(limits.SUBJECTS_MAX))
    half = len(crowd) // 2
    journal.append_now(turn(journal, writes=crowd[:half]))
    journal.append_now(turn(journal, writes=crowd[half:]))
    with pytest.raises(LimitReached, match="subject: 20000 rows"):
        journal.append_now(turn(journal, writes=(subject("one more", "v"),)))
    journal.append_now(turn(journal, writes=(subject("s7", "replaced"),)))
    journal.close()


def test_a_forgotten_subject_leaves_no_byte_behind(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    kept = tuple(subject(f"k{number:04d}", f"KEPT{number:06d}") for number in range(150))
    gone = tuple(subject(f"g{number:04d}", f"MARKER{number:06d}" * 4) for number in range(400))
    mixed = [write for pair in zip(gone, kept * 3, strict=False) for write in pair]
    for start in range(0, len(mixed), 25):
        journal.append_now(turn(journal, arrived(start), writes=tuple(mixed[start : start + 25])))
    forget = tuple(ForgetSubject(ref=write.ref) for write in gone)
    for start in range(0, len(forget), 7):
        journal.append_now(turn(journal, writes=forget[start : start + 7]))
    asyncio.run(journal.checkpoint())
    for path in sorted((tmp_path / "journal").rglob("*")):
        if path.is_file() and path.name != "ballast":
            data = path.read_bytes()
            assert b"MARKER" not in data, path
            assert b"hash of MARKER" not in data, path
    assert journal.subject_refs() == tuple(sorted(row.ref for row in kept))
    found = journal.subject_by_lookup("IdToken", b"hash of KEPT000042")
    assert found is not None
    assert (found.ref, found.value) == ("k0042", "KEPT000042")
    assert journal.verify().ok, "forgetting does not break the chain"
    journal.close()


def test_a_second_agent_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    script = (
        "import sys; from pathlib import Path; from agent.journal.store import Journal\n"
        "from agent.journal.codec import Codec; from agent.journal.errors import JournalBusy\n"
        "try: Journal.open(Path(sys.argv[1]), Codec(()))\n"
        "except JournalBusy as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "journal")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]).stdout
    assert f"process {os.getpid()}" in said
    with pytest.raises(JournalBusy):
        opened(tmp_path)
    journal.close()
    opened(tmp_path).close()


def test_an_unclean_stop_is_noticed_and_a_clean_one_too(tmp_path: Path) -> None:
    for proper in (True, False):
        script = (
            "import sys, os; from pathlib import Path; import journal_bench as bench\n"
            "journal = bench.Journal.open(Path(sys.argv[1]), bench.CODEC, synchronous='OFF')\n"
            "journal.append_now(bench.turn(journal, bench.arrived(1)))\n"
            f"journal.close() if {proper} else os._exit(9)\n"
        )
        root = Path(__file__).parents[2]
        paths = {"PYTHONPATH": f"{root}:{Path(__file__).parent}"}
        command = [sys.executable, "-c", script, str(tmp_path / "journal")]
        subprocess.run(command, check=False, env={**os.environ, **paths})
        journal = opened(tmp_path)
        assert (journal.clean_stop, journal.recovery.clean) == (proper, proper)
        journal.close()


def test_nothing_is_written_when_nothing_happens(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, arrived(1)))
    journal.close()
    before = {path: path.read_bytes() for path in (tmp_path / "journal/live").iterdir()}
    journal = opened(tmp_path)
    tuple(journal.load().events)
    journal.close()
    assert {path: path.read_bytes() for path in (tmp_path / "journal/live").iterdir()} == before


def test_list_verify_and_export_work_beside_the_agent_and_without_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    evil = "\x1b[2J\x07 back\u202eward"
    journal.append_now(turn(journal, arrived(1, evil), arrived(2)))
    directory = tmp_path / "journal"
    for running in (True, False):
        if not running:
            journal.close()
        before = {path.name: path.read_bytes() for path in (directory / "live").iterdir() if "shm" not in path.name}
        listed = list(export.list_lines(directory))
        exported = [json.loads(line) for line in export.export_lines(directory, after=0)]
        assert export.verify_files(directory).ok
        after = {path.name: path.read_bytes() for path in (directory / "live").iterdir() if "shm" not in path.name}
        assert after == before
        assert len(listed) == 2
        assert all(line.isascii() and line.isprintable() for line in listed)
        assert exported[0]["body"]["name"] == evil
        assert exported[1]["prev"] == exported[0]["hash"]
        assert [line["seq"] for line in exported] == [1, 2]
    assert export.escaped("a\x1b[0m\n\u202e") == "a\\x1b[0m\\n\\u202e"
    with pytest.raises(JournalError, match="no journal here"):
        list(export.list_lines(tmp_path / "nowhere"))


def test_reads_see_what_was_just_committed(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in range(1, 60):
        journal.append_now(turn(journal, arrived(number), writes=(owe(f"m{number}"),)))
        assert journal.owed("csms", 1, after=number - 1)[0].message_id == f"m{number}"
        assert journal.events(number - 1, 5)[-1].seq == number
    journal.close()


def _open_files(directory: Path) -> list[str]:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [target for target in map(os.readlink, links) if target.startswith(f"{directory.resolve()}/")]


def test_nothing_stays_open_of_a_closed_journal_whoever_still_read(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append_now(turn(journal, arrived(1)))
    assert len(journal.events(0, 1)) == 1
    assert _open_files(tmp_path) != []
    reads = Reads(tmp_path / "journal/live" / DATABASE, CODEC)
    with reads.connection() as lent:
        reads.close()
        assert lent.execute("SELECT count(*) FROM event").fetchone() == (1,), "who reads may end"
    journal.close()
    assert _open_files(tmp_path) == []
    for read in (journal.verify, journal.owed_counts, lambda: journal.snapshot_now((), 1)):
        with pytest.raises(JournalError, match="closed"):
            read()
    assert _open_files(tmp_path) == []


def test_the_log_is_emptied_into_the_database_as_turns_go_by(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    writes: tuple[Write, ...] = tuple(PutRecord(store="v", key=str(key), value=bytes(100)) for key in range(200))
    for number in range(1, 60):
        journal.append_now(turn(journal, arrived(number), writes=writes))
    assert (tmp_path / "journal/live/journal.db-wal").stat().st_size < 4_000_000
    journal.close()


async def test_giving_up_the_wait_does_not_take_the_turn_back(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    waiting = journal.append(turn(journal, arrived(1)))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await journal.checkpoint()
    assert journal.head == 1
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append_now(turn(journal, arrived(2)))
