"""What the events of a journal owe to a CSMS, told by a second, simpler reading of them: starts and stops only.

Knows the events of the core and nothing of the agent's own reducer, so that the two can be held against each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.core import events as ev
from agent.journal.reads import StoredEvent
from agent.ocpp.instants import render_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A transaction message that is owed, with what it must say."""

    action: str
    stay: int
    connector_id: int
    timestamp: str
    register_wh: int


@dataclass(slots=True)
class _Charge:
    stay: int
    registers: list[int] = field(default_factory=list)
    begun: bool = False
    ended_ms: int | None = None
    flowing: bool = False


def expected(stored: Iterable[StoredEvent]) -> list[Expected]:
    """Return the starts and stops that a journal's events owe, in their order."""
    events = list(stored)
    offsets = {s.boot: s.event.utc_minus_elapsed_ms or 0 for s in events if isinstance(s.event, ev.ClockSet)}
    charges: dict[int, _Charge] = {}
    owed: list[Expected] = []

    def owe(action: str, evse: int, charge: _Charge, boot: int, at_ms: int) -> None:
        owed.append(
            Expected(
                action=action,
                stay=charge.stay,
                connector_id=evse,
                timestamp=render_instant(at_ms + offsets[boot]),
                register_wh=max(charge.registers, default=0),
            )
        )

    def end(evse: int, boot: int) -> None:
        charge = charges[evse]
        if charge.ended_ms is not None and not charge.flowing:
            del charges[evse]
            if charge.begun:
                owe("StopTransaction", evse, charge, boot, charge.ended_ms)

    for one in events:
        event, boot = one.event, one.boot
        if isinstance(event, ev.Authorised):
            assert event.evse not in charges, "a stay without an end"
            charges[event.evse] = _Charge(stay=event.stay)
        charge = charges.get(getattr(event, "evse", -1))
        if charge is None:
            continue
        register = getattr(event, "register_wh", None)
        charge.registers += [] if register is None else [register]
        match event:
            case ev.Energised():
                charge.flowing = True
                if not charge.begun and charge.ended_ms is None:
                    charge.begun = True
                    owe("StartTransaction", event.evse, charge, boot, event.at_ms)
            case ev.EnergyEnded():
                charge.ended_ms = event.at_ms
                end(event.evse, boot)
            case ev.DeEnergised():
                charge.flowing = False
                end(event.evse, boot)
            case ev.ConnectorFreed() | ev.AuthorisationLapsed():
                charge.flowing = False
                charge.ended_ms = event.at_ms if charge.ended_ms is None else charge.ended_ms
                end(event.evse, boot)
            case _:
                pass
    assert not charges, "somebody still charges"
    return owed


def went_on(stored: Iterable[StoredEvent]) -> int:
    """Count how often a car charged on after a cut."""
    charging: dict[int, int] = {}  # EVSE -> the boot that energised it last
    count = 0
    for one in stored:
        match one.event:
            case ev.Energised(evse=evse):
                count += charging.get(evse, one.boot) != one.boot
                charging[evse] = one.boot
            case ev.EnergyEnded(evse=evse) | ev.ConnectorFreed(evse=evse) | ev.AuthorisationLapsed(evse=evse):
                charging.pop(evse, None)
            case _:
                pass
    return count
