"""The transactions of an OCPP 1.6 station: which messages are owed, kept as facts, and the frames they become.

Pure. `advance` reduces what happens at connectors to facts; `render` makes the payload of a fact at its first sending,
because the transactionId and a trusted time may only come later. Follows OCPP 1.6 4.8, 4.10, 3.7 and its errata 3.18
(transactionId -1 where none was obtained).

A transaction begins with the first energy, not with the permission: only then is the register known that it is billed
from. It ends when energy has ended and the contactor is open, with the instant of the former and the register of the
latter. Where the meter was silent at the start, which then says 0, all registers are told from its first reading on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, assert_never

import msgspec

from agent.ocpp.clock_map import ClockMap
from agent.ocpp.frames import Payload
from agent.ocpp.instants import render_instant
from agent.ocpp.v16.keys import ENERGY, POWER, SOC
from agent.ocpp.v16.types import ID_TAG_CHARACTERS_MAX

NO_TRANSACTION_ID = -1  # errata 3.18
REGISTER_MAX_WH = 2**31 - 1  # an OCPP 1.6 integer; 2.1 GWh


# --- what happens at connectors -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised:
    """A stay may have energy."""

    connector_id: int
    at_ms: int
    stay: int
    subject: str | None
    reserve_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Energised:
    """The contactor closed."""

    connector_id: int
    at_ms: int
    register_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeEnergised:
    """The contactor opened."""

    connector_id: int
    register_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNoted:
    """The energy register while energy flows."""

    connector_id: int
    at_ms: int
    register_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyEnded:
    """Energy may flow no more; `reason` in the words of StopTransaction, `subject` is the card that ended it."""

    connector_id: int
    at_ms: int
    reason: str
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """The car has gone, or never came."""

    connector_id: int
    at_ms: int
    register_wh: int | None


Happening = Authorised | Energised | DeEnergised | RegisterNoted | EnergyEnded | Freed


# --- facts: what is owed --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A transaction began: StartTransaction."""

    stay: int
    connector_id: int
    at_ms: int
    boot: int
    register_wh: int | None
    subject: str | None
    reserve_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """A periodic reading within a transaction: MeterValues. None: not measured, or not asked for."""

    stay: int
    connector_id: int
    at_ms: int
    boot: int
    register_wh: int | None
    power_w: int | None = None
    soc_percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A transaction ended: StopTransaction."""

    stay: int
    connector_id: int
    at_ms: int
    boot: int
    register_wh: int | None
    reason: str
    subject: str | None


Fact = Started | Metered | Stopped
ACTIONS: Mapping[type[Any], str] = {Started: "StartTransaction", Metered: "MeterValues", Stopped: "StopTransaction"}
_FACTS: Mapping[str, type[Any]] = {action: fact for fact, action in ACTIONS.items()}


# --- state ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tx:
    """What is known of the stay at one connector. `begun` is the first energy, `ended` its end with the reason."""

    stay: int
    subject: str | None = None
    reserve_id: int | None = None
    begun: bool = False
    energised: bool = False
    begun_ms: int = 0
    register_wh: int | None = None
    unmetered_wh: int = 0  # what the meter read first, if it was silent when the transaction began
    ended_ms: int | None = None
    reason: str | None = None
    stopped_by: str | None = None

    @property
    def runs(self) -> bool:
        """Whether the transaction has begun and not ended."""
        return self.begun and self.ended_ms is None

    def read(self, register_wh: int | None) -> Tx:
        """Return what is known after a reading. A register never runs backwards in a transaction (OCPP 1.6, 7.31)."""
        if register_wh is None:
            return self
        first = self.begun and self.register_wh is None
        newer = max(register_wh, self.register_wh or 0)
        return replace(self, register_wh=newer, unmetered_wh=register_wh if first else self.unmetered_wh)

    def noted(self, register_wh: int) -> bool:
        """Whether a reading is all that there is to know of the register: it is the last, the highest, not the first.

        Then the event that noted it is enough to find it again, see `recalled`.
        """
        return self.register_wh is not None and register_wh >= self.register_wh

    @property
    def told_wh(self) -> int | None:
        """The register as it is told: it begins where StartTransaction said it did."""
        return None if self.register_wh is None else self.register_wh - self.unmetered_wh


@dataclass(frozen=True, slots=True, kw_only=True)
class TxState:
    """The stays at all connectors, by connector id."""

    open: Mapping[int, Tx] = field(default_factory=dict)


def recalled(state: TxState, registers: Mapping[int, int | None]) -> TxState:
    """Return a state as it was kept, with the registers that were noted since, by stay."""
    return TxState(open={one: known.read(registers.get(known.stay)) for one, known in state.open.items()})


def advance(state: TxState, happening: Happening, *, boot: int) -> tuple[TxState, tuple[Fact, ...]]:
    """Return the state after a happening and the facts that are owed because of it: starts and stops."""
    connector_id = happening.connector_id
    match happening:
        case Authorised():
            return _authorised(state, happening, boot)
        case Freed():
            return _freed(state, happening, boot)
    known = state.open.get(connector_id)
    if known is None:
        return state, ()
    match happening:
        case Energised():
            return _energised(state, known, happening, boot)
        case DeEnergised():
            tx = replace(known.read(happening.register_wh), energised=False)
            return _settled(state, connector_id, tx, boot)
        case RegisterNoted():
            return _with(state, connector_id, known.read(happening.register_wh)), ()
        case EnergyEnded():
            tx = replace(known, ended_ms=happening.at_ms, reason=happening.reason, stopped_by=happening.subject)
            return _settled(state, connector_id, tx, boot)
        case _:
            assert_never(happening)


def _authorised(state: TxState, happening: Authorised, boot: int) -> tuple[TxState, tuple[Fact, ...]]:
    """A new stay at a connector. One that is still open there is stopped first: no start stays without its stop."""
    connector_id = happening.connector_id
    left = Freed(connector_id=connector_id, at_ms=happening.at_ms, register_wh=None)
    after, facts = _freed(state, left, boot)
    tx = Tx(stay=happening.stay, subject=happening.subject, reserve_id=happening.reserve_id)
    return _with(after, connector_id, tx), facts


def _energised(state: TxState, known: Tx, happening: Energised, boot: int) -> tuple[TxState, tuple[Fact, ...]]:
    connector_id, tx = happening.connector_id, replace(known.read(happening.register_wh), energised=True)
    if tx.begun or tx.ended_ms is not None:
        return _with(state, connector_id, tx), ()
    started = Started(
        stay=tx.stay,
        connector_id=connector_id,
        at_ms=happening.at_ms,
        boot=boot,
        register_wh=tx.register_wh,
        subject=tx.subject,
        reserve_id=tx.reserve_id,
    )
    return _with(state, connector_id, replace(tx, begun=True, begun_ms=happening.at_ms)), (started,)


def _freed(state: TxState, happening: Freed, boot: int) -> tuple[TxState, tuple[Fact, ...]]:
    """A plug that is out has no energy, whatever the contactor's last report was."""
    connector_id = happening.connector_id
    known = state.open.get(connector_id)
    if known is None:
        return state, ()
    tx = replace(known.read(happening.register_wh), energised=False)
    if tx.ended_ms is None:
        tx = replace(tx, ended_ms=happening.at_ms, reason="EVDisconnected")
    after, facts = _settled(state, connector_id, tx, boot)
    return _without(after, connector_id), facts


