"""What the journal's tests share: event types, turns, a whole-state reading, and a child process that appends."""

import enum
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NewType

from agent.journal.codec import Codec
from agent.journal.store import Journal
from agent.journal.turn import Acknowledge, Owe, PutReceipt, PutRecord, PutSubject, Turn, Write

EvseId = NewType("EvseId", int)


class Colour(enum.StrEnum):
    GREEN = "Green"
    RED = "Red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    power_w: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    evse: EvseId
    name: str
    colour: Colour = Colour.GREEN
    wishes: tuple[Wish, ...] = ()
    share: float = 0.0
    at: int | str = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    VERSION: ClassVar[int] = 3
    evse: EvseId
    reason: str
    paid: bool


def left_from_1(fields: dict[str, Any]) -> dict[str, Any]:
    return {"evse": fields["evse"], "reason": fields["why"]}


def left_from_2(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "paid": False}


CODEC = Codec((Arrived, Left), {("Left", 1): left_from_1, ("Left", 2): left_from_2})


def arrived(number: int, name: str = "somebody") -> Arrived:
    return Arrived(evse=EvseId(number), name=name, wishes=(Wish(power_w=number * 1000),))


def turn(journal: Journal, *events: object, writes: tuple[Write, ...] = (), elapsed_ms: int | None = None) -> Turn:
    elapsed = journal.last_elapsed_ms + 1 if elapsed_ms is None else elapsed_ms
    return Turn(
        expected_head=journal.head, boot=1, elapsed_ms=elapsed, utc_ms=1_800_000_000_000, events=events, writes=writes
    )


def busy_turn(journal: Journal, number: int) -> Turn:
    """A turn as a check-in makes it: two events, and something for each of the stores."""
    writes: tuple[Write, ...] = (
        Owe(lane="csms", message_id=f"m{number}", kind="StatusNotification", fact=b'{"n":%d}' % number, group=None),
        PutReceipt(source="web", request_id=f"q{number}", digest=b"d" * 16, answer=b"ok%d" % number, elapsed_ms=number),
        PutSubject(ref=f"s{number}", kind="IdToken", value=f"TOKEN{number:08d}", lookup=b"h%d" % number, details=b""),
        PutRecord(store="variables", key=f"k{number % 7}", value=b"v%d" % number),
    )
    if number > 2:
        writes = (*writes, Acknowledge(message_id=f"m{number - 2}"))
    left = Left(evse=EvseId(number), reason="gone", paid=True)
    return turn(journal, arrived(number), left, writes=writes, elapsed_ms=number)


def reading(journal: Journal) -> str:
    """Everything a reader can learn from a journal, as a digest: equal digests are equal states."""
    loaded = journal.load()
    everything = (
        journal.head,
        journal.last_elapsed_ms,
        loaded.snapshot_head,
        loaded.snapshot,
        tuple(loaded.events),
        tuple(journal.owed("csms", 1000)),
        journal.owed_counts(),
        journal.dead_letters(),
        journal.records("variables"),
        tuple(journal.receipt("web", f"q{number}") for number in range(60)),
        tuple(journal.subject(f"s{number}") for number in range(60)),
        tuple(journal.subject_by_lookup("IdToken", b"h%d" % number) for number in range(60)),
    )
    return hashlib.blake2b(repr(everything).encode()).hexdigest()


def opened(path: Path, keep_events: int = 50_000) -> Journal:
    """Return a journal that leaves syncing to the system: these tests cut no power."""
    return Journal.open(path / "journal", CODEC, synchronous="OFF", keep_events=keep_events)


def receipt(number: int, elapsed_ms: int, source: str = "web") -> PutReceipt:
    """Return the receipt of a request."""
    return PutReceipt(
        source=source, request_id=f"r{number}", digest=b"d", answer=b"a%d" % number, elapsed_ms=elapsed_ms
    )


def subject(ref: str, value: str) -> PutSubject:
    """Return the row of a person."""
    return PutSubject(ref=ref, kind="IdToken", value=value, lookup=b"hash of " + value.encode(), details=b"{}")


def child(directory: Path, synchronous: str) -> None:
    """Append turns for ever and print each acknowledged head; snapshot now and then. To be killed."""
    journal = Journal.open(directory, CODEC, synchronous="OFF" if synchronous == "OFF" else "FULL")
    print(json.dumps({"opened": journal.head, "rebuilt": journal.recovery.rebuilt}), flush=True)
    while True:
        number = journal.head // 2 + 1
        journal.append_now(busy_turn(journal, number))
        print(json.dumps({"head": journal.head}), flush=True)
        if number % 40 == 0:
            journal.snapshot_now((arrived(number, "restated"),), journal.head)


if __name__ == "__main__":
    import sys

    child(Path(sys.argv[1]), sys.argv[2])
