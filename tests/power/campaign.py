"""Power cuts on a whole agent: kill it at any moment, start it again, compare what it said with what it kept."""

import os
import random
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from busy_site import key_of
from forgetful_disk import ForgetfulDisk

from agent.core.evolve import APPLY
from agent.core.site import fold, restate
from agent.journal.codec import Codec
from agent.journal.disk import Synchronous
from agent.journal.reads import DeadLetter, Owed, StoredEvent
from agent.journal.store import Journal

CHILD = Path(__file__).with_name("busy_site.py")
START_LIMIT_S = 30.0
SETTLE_LIMIT_S = 600.0  # only ever waited for in full by a campaign that fails
RUN_S = (0.05, 1.2)  # how long a start lasts before the cut
WORLD = "twin.json"
CARS_STAY = 0.8  # of the cuts on a disk that forgets


@dataclass(slots=True)
class Said:
    """What all starts together acknowledged: journal number -> kind and ids."""

    events: dict[int, tuple[str, str]] = field(default_factory=dict)
    starts: int = 0
    contradictions: list[str] = field(default_factory=list)

    def hear(self, output: bytes) -> None:
        """Take the whole lines of one start; the last one may have been cut."""
        for line in output.decode().split("\n")[:-1]:
            word, *rest = line.split(" ")
            if word == "EVENT":
                number, kind, key = int(rest[0]), rest[1], rest[2]
                before = self.events.setdefault(number, (kind, key))
                if before != (kind, key):
                    self.contradictions.append(f"event {number} was {before}, then {kind} {key}")


def one_start(
    state_dir: Path,
    chance: random.Random,
    said: Said,
    *,
    environment: Mapping[str, str] | None = None,
    csms_url: str = "",
    synchronous: Synchronous = "FULL",
) -> None:
    """Start the agent, let it run for a random while, and kill it."""
    child = _child(state_dir, chance, "busy", environment=environment, csms_url=csms_url, synchronous=synchronous)
    try:
        output = _read_for(child, chance.uniform(*RUN_S))
    finally:
        child.send_signal(signal.SIGKILL)
    rest, errors = child.communicate()
    if b"READY" not in output + rest:
        raise AssertionError(f"start {said.starts + 1} did not come up:\n{errors.decode()[-3000:]}")
    said.starts += 1
    said.hear(output + rest)


def last_start(
    state_dir: Path,
    chance: random.Random,
    said: Said,
    *,
    environment: Mapping[str, str] | None = None,
    csms_url: str,
) -> None:
    """Start the agent, let everybody leave, and wait until it owes nothing and has stopped."""
    child = _child(state_dir, chance, "leave", environment=environment, csms_url=csms_url)
    try:
        output, errors = child.communicate(timeout=SETTLE_LIMIT_S)
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"it did not settle: {(late.output or b'')[-1000:]!r}") from None
    finally:
        child.kill()
    assert b"SETTLED" in output, f"it ended unsettled:\n{errors.decode()[-3000:]}"
    assert child.returncode == 0, errors.decode()[-3000:]
    said.hear(output)


def _child(
    state_dir: Path,
    chance: random.Random,
    deeds: str,
    *,
    environment: Mapping[str, str] | None,
    csms_url: str,
    synchronous: Synchronous = "FULL",
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, str(CHILD), str(state_dir), str(chance.getrandbits(32)), csms_url, synchronous, deeds]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **(environment or {})}
    )


def _read_for(child: "subprocess.Popen[bytes]", run_s: float) -> bytes:
    """Read what the child says until it has been ready for a while."""
    assert child.stdout is not None
    output, deadline, ready = b"", time.monotonic() + START_LIMIT_S, False
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            chunk = os.read(child.stdout.fileno(), 65536)
            if not chunk:
                break
            output += chunk
            if not ready and b"READY" in output:
                ready, deadline = True, time.monotonic() + run_s
    return output


def cut(disk: ForgetfulDisk, chance: random.Random) -> None:
    """Cut the power: the disk forgets; the cars mostly stand where they stood, or have gone while it was dark."""
    world = disk.root / WORLD
    cars = world.read_bytes() if world.exists() and chance.random() < CARS_STAY else None
    disk.cut(chance)
    if cars is not None:
        world.write_bytes(cars)  # the twin's world stands in for nature, which needs no sync
        disk.adopt()


@dataclass(slots=True)
class Kept:
    """What the journal holds in the end: number -> kind and ids, and what it says of itself."""

    events: dict[int, tuple[str, str]]
    doubled: list[tuple[str, str]]
    notes: tuple[str, ...]
    stored: tuple[StoredEvent, ...]
    owed: tuple[Owed, ...]
    given_up: tuple[DeadLetter, ...]


def what_was_kept(state_dir: Path) -> Kept:
    """Open the journal, replay it, and list its events."""
    journal = Journal.open(state_dir, Codec(APPLY))
    try:
        loaded = journal.load()
        site = fold((stored.event for stored in loaded.events), fold(loaded.snapshot))
        assert fold(restate(site)) == site
        assert journal.verify().ok
        stored: list[StoredEvent] = []
        while batch := journal.events(stored[-1].seq if stored else 0, 1000):
            stored += batch
        events = {s.seq: (type(s.event).__name__, key_of(s.event)) for s in stored}
        once = Counter(e for e in events.values() if e[0] in {"CheckedIn", "Authorised"})
        notes = (*journal.recovery.notes, *(f"lost {a}-{b}" for a, b in journal.recovery.lost))
        doubled = [e for e, count in once.items() if count > 1]
        return Kept(events, doubled, notes, tuple(stored), journal.owed("csms", 1000), journal.dead_letters())
    finally:
        journal.close()


def figures(said: Said, kept: Kept, **more: int) -> str:
    """What a campaign saw, on one line: what is claimed of it should come from here."""
    counts = {
        "cuts": said.starts,
        "events_kept": len(kept.events),
        "events_said": len(said.events),
        "lost": len(lost(said, kept)),
        **more,
    }
    return "campaign: " + " ".join(f"{name}={count}" for name, count in counts.items())


def lost(said: Said, kept: Kept) -> list[str]:
    """Return everything that was acknowledged and is not kept as it was said."""
    first = min(kept.events, default=1)
    return [
        f"{number}: said {event}, kept {kept.events.get(number)}"
        for number, event in sorted(said.events.items())
        if number >= first and kept.events.get(number) != event
    ] + said.contradictions
