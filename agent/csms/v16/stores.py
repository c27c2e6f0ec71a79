"""What an OCPP 1.6 station keeps in the journal's records: keys, local list, cache, transaction ids, clock map.

Turns values into rows and rows into values; decides nothing. A value that cannot be read is left out and named, so
that one bad row never keeps the station from starting.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol, TypeVar

import msgspec

from agent.journal.turn import DropRecord, PutRecord, Write
from agent.ocpp.clock_map import ClockMap
from agent.ocpp.v16.authorisation import Cache, Cached, LocalList
from agent.ocpp.v16.keys import KeyTable
from agent.ocpp.v16.transactions import Tx, TxState, encode_tx
from agent.ocpp.v16.types import IdTagInfo

log = logging.getLogger("stationmaster.csms")

KEYS, LIST, CACHE, IDS = "ocpp16_keys", "ocpp16_list", "ocpp16_cache", "ocpp16_transaction_ids"
TRANSACTIONS = "ocpp16_transactions"  # by connector: a start at one of fifty writes one of fifty
STATE = "ocpp16_state"
LIST_VERSION, CLOCK = "list_version", "clock_map"

T = TypeVar("T")


class Records(Protocol):
    """The journal's records as they are read at start."""

    def record(self, store: str, key: str, /) -> bytes | None:
        """Return a record, None if there is none."""

    def records(self, store: str, /) -> dict[str, bytes]:
        """Return all records of a store."""


class Stores:
    """Remembers what is stored, so that only differences are written."""

    def __init__(self, records: Records) -> None:
        """Read the stores; blocks."""
        self._rows = {store: records.records(store) for store in (KEYS, LIST, CACHE)}
        self._ids = records.records(IDS)
        self._version = records.record(STATE, LIST_VERSION)
        self._transactions = records.records(TRANSACTIONS)
        self._clock = records.record(STATE, CLOCK)

    # --- at start

    def keys(self, first: Mapping[str, str], facts: Mapping[str, str]) -> KeyTable:
        """Return the key table: what the CSMS changed over the configuration's first values over the defaults."""
        stored = {name: value.decode("utf-8", "replace") for name, value in self._rows[KEYS].items()}
        return KeyTable.restored({**first, **stored}, facts)

    def local_list(self) -> LocalList:
        """Return the local authorisation list."""
        version = _read(LIST_VERSION, self._version, int) or 0
        return LocalList(version=version, entries=_all(self._rows[LIST], IdTagInfo))

    def cache(self) -> Cache:
        """Return the authorisation cache."""
        return Cache(entries=_all(self._rows[CACHE], Cached))

    def transaction_ids(self) -> dict[int, int]:
        """Return the CSMS's transaction ids by stay."""
        return {int(stay): number for stay, number in _all(self._ids, int).items()}

    def transactions(self) -> TxState:
        """Return the state of the transaction reducer."""
        return TxState(open={int(connector): known for connector, known in _all(self._transactions, Tx).items()})

    def clock_map(self) -> ClockMap:
        """Return the clock map."""
        return _read(CLOCK, self._clock, ClockMap) or ClockMap()

    # --- later

    def writes(self, what: KeyTable | LocalList | Cache) -> tuple[Write, ...]:
        """Return the rows that make a store hold this from now on."""
        match what:
            case KeyTable():
                return self._difference(KEYS, {name: value.encode() for name, value in what.stored.items()})
            case LocalList():
                rows = self._difference(LIST, {key: msgspec.json.encode(info) for key, info in what.entries.items()})
                version = PutRecord(store=STATE, key=LIST_VERSION, value=msgspec.json.encode(what.version))
                return (*rows, version)
            case Cache():
                return self._difference(CACHE, {key: msgspec.json.encode(one) for key, one in what.entries.items()})

    def _difference(self, store: str, rows: dict[str, bytes]) -> tuple[Write, ...]:
        before, self._rows[store] = self._rows[store], rows
        gone = tuple(DropRecord(store=store, key=key) for key in before if key not in rows)
        new = tuple(PutRecord(store=store, key=key, value=row) for key, row in rows.items() if before.get(key) != row)
        return (*gone, *new)


def transaction_rows(before: TxState, after: TxState) -> tuple[Write, ...]:
    """Return the rows that make a state of the reducer durable after another."""
    gone = (DropRecord(store=TRANSACTIONS, key=str(one)) for one in before.open if one not in after.open)
    new = (transaction_row(one, known) for one, known in after.open.items() if before.open.get(one) != known)
    return (*gone, *new)


def transaction_row(connector_id: int, known: Tx) -> Write:
    """Return the row of what is known at a connector."""
    return PutRecord(store=TRANSACTIONS, key=str(connector_id), value=encode_tx(known))


def clock_row(clock: ClockMap) -> Write:
    """Return the row of the clock map."""
    return PutRecord(store=STATE, key=CLOCK, value=msgspec.json.encode(clock))


def bound(stay: int, transaction_id: int) -> Write:
    """Return the row of a transaction id that the CSMS gave."""
    return PutRecord(store=IDS, key=str(stay), value=msgspec.json.encode(transaction_id))


def unbound(stay: int) -> Write:
    """Return the write that forgets a transaction id: nothing more is owed for the stay."""
    return DropRecord(store=IDS, key=str(stay))


def _all(rows: Mapping[str, bytes], kind: type[T]) -> dict[str, T]:
    read = {key: _read(key, row, kind) for key, row in rows.items()}
    return {key: value for key, value in read.items() if value is not None}


def _read(key: str, row: bytes | None, kind: type[T]) -> T | None:
    if row is None:
        return None
    try:
        return msgspec.json.decode(row, type=kind)
    except (msgspec.MsgspecError, ValueError):
        log.error("record=unreadable kind=%s key=%r", kind.__name__, key[:8])
        return None
