"""What waits for the runner: bounded, in order, with repeated readings folded into the newest.

When it is full, Requests are refused with `Busy`. Observations are never refused; a level that is only repeated takes
no room, and of readings that only the latest counts of, the latest waits. Edges keep their order at each EVSE.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.core.inputs import (
    BaySeen,
    ClockRead,
    ContactorSeen,
    FaultSeen,
    Input,
    InputsRead,
    PluggedIn,
    RegisterRead,
    Request,
    SuspensionSeen,
    Unplugged,
)
from agent.core.layout import Now
from agent.core.site import Step
from agent.journal.turn import Write
from agent.kernel.mishaps import Stopped

INBOX_MAX = 1000  # ten seconds of work on a Pi 3; more waiting only makes everybody late
TURN_MAX = 64


class Busy(Exception):  # noqa: N818 - an answer to the caller, not an error of ours
    """The inbox is full; nothing was changed, try again."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a caller makes of the outcome before the commit: its reply, and rows that belong into the same commit."""

    reply: Any
    writes: tuple[Write, ...] = ()


Conclude = Callable[[Step, Now], Conclusion]
"""Called in the turn; may be called again for the same input, so it must not do anything but return."""


@dataclass(slots=True, eq=False)
class Item:
    """One thing that waits: an input, or only writes, with who wants to hear the outcome."""

    given: Input | None
    conclude: Conclude | None
    writes: tuple[Write, ...]
    answer: "asyncio.Future[Answer] | None"


@dataclass(frozen=True, slots=True)
class Answer:
    """The durable outcome of an item. `provisional` tells that it is kept only while the power is on."""

    step: Step | None
    reply: Any
    provisional: bool


Key = tuple[object, ...]


def level_of(given: Input | None) -> Key | None:
    """Return the level that an observation tells of, or None for those of which each one counts."""
    match given:
        case BaySeen() | RegisterRead() | SuspensionSeen() | ContactorSeen():
            return (type(given), given.evse)
        case PluggedIn() | Unplugged():
            return ("plug", given.evse)
        case FaultSeen():
            return ("fault", given.evse, given.code)
        case ClockRead() | InputsRead():
            return (type(given),)
        case _:
            return None


def latest_counts(given: Input | None) -> bool:
    """Whether an observation makes an older one of its level worthless."""
    return isinstance(given, BaySeen | RegisterRead | SuspensionSeen | ClockRead)


class Inbox:
    """A bounded queue of items with a signal."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._levels: dict[Key, Item] = {}  # the youngest that waits of each level
        self._places: dict[object, Item] = {}  # the youngest that waits of each EVSE
        self._closed = False
        self.waiting = asyncio.Event()  # set while something waits

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item at the end; raise Busy for a Request that finds the inbox full, Stopped when nobody takes it."""
        if self._closed:
            raise Stopped
        if len(self._items) >= INBOX_MAX and isinstance(item.given, Request):
            raise Busy
        if item.answer is None and self._folded(item):
            return
        self._items.append(item)
        self._note(item)
        self.waiting.set()

    def take(self) -> list[Item]:
        """Remove and return what waits, oldest first, at most one turn of it."""
        taken = [self._items.popleft() for _ in range(min(TURN_MAX, len(self._items)))]
        for item in taken:
            self._forget(item)
        if not self._items:
            self.waiting.clear()
        return taken

    def close(self) -> list[Item]:
        """Take nothing any more; return what still waits."""
        self._closed = True
        left, self._items = list(self._items), deque()
        self.waiting.clear()
        return left

    def _folded(self, item: Item) -> bool:
        """Fold a reading into one that waits; return whether that was possible without changing the order."""
        level = level_of(item.given)
        waiting = self._levels.get(level) if level is not None else None
        if waiting is None or waiting.answer is not None:
            return False
        if waiting.given == item.given:
            return True
        if latest_counts(item.given) and self._places.get(_place(item.given)) is waiting:
            waiting.given = item.given
            return True
        return False

    def _note(self, item: Item) -> None:
        level = level_of(item.given)
        if level is not None:
            self._levels[level] = item
        self._places[_place(item.given)] = item

    def _forget(self, item: Item) -> None:
        level, place = level_of(item.given), _place(item.given)
        if level is not None and self._levels.get(level) is item:
            del self._levels[level]
        if self._places.get(place) is item:
            del self._places[place]


def _place(given: Input | None) -> object:
    """Return the EVSE an input is about; inputs of other kinds have a place of their own."""
    return getattr(given, "evse", None) or type(given)
