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
from agent.csms.v16.stores import clock_row, transactions_row
from agent.journal.turn import FreezeFrame, Owe, Write
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
    """The state of the projection. Durable but for `spilled`, the place of the last reading that is."""

    transactions: tx.TxState
    clock: ClockMap
    spilled: int = 0


class OwedTransactions:
    """The projection; give it to the runner together with its `Kept` state."""

    def __init__(self, new_id: Callable[[], str], waiting: Callable[[int], tuple[Sample, ...]]) -> None:
        """`waiting` returns the readings after a place that are not durable yet."""
        self._new_id = new_id
        self._waiting = waiting

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
        after, facts = tx.advance(state.transactions, happening, boot=site.boot)
        # What is owed must be in order of time, and readings in memory are older than what has just happened.
        samples = self._waiting(state.spilled) if facts or isinstance(event, ev.RegisterNoted) else ()
        if after == state.transactions and not facts and not samples:
            return state, ()
        spilled = samples[-1].number if samples else state.spilled
        rows = (
            *(row for sample in samples for row in rows_of(sample)),
            *(_owe(fact, self._new_id()) for fact in facts),
        )
        return replace(state, transactions=after, spilled=spilled), (transactions_row(after), *rows)


def rows_of(sample: Sample) -> tuple[Write, ...]:
    """Return the rows that make a reading durable; it may have been sent before, under its id."""
    row = _owe(sample.fact, sample.message_id)
    if sample.frame is None:
        return (row,)
    return (row, FreezeFrame(message_id=sample.message_id, frame=sample.frame))


def _owe(fact: tx.Fact, message_id: str) -> Owe:
    return Owe(
        lane=LANE,
        message_id=message_id,
        kind=tx.ACTIONS[type(fact)],
        fact=tx.encode_fact(fact),
        group=f"stay {fact.stay}",
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
