"""A disk that fails while turns go on: full, an I/O error in the sync, read-only; told apart, survived, recovered."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cut_bench import ForgetfulDisk, child_environment
from journal_bench import CODEC, arrived, turn

from agent.journal import disk as files
from agent.journal.store import Journal

# Runs on the forgetful disk. Reports what happened as JSON lines; `say` is the only way out.
PRELUDE = """
import json, os, sys
from pathlib import Path
from journal_bench import CODEC, arrived, turn
from agent.journal.errors import StorageFailed, StorageFull
from agent.journal.store import Journal
from agent.journal.turn import PutRecord

root, sick = Path(sys.argv[1]), Path(sys.argv[2])
journal = Journal.open(root / "state", CODEC)

def say(**facts):
    print(json.dumps(facts), flush=True)

def tried(number, *writes):
    try:
        journal.append_now(turn(journal, arrived(number), writes=writes))
    except StorageFailed as error:
        return type(error).__name__
    return "kept"
"""


@pytest.fixture
def disk(tmp_path: Path) -> ForgetfulDisk:
    return ForgetfulDisk(tmp_path / "disk", tmp_path / "tools")


def told(disk: ForgetfulDisk, script: str, sick: Path, capacity_bytes: int | None = None) -> list[dict[str, object]]:
    environment = child_environment(disk.environment(capacity_bytes=capacity_bytes))
    command = [sys.executable, "-c", PRELUDE + script, str(disk.root), str(sick)]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def kept_numbers(directory: Path) -> list[int]:
    journal = Journal.open(directory, CODEC, synchronous="OFF")
    try:
        assert journal.verify().ok
        return [stored.event.evse for stored in journal.load().events]
    finally:
        journal.close()


def test_a_full_disk_costs_the_ballast_first_then_says_so_and_takes_turns_again_with_space(disk: ForgetfulDisk) -> None:
    (disk.root / "filler").write_bytes(bytes(2_000_000))
    disk.adopt()
    script = """
ballast = root / "state/ballast"
assert ballast.stat().st_size == 8 * 1024 * 1024
number = 0
given_up = 0
while (verdict := tried(number + 1, PutRecord(store="big", key=str(number), value=bytes(200_000)))) == "kept":
    number += 1
    given_up = given_up or (not ballast.exists() and number)
say(verdict=verdict, kept=number, ballast_lasted=given_up, head=journal.head, readable=len(journal.records("big")))
say(verdict=tried(number + 1, PutRecord(store="big", key="x", value=bytes(200_000))), head=journal.head)
(root / "filler").unlink()
say(verdict=tried(number + 1), head=journal.head)
os._exit(0)
"""
    first, again, after = told(disk, script, disk.fail_next_sync, files.BALLAST_BYTES + 4_000_000)
    kept = first["kept"]
    assert isinstance(kept, int)
    assert isinstance(first["ballast_lasted"], int)
    assert first["verdict"] == again["verdict"] == "StorageFull"
    assert 0 < first["ballast_lasted"] < kept - 10, "the ballast is worth some dozen large turns"
    assert first["head"] == first["readable"] == again["head"] == kept
    assert after == {"verdict": "kept", "head": kept + 1}
    disk.cut()
    assert kept_numbers(disk.root / "state") == list(range(1, kept + 2))


def test_a_sync_that_fails_once_costs_nobody_anything(disk: ForgetfulDisk) -> None:
    script = """
for number in range(1, 8):
    if number in (2, 5):
        sick.touch()
    say(verdict=tried(number), failed=not sick.exists(), head=journal.head)
os._exit(0)
"""
    facts = told(disk, script, disk.fail_next_sync)
    assert facts == [{"verdict": "kept", "failed": True, "head": number} for number in range(1, 8)]
    disk.cut()
    assert kept_numbers(disk.root / "state") == list(range(1, 8))


def test_a_read_only_disk_refuses_turns_until_it_is_writable_again(disk: ForgetfulDisk) -> None:
    script = """
import asyncio
say(verdict=tried(1), head=journal.head)
sick.touch()
say(verdict=tried(2), head=journal.head, events=len(journal.events(0, 10)))
try:
    asyncio.run(journal.probe())
    say(probe="healthy")
except StorageFailed as error:
    say(probe=type(error).__name__)
sick.unlink()
say(probe=asyncio.run(journal.probe()).ok)
say(verdict=tried(2), head=journal.head)
os._exit(0)
"""
    assert told(disk, script, disk.read_only) == [
        {"verdict": "kept", "head": 1},
        {"verdict": "StorageFailed", "head": 1, "events": 1},
        {"probe": "StorageFailed"},
        {"probe": True},
        {"verdict": "kept", "head": 2},
    ]
    disk.cut()
    assert kept_numbers(disk.root / "state") == [1, 2]


def test_a_journal_that_another_disk_fault_left_behind_takes_new_turns(disk: ForgetfulDisk) -> None:
    told(disk, "sick.touch()\nsay(verdict=tried(1))\nos._exit(0)", disk.read_only)
    disk.read_only.unlink()
    disk.cut()
    journal = Journal.open(disk.root / "state", CODEC, synchronous="OFF")
    journal.append_now(turn(journal, arrived(journal.head + 1)))
    journal.close()
    assert kept_numbers(disk.root / "state") == [1]
