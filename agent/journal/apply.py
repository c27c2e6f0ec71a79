"""What each `Write` does to the tables, inside the turn's transaction.

Checks counts and keys; a contradiction raises TurnRefused and the whole turn is rolled back. Commits nothing.
"""

import sqlite3
from typing import assert_never

from agent.journal.errors import LimitReached, TurnRefused
from agent.journal.rows import DEAD_LETTER, OWED, RECEIPT, RECORD, SUBJECT, Ledger, Row, Table
from agent.journal.turn import (
    DEAD_LETTERS_MAX,
    OWED_MAX,
    RECEIPT_KEEP_MS,
    RECEIPTS_MAX,
    RECEIPTS_PER_SOURCE_MAX,
    RECORDS_MAX,
    SUBJECTS_MAX,
    Acknowledge,
    Bury,
    CountAttempt,
    DropRecord,
    ForgetSubject,
    FreezeFrame,
    Owe,
    PutReceipt,
    PutRecord,
    PutSubject,
    Write,
)

PRUNE_BATCH = 32  # outdated receipts removed with each new one: the table shrinks faster than it grows

_FRAME, _ATTEMPTS = OWED.columns.index("frame"), OWED.columns.index("attempts")


class Applier:
    """Applies writes to one connection; knows how many receipts each source has."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Count the receipts once; later turns keep the counts."""
        self._per_source: dict[str, int] = dict(db.execute("SELECT source, count(*) FROM receipt GROUP BY source"))
        self.forgot: set[str] = set()  # tables of which a row that names somebody was deleted since the last sweep

    def apply(self, ledger: Ledger, write: Write, elapsed_ms: int) -> None:
        """Apply one write; raise TurnRefused or LimitReached if it cannot be."""
        match write:
            case PutReceipt():
                self._put_receipt(ledger, write)
            case PutSubject(ref=ref, kind=kind, value=value, lookup=lookup, details=details):
                self._forget(ledger.take(SUBJECT, "ref = ?", (ref,)), SUBJECT)
                _put(ledger, SUBJECT, SUBJECTS_MAX, (ref, kind, value, lookup, details))
            case ForgetSubject(ref=ref):
                self._forget(ledger.take(SUBJECT, "ref = ?", (ref,)), SUBJECT)
            case Owe(lane=lane, message_id=message_id, kind=kind, fact=fact, group=group, frame=frame):
                _put(ledger, OWED, OWED_MAX, (ledger.number(), lane, message_id, kind, fact, group, frame, 0))
            case FreezeFrame(message_id=message_id, frame=frame):
                row = _owed(ledger, message_id)
                if row[_FRAME] is not None:
                    raise TurnRefused(f"owed {message_id}: its frame is frozen already")
                ledger.change(OWED, row, (*row[:_FRAME], frame, row[_ATTEMPTS]))
            case CountAttempt(message_id=message_id):
                row = _owed(ledger, message_id)
                attempts = row[_ATTEMPTS]
                assert isinstance(attempts, int)  # noqa: S101 - STRICT column
                ledger.change(OWED, row, (*row[:_ATTEMPTS], attempts + 1))
            case Acknowledge(message_id=message_id):
                self._forget(ledger.take(OWED, "message_id = ?", (message_id,)), OWED)
            case Bury(message_id=message_id, reason=reason):
                # The fact is kept for people; the frame, which names a card, has nobody left to go to.
                owed = _owed(ledger, message_id)
                ledger.put(DEAD_LETTER, (*owed[:_FRAME], None, *owed[_FRAME + 1 :], reason, elapsed_ms))
                self._forget(ledger.take(OWED, "message_id = ?", (message_id,)), OWED)
                if ledger.count(DEAD_LETTER) > DEAD_LETTERS_MAX:
                    ledger.dead_dropped += len(ledger.take(DEAD_LETTER, "id = (SELECT min(id) FROM dead_letter)", ()))
            case PutRecord(store=store, key=key, value=value):
                rows = ledger.read(RECORD, "store = ? AND key = ?", (store, key))
                if rows:
                    ledger.change(RECORD, rows[0], (store, key, value))
                else:
                    _put(ledger, RECORD, RECORDS_MAX, (store, key, value))
            case DropRecord(store=store, key=key):
                ledger.take(RECORD, "store = ? AND key = ?", (store, key))
            case _:
                assert_never(write)

    def _forget(self, rows: list[Row], table: Table) -> None:
        if rows:
            self.forgot.add(table.name)

    def _put_receipt(self, ledger: Ledger, write: PutReceipt) -> None:
        row = (ledger.number(), write.source, write.request_id, write.digest, write.answer, write.elapsed_ms)
        try:
            ledger.put(RECEIPT, row)
        except sqlite3.IntegrityError as error:
            raise TurnRefused(f"receipt {write.source} {write.request_id}: was given already") from error
        self._per_source[write.source] = self._per_source.get(write.source, 0) + 1
        self._drop(
            ledger.take(
                RECEIPT,
                "id IN (SELECT id FROM receipt ORDER BY id LIMIT ?) AND elapsed_ms < ?",
                (PRUNE_BATCH, write.elapsed_ms - RECEIPT_KEEP_MS),
            )
        )
        if self._per_source.get(write.source, 0) > RECEIPTS_PER_SOURCE_MAX:
            oldest = "id = (SELECT id FROM receipt WHERE source = ? ORDER BY id LIMIT 1)"
            self._drop(ledger.take(RECEIPT, oldest, (write.source,)))
        if ledger.count(RECEIPT) > RECEIPTS_MAX:
            self._drop(ledger.take(RECEIPT, "id = (SELECT min(id) FROM receipt)", ()))

    def _drop(self, rows: list[Row]) -> None:
        for row in rows:
            source = str(row[1])
            self._per_source[source] -= 1
            if not self._per_source[source]:
                del self._per_source[source]


def _put(ledger: Ledger, table: Table, limit: int, row: Row) -> None:
    if ledger.count(table) >= limit:
        raise LimitReached(f"{table.name}: {limit} rows are kept, this one more is refused")
    try:
        ledger.put(table, row)
    except sqlite3.IntegrityError as error:
        raise TurnRefused(f"{table.name} {row[0]!r} {row[2]!r}: is there already") from error


def _owed(ledger: Ledger, message_id: str) -> Row:
    rows = ledger.read(OWED, "message_id = ?", (message_id,))
    if not rows:
        raise TurnRefused(f"owed {message_id}: no such message")
    return rows[0]
