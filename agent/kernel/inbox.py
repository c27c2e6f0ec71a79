"""What waits for the runner: bounded, in order, with repeated readings folded into the newest.

When it is full, Requests are refused with `Busy`. Observations are never refused: those that are only the latest of
their kind replace the one that waits, and edges of plug, token and fault always find room.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.core.inputs import BaySeen, ClockRead, Input, RegisterRead, Request, SuspensionSeen
from agent.core.layout import Now
from agent.core.site import Step
from agent.journal.turn import Write

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


def replaces(given: Input | None) -> tuple[object, ...] | None:
    """Return what an observation is the latest of, or None for those of which each one counts."""
    match given:
        case BaySeen() | RegisterRead() | SuspensionSeen():
            return (type(given), given.evse)
        case ClockRead():
            return (type(given),)
        case _:
            return None


class Inbox:
    """A bounded queue of items with a signal."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self.waiting = asyncio.Event()  # set while something waits

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item at the end; raise Busy for a Request that finds the inbox full."""
        if len(self._items) >= INBOX_MAX and (isinstance(item.given, Request) or item.given is None):
            raise Busy
        key = replaces(item.given)
        if key is not None:
            for at, waiting in enumerate(self._items):
                if waiting.answer is None and replaces(waiting.given) == key:
                    self._items[at] = item
                    return
        self._items.append(item)
        self.waiting.set()

    def take(self) -> list[Item]:
        """Remove and return what waits, oldest first, at most one turn of it."""
        taken = [self._items.popleft() for _ in range(min(TURN_MAX, len(self._items)))]
        if not self._items:
            self.waiting.clear()
        return taken
