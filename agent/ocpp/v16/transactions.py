"""The transactions of an OCPP 1.6 station: which messages are owed, kept as facts, and the frames they become.

Pure. `advance` reduces what happens at connectors to facts; `render` makes the payload of a fact at its first sending,
because the transactionId and a trusted time may only come later. Follows OCPP 1.6 4.8, 4.10, 3.7 and its errata 3.18
(transactionId -1 where none was obtained).

A transaction begins with the first energy, not with the permission: only then is the register known that it is billed
from. It ends when energy has ended and the contactor is open, with the instant of the former and the register of the
latter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

import msgspec

from agent.ocpp.clock_map import ClockMap
from agent.ocpp.frames import Payload
from agent.ocpp.instants import render_instant
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
    """Energy may flow no more; `reason` in the words of StopTransaction."""

    connector_id: int
    at_ms: int
    reason: str


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
    """A periodic reading within a transaction: MeterValues."""

    stay: int
    connector_id: int
    at_ms: int
    boot: int
    register_wh: int


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
    register_wh: int | None = None
    metered_ms: int = 0
    ended_ms: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TxState:
    """The stays at all connectors, by connector id."""

    open: Mapping[int, Tx] = field(default_factory=dict)


def advance(
    state: TxState, happening: Happening, *, boot: int, sample_interval_ms: int
) -> tuple[TxState, tuple[Fact, ...]]:
    """Return the state after a happening and the facts that are owed because of it. 0 ms: no periodic readings."""
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
            tx = replace(known, energised=False, register_wh=_newer(known, happening.register_wh))
            return _settled(state, connector_id, tx, boot)
        case RegisterNoted():
            return _metered(state, known, happening, boot, sample_interval_ms)
        case EnergyEnded():
            tx = replace(known, ended_ms=happening.at_ms, reason=happening.reason)
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
    connector_id, register_wh = happening.connector_id, _newer(known, happening.register_wh)
    tx = replace(known, begun=True, energised=True, register_wh=register_wh)
    if known.begun or known.ended_ms is not None:
        return _with(state, connector_id, replace(tx, begun=known.begun)), ()
    started = Started(
        stay=tx.stay,
        connector_id=connector_id,
        at_ms=happening.at_ms,
        boot=boot,
        register_wh=register_wh,
        subject=tx.subject,
        reserve_id=tx.reserve_id,
    )
    return _with(state, connector_id, replace(tx, metered_ms=happening.at_ms)), (started,)


def _metered(
    state: TxState, known: Tx, happening: RegisterNoted, boot: int, interval_ms: int
) -> tuple[TxState, tuple[Fact, ...]]:
    register_wh = max(happening.register_wh, known.register_wh or 0)
    tx = replace(known, register_wh=register_wh)
    due = interval_ms > 0 and happening.at_ms - known.metered_ms >= interval_ms
    if not due or not known.begun or known.ended_ms is not None:
        return _with(state, happening.connector_id, tx), ()
    metered = Metered(
        stay=tx.stay,
        connector_id=happening.connector_id,
        at_ms=happening.at_ms,
        boot=boot,
        register_wh=register_wh,
    )
    return _with(state, happening.connector_id, replace(tx, metered_ms=happening.at_ms)), (metered,)


def _freed(state: TxState, happening: Freed, boot: int) -> tuple[TxState, tuple[Fact, ...]]:
    """A plug that is out has no energy, whatever the contactor's last report was."""
    connector_id = happening.connector_id
    known = state.open.get(connector_id)
    if known is None:
        return state, ()
    tx = replace(known, energised=False, register_wh=_newer(known, happening.register_wh))
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
        register_wh=tx.register_wh,
        reason=tx.reason or "Other",
        subject=tx.subject if tx.reason == "Local" else None,  # who stops is only known when a card did it
    )
    return _without(state, connector_id), (stopped,)


def _newer(known: Tx, register_wh: int | None) -> int | None:
    """A register never runs backwards within a transaction (OCPP 1.6, 7.31)."""
    if register_wh is None:
        return known.register_wh
    return max(register_wh, known.register_wh or 0)


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
            value = {"value": str(fact.register_wh), "context": "Sample.Periodic", "unit": "Wh"}
            return {
                "connectorId": fact.connector_id,
                "transactionId": bindings.transaction_ids.get(fact.stay, NO_TRANSACTION_ID),
                "meterValue": [{"timestamp": timestamp, "sampledValue": [value]}],
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


def encode_state(state: TxState) -> bytes:
    """Return the bytes of the state for the journal."""
    return msgspec.json.encode(state)


def decode_state(data: bytes) -> TxState:
    """Return the state of its bytes. Raises ValueError for what is none."""
    try:
        return msgspec.json.decode(data, type=TxState)
    except msgspec.MsgspecError as error:
        raise ValueError("not a transaction state of OCPP 1.6") from error