def _settled(state: TxState, connector_id: int, tx: Tx, boot: int) -> tuple[TxState, tuple[Fact, ...]]:
    """End the transaction once energy has ended and the contactor is open."""
    if tx.ended_ms is None or tx.energised:
        return _with(state, connector_id, tx), ()
    if not tx.begun:
        return _without(state, connector_id), ()
    stopped = Stopped(
        stay=tx.stay,
        connector_id=connector_id,
        at_ms=tx.ended_ms,
        boot=boot,
        register_wh=tx.told_wh,
        reason=tx.reason or "Other",
        subject=tx.stopped_by,
    )
    return _without(state, connector_id), (stopped,)


def _with(state: TxState, connector_id: int, tx: Tx) -> TxState:
    return TxState(open={**state.open, connector_id: tx})


def _without(state: TxState, connector_id: int) -> TxState:
    return TxState(open={one: tx for one, tx in state.open.items() if one != connector_id})


# --- facts to frames ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """What a fact needs to become a payload, as known at its first sending."""

    transaction_ids: Mapping[int, int]  # by stay
    id_tags: Mapping[str, str] = field(repr=False)  # by subject reference
    ad_hoc_id_token: str  # for who charges without an IdToken, or whose IdToken was forgotten


def render(fact: Fact, bindings: Bindings, clock: ClockMap) -> Payload | None:
    """Return the payload of a fact, or None while its time cannot be told."""
    utc_ms = clock.utc_ms(fact.boot, fact.at_ms)
    if utc_ms is None:
        return None
    timestamp = render_instant(utc_ms)
    match fact:
        case Started():
            return {
                "connectorId": fact.connector_id,
                "idTag": _id_tag(fact.subject, bindings) or bindings.ad_hoc_id_token,
                "meterStart": _meter(fact.register_wh),
                "timestamp": timestamp,
                **({} if fact.reserve_id is None else {"reservationId": fact.reserve_id}),
            }
        case Metered():
            values = sampled_values("Sample.Periodic", fact.register_wh, fact.power_w, fact.soc_percent)
            return {
                "connectorId": fact.connector_id,
                "transactionId": bindings.transaction_ids.get(fact.stay, NO_TRANSACTION_ID),
                "meterValue": [{"timestamp": timestamp, "sampledValue": values}],
            }
        case Stopped():
            id_tag = _id_tag(fact.subject, bindings)
            return {
                "transactionId": bindings.transaction_ids.get(fact.stay, NO_TRANSACTION_ID),
                "meterStop": _meter(fact.register_wh),
                "timestamp": timestamp,
                "reason": fact.reason,
                **({} if id_tag is None else {"idTag": id_tag}),
            }
        case _:
            assert_never(fact)


