"""Who somebody is, kept apart from what happened: random references in events, the person behind them in one table.

Reads the subject table and makes the rows that go into the same commit as the event. Values are never logged.
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from agent.core.layout import SubjectRef
from agent.journal.turn import PutSubject, Write
from agent.kernel.secrets import SiteKey

RECENT_MAX = 4096  # references given out whose rows may not be committed yet


class SubjectRow(Protocol):
    """A row of the subject table."""

    @property
    def ref(self) -> str:
        """The reference used in events."""

    @property
    def value(self) -> str:
        """The personal id itself."""


class SubjectReads(Protocol):
    """What is needed of the journal's readers."""

    def subject(self, ref: str) -> SubjectRow | None:
        """Return the row of a reference."""

    def subject_by_lookup(self, kind: str, lookup: bytes) -> SubjectRow | None:
        """Return the row found by a keyed hash."""


@dataclass(frozen=True, slots=True)
class Known:
    """A reference, and the row that must be committed with its first use (empty when it is stored already)."""

    ref: SubjectRef
    writes: tuple[Write, ...]


class Subjects:
    """Finds or makes the reference of a personal id."""

    def __init__(self, reads: SubjectReads, key: SiteKey) -> None:
        self._reads = reads
        self._key = key
        self._recent: OrderedDict[bytes, PutSubject] = OrderedDict()
        self._asked: set[str] = set()  # references given out since the last look of the janitor
        self._asked_before: frozenset[str] = frozenset()

    def of(self, kind: str, value: str, details: bytes = b"") -> Known:
        """Return the reference of an id of a kind ("token", "device", "group"), making one at the first time.

        Ids of cards are compared without case, as OCPP's are.
        """
        lookup = self._key.lookup(kind, value.casefold())
        found = self._reads.subject_by_lookup(kind, lookup)
        if found is not None:
            self._recent.pop(lookup, None)
            self._asked.add(found.ref)
            return Known(SubjectRef(found.ref), ())
        row = self._recent.get(lookup)
        if row is None:
            row = PutSubject(ref=secrets.token_hex(8), kind=kind, value=value, lookup=lookup, details=details)
            self._recent[lookup] = row
            if len(self._recent) > RECENT_MAX:
                self._recent.popitem(last=False)
        self._asked.add(row.ref)
        return Known(SubjectRef(row.ref), (row,))

    def lately(self) -> frozenset[str]:
        """Return the references given out since the look before the last: what they are for may not be stored yet."""
        return self._asked_before | self._asked

    def look(self) -> None:
        """Begin a new span of `lately`, and let go of ids whose rows were never stored or are deleted by now."""
        self._asked_before, self._asked = frozenset(self._asked), set()
        for lookup in [key for key, row in self._recent.items() if row.ref not in self._asked_before]:
            del self._recent[lookup]

    def value(self, ref: SubjectRef) -> str | None:
        """Return the personal id behind a reference, or None when it was forgotten."""
        found = self._reads.subject(ref)
        if found is not None:
            return found.value
        return next((row.value for row in self._recent.values() if row.ref == ref), None)
