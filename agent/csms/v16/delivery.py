"""Owed messages to the CSMS: in order, one at a time, under one id, until acknowledged or given up as ordered.

Reads owed rows of its lane and writes what became of them; when there are none, the readings that wait in memory have
their turn. A row's payload is frozen before it is sent for the first time. What binds (the transactionId) is durable
before the next row leaves; other acknowledgements are lazy: losing one only sends the message again under its id.
Follows OCPP 1.6 3.7.1, 9.1.31 and 9.1.32: only a failure to process counts as an attempt, being off line does not.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from agent.csms.v16.projection import LANE, row_of
from agent.csms.v16.sampling import Sampling
from agent.csms.v16.stores import bound, unbound
from agent.journal.errors import StorageFailed
from agent.journal.reads import Owed
from agent.journal.turn import Acknowledge, Bury, CountAttempt, FreezeFrame, Write
from agent.ocpp.clock_map import ClockMap
from agent.ocpp.effects import Answered, Outcome
from agent.ocpp.frames import Call
from agent.ocpp.v16 import transactions as tx
from agent.ocpp.v16.keys import KeyTable
from agent.ocpp.v16.messages import OwnPayloadError, own_request, parse_response
from agent.ocpp.v16.schema import Fault
from agent.ocpp.v16.station import failed
from agent.ocpp.v16.types import IdTagInfo, TransactionStarted, TransactionStopped

log = logging.getLogger("stationmaster.csms")

BATCH_MAX = 32  # rows read ahead
ACKNOWLEDGEMENTS_MAX = 64  # lazy ones written together
ACKNOWLEDGE_WITHIN_MS = 5_000
REASON_CHARACTERS_MAX = 200  # of a dead letter
CLOCK_WAIT_MS = 10_000  # a row whose time cannot be told yet is looked at again after this
METER_VALUES = tx.ACTIONS[tx.Metered]
_NOT_PROCESSED = "not processed by the CSMS in {} attempts"


class OwedRows(Protocol):
    """The journal's owed rows."""

    def owed(self, lane: str, limit: int, after: int = 0) -> tuple[Owed, ...]:
        """Return owed rows in order."""

    def owed_counts(self) -> dict[str, int]:
        """Return how many rows each lane owes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the CSMS said of the id of a transaction; `start` for StartTransaction."""

    connector_id: int
    subject: str | None
    id_tag: str | None = field(repr=False)
    info: IdTagInfo
    start: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What delivery needs of the agent."""

    rows: OwedRows
    store: Callable[[tuple[Write, ...]], Awaitable[None]]
    judged: Callable[[Verdict, tuple[Write, ...]], Awaitable[None]]  # tells the core, with the rows in its commit
    subject_value: Callable[[str], str | None]  # the id tag behind a reference; blocks
    keys: Callable[[], KeyTable]
    clock: Callable[[], ClockMap]
    sampling: Sampling
    ad_hoc_id_token: str


class Delivery:
    """The owed lane of one CSMS."""

    def __init__(self, surroundings: Surroundings, transaction_ids: Mapping[int, int]) -> None:
        self._about = surroundings
        self._ids = dict(transaction_ids)
        self._queue: deque[Owed] = deque()
        self._after = 0  # rows up to this id are done, written or not
        self._more = True
        self._open: str | None = None
        self._attempts: dict[str, int] = {}  # failures to process, of the row at the head
        self._not_before_ms = 0
        self._lazy: list[Write] = []
        self._lazy_since_ms = 0
        self.flowing = False

    @property
    def wake(self) -> int | None:
        """The instant (elapsed ms) at which to call `next_call` or `flush` if nothing else happens."""
        instants = [self._lazy_since_ms + ACKNOWLEDGE_WITHIN_MS] if self._lazy else []
        waits = self._queue or self._more or self._about.sampling.first
        if self.flowing and self._open is None and waits:
            instants.append(self._not_before_ms)
        return min(instants, default=None)

    def more(self) -> None:
        """Rows may have been added."""
        self._more = True

    def stay_of(self, transaction_id: int) -> int | None:
        """Return the stay behind a transaction id of the CSMS, or None."""
        return next((stay for stay, known in sorted(self._ids.items()) if known == transaction_id), None)

    def transaction_id(self, stay: int) -> int | None:
        """Return the CSMS's transaction id of a stay, or None while there is none."""
        return self._ids.get(stay)

    async def next_call(self, now_ms: int) -> Call | None:
        """Return the message to send now, frozen, or None. Its end comes back through `ended`."""
        if not self.flowing or self._open is not None or now_ms < self._not_before_ms:
            return None
        row = await self._head()
        if row is None:
            return self._reading(now_ms)
        frame = row.frame
        if frame is None:
            frame = await self._freeze(row, now_ms)
            if frame is None:
                return None
        self._open = row.message_id
        return Call(message_id=row.message_id, action=row.kind, payload=msgspec.json.decode(frame))

    async def ended(self, call: Call, outcome: Outcome, now_ms: int) -> bool:
        """Note how a sending ended; return whether the row is done (delivered or given up)."""
        if self._open == call.message_id:
            self._open = None
        if not self._queue or self._queue[0].message_id != call.message_id:
            return await self._reading_ended(call, outcome, now_ms)
        row = self._queue[0]
        said = parse_response(call.action, outcome.payload) if isinstance(outcome, Answered) else None
        unbound_start = isinstance(said, Fault) and call.action == "StartTransaction"
        if said is not None and not unbound_start:
            await self._delivered(row, said, now_ms)
            return True
        if failed(outcome) or unbound_start:
            return await self._not_processed(row, now_ms)
        return False  # lost or not sent: being off line is no failure; the row goes again under its id

    # --- readings in memory

    def _reading(self, now_ms: int) -> Call | None:
        """Return the oldest reading in memory as a message; all rows are done, so it is the next in order of time."""
        sample = self._about.sampling.first
        if sample is None:
            return None
        frame = sample.frame
        if frame is None:
            frame = self._frame(sample.fact)
            if frame is None:
                self._not_before_ms = now_ms + CLOCK_WAIT_MS
                return None
            self._about.sampling.freeze(sample, frame)
        self._open = sample.message_id
        return Call(message_id=sample.message_id, action=METER_VALUES, payload=msgspec.json.decode(frame))

    async def _reading_ended(self, call: Call, outcome: Outcome, now_ms: int) -> bool:
        """Note how the sending of a reading ended, or a second answer to a row that is done."""
        sampling = self._about.sampling
        if isinstance(outcome, Answered):
            if sampling.done(call.message_id) is None:  # it became a row while its answer was on the way
                self._queue = deque(row for row in self._queue if row.message_id != call.message_id)
                await self._about.store((*self._with_lazy(), Acknowledge(message_id=call.message_id)))
            return True
        if not failed(outcome) or not sampling.knows(call.message_id):
            return False  # off line, or by now a row: it goes again under its id
        attempts = self._attempts.get(call.message_id, 0) + 1
        keys = self._about.keys()
        if attempts < keys.number("TransactionMessageAttempts"):
            self._attempts[call.message_id] = attempts
            self._not_before_ms = now_ms + attempts * keys.number("TransactionMessageRetryInterval") * 1000
            return False
        self._attempts.pop(call.message_id, None)
        sample = sampling.done(call.message_id)
        if sample is not None:
            log.error("owed=buried id=%s kind=%s attempts=%d", sample.message_id, METER_VALUES, attempts)
            buried = Bury(message_id=sample.message_id, reason=_NOT_PROCESSED.format(attempts))
            await self._about.store((*self._with_lazy(), row_of(sample), buried))
        return True

    async def stop(self) -> None:
        """Keep what is in memory only: readings, and acknowledgements that wait for company."""
        readings = tuple(map(row_of, self._about.sampling.take_all()))
        if self._lazy or readings:
            await self._about.store((*self._with_lazy(), *readings))

    async def flush(self, now_ms: int) -> None:
        """Write lazy acknowledgements that are due."""
        due = len(self._lazy) >= ACKNOWLEDGEMENTS_MAX or now_ms >= self._lazy_since_ms + ACKNOWLEDGE_WITHIN_MS
        if self._lazy and due:
            await self._about.store(self._with_lazy())

    # --- rows

    async def _head(self) -> Owed | None:
        if not self._queue and self._more:
            self._more = False
            rows = await asyncio.to_thread(self._about.rows.owed, LANE, BATCH_MAX, self._after)
            self._queue.extend(rows)
            self._more = self._more or len(rows) == BATCH_MAX
        return self._queue[0] if self._queue else None

    def final(self, fact: tx.Fact) -> bytes | None:
        """Return the payload of a fact about to be owed, if it leaves next and nothing it needs comes later; else None.

        Called in a turn: it reads the row of a card at most, and the commit waits for the same disk anyway.
        """
        if not self.flowing or (isinstance(fact, tx.Stopped) and fact.stay not in self._ids):
            return None
        subject = None if isinstance(fact, tx.Metered) else fact.subject
        try:
            return self._frame(fact, self._about.subject_value(subject) if subject else None)
        except (OwnPayloadError, StorageFailed):  # told or buried when its turn to be sent has come
            return None

    async def _freeze(self, row: Owed, now_ms: int) -> bytes | None:
        """Render a row and make its payload durable; None while its time cannot be told, or if it is no fact."""
        try:
            fact = tx.decode_fact(row.kind, row.fact)
        except ValueError as error:
            log.error("owed=unreadable id=%s kind=%s", row.message_id, row.kind)
            await self._done(row, (Bury(message_id=row.message_id, reason=str(error)),))
            return None
        subject = None if isinstance(fact, tx.Metered) else fact.subject
        value = await asyncio.to_thread(self._about.subject_value, subject) if subject else None
        try:
            frame = self._frame(fact, value)
        except OwnPayloadError as error:  # a bug of ours; the fact stays visible, and the lane goes on
            log.error("owed=unsendable id=%s error=%r", row.message_id, str(error))
            await self._done(row, (Bury(message_id=row.message_id, reason=str(error)[:REASON_CHARACTERS_MAX]),))
            return None
        if frame is None:
            self._not_before_ms = now_ms + CLOCK_WAIT_MS
            return None
        await self._about.store((*self._with_lazy(), FreezeFrame(message_id=row.message_id, frame=frame)))
        self._queue[0] = replace(row, frame=frame)
        return frame

    def _frame(self, fact: tx.Fact, id_tag: str | None = None) -> bytes | None:
        """Return the payload of a fact as it is known now, None while its time cannot be told; raise OwnPayloadError.

        `id_tag` is that of the fact's subject.
        """
        subject = None if isinstance(fact, tx.Metered) else fact.subject
        bindings = tx.Bindings(
            transaction_ids=self._ids,
            id_tags={subject: id_tag} if subject and id_tag else {},
            ad_hoc_id_token=self._about.ad_hoc_id_token,
        )
        payload = tx.render(fact, bindings, self._about.clock())
        return None if payload is None else msgspec.json.encode(own_request(tx.ACTIONS[type(fact)], payload))

    async def _delivered(self, row: Owed, said: object, now_ms: int) -> None:
        acknowledged = Acknowledge(message_id=row.message_id)
        try:
            fact = tx.decode_fact(row.kind, row.fact)
        except ValueError:
            fact = None
        match fact, said:
            case tx.Started(), TransactionStarted():
                self._ids[fact.stay] = said.transaction_id
                rows = (acknowledged, bound(fact.stay, said.transaction_id))
                await self._judged(row, _verdict(fact, row, said.info, start=True), rows)
            case tx.Stopped(), _:
                self._ids.pop(fact.stay, None)
                rows = (acknowledged, unbound(fact.stay))
                info = said.info if isinstance(said, TransactionStopped) else None
                if info is not None and fact.subject is not None:
                    await self._judged(row, _verdict(fact, row, info, start=False), rows)
                else:
                    await self._done(row, rows)
            case _:
                if not self._lazy:
                    self._lazy_since_ms = now_ms
                self._lazy.append(acknowledged)
                self._drop(row)
                await self.flush(now_ms)

    async def _judged(self, row: Owed, verdict: Verdict, rows: tuple[Write, ...]) -> None:
        await self._about.judged(verdict, (*self._with_lazy(), *rows))
        self._drop(row)

    async def _not_processed(self, row: Owed, now_ms: int) -> bool:
        """Count a failure; give the row up after as many as the CSMS ordered, wait ever longer before (3.7.1)."""
        keys = self._about.keys()
        attempts = self._attempts.get(row.message_id, row.attempts) + 1
        if attempts >= keys.number("TransactionMessageAttempts"):
            reason = _NOT_PROCESSED.format(attempts)
            log.error("owed=buried id=%s kind=%s attempts=%d", row.message_id, row.kind, attempts)
            await self._done(row, (Bury(message_id=row.message_id, reason=reason),))
            return True
        self._attempts[row.message_id] = attempts
        self._not_before_ms = now_ms + attempts * keys.number("TransactionMessageRetryInterval") * 1000
        await self._about.store((*self._with_lazy(), CountAttempt(message_id=row.message_id)))
        return False

    async def _done(self, row: Owed, rows: tuple[Write, ...]) -> None:
        await self._about.store((*self._with_lazy(), *rows))
        self._drop(row)

    def _drop(self, row: Owed) -> None:
        self._queue.popleft()
        self._attempts.pop(row.message_id, None)
        self._after = row.id
        self._not_before_ms = 0

    def _with_lazy(self) -> tuple[Write, ...]:
        lazy, self._lazy = tuple(self._lazy), []
        return lazy


def _verdict(fact: tx.Started | tx.Stopped, row: Owed, info: IdTagInfo, *, start: bool) -> Verdict:
    sent = msgspec.json.decode(row.frame) if row.frame else {}
    return Verdict(
        connector_id=fact.connector_id, subject=fact.subject, id_tag=sent.get("idTag"), info=info, start=start
    )
