"""Which transaction messages the core's events owe to an OCPP 1.6 CSMS, and what the location's clock was worth.

A projection of the runner: its rows are in the commit of the events. Decides nothing that the reducer in
agent/ocpp/v16/transactions.py does not; ids of messages come from the caller, because chance is not for a reducer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.core import events as ev
from agent.core.layout import Now
from agent.core.state import EndOfEnergy, Site
from agent.csms.v16.stores import clock_row, transactions_row
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
    """The durable state of the projection."""

    transactions: tx.TxState
    clock: ClockMap


class OwedTransactions:
    """The projection; give it to the runner together with its `Kept` state."""

    def __init__(self, new_id: Callable[[], str], sample_interval_s: Callable[[], int]) -> None:
        self._new_id = new_id
        self._sample_interval_s = sample_interval_s

    def advance(self, state: Kept, event: ev.Event, site: Site, now: Now) -> tuple[Kept, tuple[Write, ...]]:
        """Return the state after an event and the rows that go into its commit."""
        del now
        if isinstance(event, ev.ClockSet):
            if event.utc_minus_elapsed_ms is None:
                return state, ()
            clock = state.clock.learned(site.boot, event.utc_minus_elapsed_ms)
            return Kept(transactions=state.transactions, clock=clock), (clock_row(clock),)
        happening = happening_of(event)
        if happening is None:
            return state, ()
        after, facts = tx.advance(
            state.transactions,
            happening,
            boot=site.boot,
            sample_interval_ms=self._sample_interval_s() * 1000,
        )
        if after == state.transactions and not facts:
            return state, ()
        owed = tuple(self._owe(fact) for fact in facts)
        return Kept(transactions=after, clock=state.clock), (transactions_row(after), *owed)

    def _owe(self, fact: tx.Fact) -> Owe:
        return Owe(
            lane=LANE,
            message_id=self._new_id(),
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
        case ev.EnergyEnded(evse=evse, why=why):
            return tx.EnergyEnded(connector_id=evse, at_ms=at_ms, reason=REASONS.get(why, why.value))
        case ev.ConnectorFreed(evse=evse, register_wh=register_wh):
            return tx.Freed(connector_id=evse, at_ms=at_ms, register_wh=register_wh)
        case ev.AuthorisationLapsed(evse=evse):
            return tx.Freed(connector_id=evse, at_ms=at_ms, register_wh=None)
        case _:
            return None
