"""What the power-cut tests share: a child that is killed, and a look at what is left."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from forgetful_disk import ForgetfulDisk
from journal_bench import CODEC, Arrived

from agent.journal.store import Journal

__all__ = ["ForgetfulDisk", "child_environment", "highest", "killed_after", "missing", "started"]

ROOT = Path(__file__).parents[2]
BENCH = Path(__file__).with_name("journal_bench.py")


def child_environment(more: dict[str, str]) -> dict[str, str]:
    """The environment of a child that can import the agent and journal_bench."""
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{BENCH.parent}", **more}


def started(directory: Path, synchronous: str, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(BENCH), str(directory), synchronous],
        env=child_environment(environment or {}),
        stdout=subprocess.PIPE,
        text=True,
    )


def killed_after(child: subprocess.Popen[str], lines: int) -> list[dict[str, int]]:
    """Read some acknowledgements, kill at whatever the child is doing then, and read what it had still said."""
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    said += child.stdout.read().splitlines()
    child.wait()
    child.stdout.close()
    answers = (json.loads(line) for line in said if line.strip().endswith("}"))
    return [{str(key): int(value) for key, value in answer.items()} for answer in answers]


def missing(directory: Path, acknowledged: int) -> list[str]:
    """Look at a copy of what is left: which acknowledged turns are not there exactly once, in every table."""
    copy = directory.parent / "looked-at"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    journal = Journal.open(copy, CODEC, synchronous="OFF")
    try:
        loaded = journal.load()
        found = [stored.event.evse for stored in loaded.events if isinstance(stored.event, Arrived)]
        wanted = list(range(loaded.snapshot_head // 2 + 1, journal.head // 2 + 1))
        faults = [] if journal.verify().ok else ["the journal is not sound"]
        faults += [] if found == wanted else [f"turns {found} instead of {wanted}"]
        faults += [f"head {journal.head} after {acknowledged}"] if journal.head < acknowledged else []
        faults += [f"events {lost} lost" for lost in journal.recovery.lost]
        last = journal.head // 2
        for number in (*range(1, last + 1, 13), *range(max(1, acknowledged // 2 - 3), acknowledged // 2 + 1)):
            faults += [] if journal.receipt("web", f"q{number}") else [f"receipt {number}"]
        owed = [row.message_id for row in journal.owed("csms", 10)]
        expected = [f"m{number}" for number in range(max(1, last - 1), last + 1)]
        return faults if owed == expected else [*faults, f"owed {owed}"]
    finally:
        journal.close()


def highest(said: list[dict[str, int]]) -> int:
    """The last head the child vouched for."""
    return max(line["head"] if "head" in line else line["opened"] for line in said)
