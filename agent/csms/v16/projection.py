"""Which transaction messages the core's events owe to an OCPP 1.6 CSMS, and what the location's clock was worth.

A projection of the runner: its rows are in the commit of the events. Decides nothing that the reducer in
agent/ocpp/v16/transactions.py does not; ids of messages come from the caller, because chance is not for a reducer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.core import events as ev
from agent.core.layout import Now
from agent.core.state import EndOfEnergy, Site
from agent.csms.v16.sampling import Sample
from agent.csms.v16.stores import clock_row, transaction_row, transaction_rows
from agent.journal.turn import Owe, Write
from agent.ocpp.clock_map import ClockMap
from agent.ocpp.v16 import transactions as tx

LANE = "csms"

# The reasons of StopTransaction (OCPP 1.6, 7.36); a page and a fault are not among them.
REASONS = {EndOfEnergy.PAGE: "Local", EndOfEnergy.FAULT: "Other"}

# Events after which something may be owed.
OWING = (
    ev.Energised,
    ev.DeEnergised,
    ev.RegisterNoted,
    ev.EnergyEnded,
    ev.ConnectorFreed,
    ev.Authorised,
    ev.AuthorisationLapsed,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The state of the projection. Durable but for `spilled`, the place of the last reading that is.

    Registers that events have noted since the row was written are in the site, see `kept_at`."""

    transactions: tx.TxState
    clock: ClockMap
    spilled: int = 0


def kept_at(site: Site, transactions: tx.TxState, clock: ClockMap) -> Kept:
    """Return the state at a start: the rows as they were kept, and the registers that the site knows of."""
    registers = {int(stay.id): stay.register_wh for stay in site.stays.values()}
    return Kept(transactions=tx.recalled(transactions, registers), clock=clock)


class OwedTransactions:
    """The projection; give it to the runner together with its `Kept` state."""

    def __init__(
        self,
        new_id: Callable[[], str],
        waiting: Callable[[int], tuple[Sample, ...]],
        frame: Callable[[tx.Fact], bytes | None],
    ) -> None:
        """`waiting` returns the readings after a place that are not durable yet.

        `frame` returns the payload of a fact if it is final: then it is frozen in the commit that owes it, or in one
        of its own before it is sent.
        """
        self._new_id = new_id
        self._waiting = waiting
        self._frame = frame

    def advance(self, state: Kept, event: ev.Event, site: Site, now: Now) -> tuple[Kept, tuple[Write, ...]]:
        """Return the state after an event and the rows that go into its commit."""
        del now
        if isinstance(event, ev.ClockSet):
            if event.utc_minus_elapsed_ms is None:
                return state, ()
            clock = state.clock.learned(site.boot, event.utc_minus_elapsed_ms)
            return replace(state, clock=clock), (clock_row(clock),)
        happening = happening_of(event)
        if happening is None:
            return state, ()
        before = state.transactions
        after, facts = tx.advance(before, happening, boot=site.boot)
        # What is owed must be in order of time, and readings in memory are older than what has just happened.
        samples = self._waiting(state.spilled) if facts or isinstance(event, ev.RegisterNoted) else ()
        kept = _kept_rows(before, happening, after)
        if after == before and not (kept or facts or samples):
            return state, ()
        spilled = samples[-1].number if samples else state.spilled
        rows = (
            *kept,
            *(row_of(sample) for sample in samples),
            *(_owe(fact, self._new_id(), self._frame(fact)) for fact in facts),
        )
        return replace(state, transactions=after, spilled=spilled), rows


def row_of(sample: Sample) -> Write:
    """Return the row that makes a reading durable; it may have been sent before, under its id."""
    return _owe(sample.fact, sample.message_id, sample.frame)


def _kept_rows(before: tx.TxState, happening: tx.Happening, after: tx.TxState) -> tuple[Write, ...]:
    """Return the rows of what is known at connectors. A register that the event tells as well has none.

    So a charge of half an hour writes six rows less. Earlier notes may have none either: a row has all that is known.
    """
    if not isinstance(happening, tx.RegisterNoted):
        return transaction_rows(before, after)
    connector_id = happening.connector_id
    known = before.open.get(connector_id)
    if known is None or known.noted(happening.register_wh):
        return ()
    return (transaction_row(connector_id, after.open[connector_id]),)


def _owe(fact: tx.Fact, message_id: str, frame: bytes | None) -> Owe:
    return Owe(
        lane=LANE,
        message_id=message_id,
        kind=tx.ACTIONS[type(fact)],
        fact=tx.encode_fact(fact),
        group=f"stay {fact.stay}",
        frame=frame,
    )


def happening_of(event: ev.Event) -> tx.Happening | None:
    """Return what an event of the core means to the transactions, or None. EVSE ids are the connector ids of 1.6."""
    at_ms = event.at_ms
    match event:
        case ev.Authorised(evse=evse, stay=stay, subject=subject, reserve_id=reserve_id):
            return tx.Authorised(connector_id=evse, at_ms=at_ms, stay=stay, subject=subject, reserve_id=reserve_id)
        case ev.Energised(evse=evse, register_wh=register_wh):
            return tx.Energised(connector_id=evse, at_ms=at_ms, register_wh=register_wh)
        case ev.DeEnergised(evse=evse, register_wh=register_wh):
            return tx.DeEnergised(connector_id=evse, register_wh=register_wh)
        case ev.RegisterNoted(evse=evse, register_wh=register_wh):
            return tx.RegisterNoted(connector_id=evse, at_ms=at_ms, register_wh=register_wh)
        case ev.EnergyEnded(evse=evse, why=why, subject=subject):
            reason = REASONS.get(why, why.value)
            return tx.EnergyEnded(connector_id=evse, at_ms=at_ms, reason=reason, subject=subject)
        case ev.ConnectorFreed(evse=evse, register_wh=register_wh):
            return tx.Freed(connector_id=evse, at_ms=at_ms, register_wh=register_wh)
        case ev.AuthorisationLapsed(evse=evse):
            return tx.Freed(connector_id=evse, at_ms=at_ms, register_wh=None)
        case _:
            return None
