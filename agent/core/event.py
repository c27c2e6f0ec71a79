"""The base of all events. Pure data; the events themselves are in `events.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: the instant on the location's own clock."""

    at_ms: int