def sampled_values(
    context: str, register_wh: int | None, power_w: int | None, soc_percent: int | None
) -> list[dict[str, str]]:
    """Return the SampledValues of a reading (OCPP 1.6, 7.43): Wh, W and percent; what is None is left out."""
    measured = ((ENERGY, register_wh, "Wh"), (POWER, power_w, "W"), (SOC, soc_percent, "Percent"))
    return [
        {"value": str(value), "context": context, "measurand": measurand, "unit": unit}
        for measurand, value, unit in measured
        if value is not None
    ]


def _meter(register_wh: int | None) -> int:
    return 0 if register_wh is None else min(register_wh, REGISTER_MAX_WH)  # without a meter both ends say 0


def _id_tag(subject: str | None, bindings: Bindings) -> str | None:
    found = None if subject is None else bindings.id_tags.get(subject)
    return found if found and len(found) <= ID_TAG_CHARACTERS_MAX else None


def encode_fact(fact: Fact) -> bytes:
    """Return the bytes of a fact for the journal."""
    return msgspec.json.encode(fact)


def decode_fact(action: str, data: bytes) -> Fact:
    """Return the fact of an owed row. Raises ValueError for what is none."""
    try:
        fact: Fact = msgspec.json.decode(data, type=_FACTS[action])
    except (KeyError, msgspec.MsgspecError) as error:
        raise ValueError(f"not a fact of OCPP 1.6: {action}") from error
    return fact


def encode_tx(known: Tx) -> bytes:
    """Return the bytes of what is known at a connector for the journal; what is as at the beginning is left out."""
    told = {one.name: value for one in fields(known) if (value := getattr(known, one.name)) != one.default}
    return msgspec.json.encode(told)
