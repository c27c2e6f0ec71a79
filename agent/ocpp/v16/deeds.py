"""What a station of OCPP 1.6 does, as data for its shell.

Pure. Made by station.py; the shell does the deeds of one answer in their order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.ocpp.frames import Payload
from agent.ocpp.rpc import Lane
from agent.ocpp.v16 import types as t
from agent.ocpp.v16.authorisation import Cache, LocalList
from agent.ocpp.v16.keys import KeyTable
from agent.ocpp.v16.schema import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Send this request; its end comes back through `completed`."""

    action: str
    payload: Payload = field(repr=False)
    lane: Lane
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Answer a call of the Central System, after every Keep before it is durable."""

    message_id: str
    payload: Payload = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Answer a call of the Central System with a CALLERROR."""

    message_id: str
    fault: Fault


Wanted = (
    t.CancelReservation
    | t.ChangeAvailability
    | t.DataTransfer
    | t.RemoteStartTransaction
    | t.RemoteStopTransaction
    | t.ReserveNow
    | t.Reset
    | t.UnlockConnector
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """The Central System wants something that only core or hardware can decide; answer through `reply`."""

    message_id: str
    wanted: Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Send MeterValues of a connector (None: of all) now: TriggerMessage asked for them."""

    connector_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Store this before anything after it is done."""

    what: KeyTable | LocalList | Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClock:
    """The Central System told its time."""

    utc_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Whether owed messages may flow now (4.2: not before the station is accepted)."""

    flowing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Make the connection anew: credentials have changed."""


Deed = Tell | Reply | Fail | Want | Meter | Keep | SetClock | Open | Reconnect
Deeds = tuple[Deed, ...]
