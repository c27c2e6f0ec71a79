"""The location's counter as partners see it: one number for each content of each object, growing.

In memory. The core's own counter is the high part, so a restart, which is an event, skips ahead and never repeats; the
low part tells changes apart that are no event: a place or a forecast that moved because of others. What is told twice
unchanged keeps its number (`sequere.md` 1, order).
"""

from collections.abc import Container
from dataclasses import dataclass

LOW_BITS = 16  # 65,536 changes without an event between them; 2^37 events are 1,000 years of a busy site


@dataclass(frozen=True, slots=True)
class Stamp:
    """The number of an object's content, and the instant (elapsed ms) since when it is so."""

    sequence: int
    at_ms: int


class Sequences:
    """Numbers the contents of objects."""

    def __init__(self) -> None:
        self._last = 0
        self._stamps: dict[str, tuple[object, Stamp]] = {}

    def stamp(self, about: str, content: object, counter: int, at_ms: int) -> Stamp:
        """Return the number of an object with this content; `counter` is the core's, `at_ms` now or its last change."""
        known = self._stamps.get(about)
        if known is not None and known[0] == content:
            return known[1]
        self._last = max(self._last + 1, counter << LOW_BITS)
        stamp = Stamp(self._last, at_ms)
        self._stamps[about] = (content, stamp)
        return stamp

    def head(self, counter: int) -> int:
        """Return the number that covers everything told so far."""
        self._last = max(self._last, counter << LOW_BITS, 1)
        return self._last

    def keep(self, wanted: Container[str], prefix: str) -> None:
        """Forget the objects of a prefix that are not wanted any more; their numbers are never used again."""
        for about in [a for a in self._stamps if a.startswith(prefix) and a not in wanted]:
            del self._stamps[about]
