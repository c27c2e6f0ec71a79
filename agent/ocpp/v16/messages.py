"""Payloads of OCPP 1.6 to typed messages: what the Central System asks, and what it answers.

Pure apart from schema.py's files. Parses once, at the edge: instants, ranges and characters are right afterwards.
Decides nothing about the site. Refusals carry the error code of OCPP-J 1.6 table 7 and never repeat a value.
Only what station.py acts upon has a type here; SmartCharging and FirmwareManagement are not built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from agent.ocpp.frames import Payload
from agent.ocpp.instants import parse_instant
from agent.ocpp.rpc import Actions, ErrorCode
from agent.ocpp.v16.schema import CENTRAL_ACTIONS, Fault, request_fault, response_fault

INTEGER_MIN, INTEGER_MAX = -(2**31), 2**31 - 1  # OCPP 1.6, 3.1: integers are of 32 bits
ID_TAG_CHARACTERS_MAX = 20  # IdToken is a CiString20Type
CONNECTORS_MAX = 1000  # more than any station has; keeps absurd numbers out of the site


T = TypeVar("T")


class AuthorizationStatus(StrEnum):
    """Status in an IdTagInfo."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"


class AvailabilityType(StrEnum):
    """What ChangeAvailability asks for."""

    OPERATIVE = "Operative"
    INOPERATIVE = "Inoperative"


class RegistrationStatus(StrEnum):
    """How the Central System takes a BootNotification."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class MessageTrigger(StrEnum):
    """What TriggerMessage can ask for."""

    BOOT_NOTIFICATION = "BootNotification"
    DIAGNOSTICS_STATUS_NOTIFICATION = "DiagnosticsStatusNotification"
    FIRMWARE_STATUS_NOTIFICATION = "FirmwareStatusNotification"
    HEARTBEAT = "Heartbeat"
    METER_VALUES = "MeterValues"
    STATUS_NOTIFICATION = "StatusNotification"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTagInfo:
    """What the Central System says about an id tag."""

    status: AuthorizationStatus
    expiry_utc_ms: int | None = None
    parent_id_tag: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """One entry of SendLocalList; without info it asks for removal."""

    id_tag: str = field(repr=False)
    info: IdTagInfo | None = None


# --- requests of the Central System ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservation:
    """End a reservation made by ReserveNow."""

    reservation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAvailability:
    """Take a connector, or with 0 the whole station, in or out of service."""

    connector_id: int
    kind: AvailabilityType


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeConfiguration:
    """Set a configuration key."""

    key: str
    value: str = field(repr=False)  # may be the AuthorizationKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearCache:
    """Forget cached authorisations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransfer:
    """A vendor's own message."""

    vendor_id: str
    message_id: str | None = None
    data: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GetConfiguration:
    """Read configuration keys; none named means all."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GetLocalListVersion:
    """Ask for the version of the local authorisation list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStartTransaction:
    """Start a transaction. A charging profile in it is ignored: OCPP 1.6, 5.11, for stations without SmartCharging."""

    id_tag: str = field(repr=False)
    connector_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStopTransaction:
    """Stop a transaction."""

    transaction_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveNow:
    """Reserve a connector, or with 0 any, from now until the expiry."""

    connector_id: int
    expiry_utc_ms: int
    id_tag: str = field(repr=False)
    parent_id_tag: str | None = field(default=None, repr=False)
    reservation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Restart, softly (stop transactions first) or hard."""

    hard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLocalList:
    """Replace or amend the local authorisation list."""

    version: int
    full: bool
    entries: tuple[ListEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerMessage:
    """Send a message of the station's own again."""

    requested: MessageTrigger
    connector_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockConnector:
    """Release the plug."""

    connector_id: int


Request = (
    CancelReservation
    | ChangeAvailability
    | ChangeConfiguration
    | ClearCache
    | DataTransfer
    | GetConfiguration
    | GetLocalListVersion
    | RemoteStartTransaction
    | RemoteStopTransaction
    | ReserveNow
    | Reset
    | SendLocalList
    | TriggerMessage
    | UnlockConnector
)


# --- answers of the Central System ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorized:
    """Answer to Authorize."""

    info: IdTagInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Answer to BootNotification."""

    status: RegistrationStatus
    utc_ms: int
    interval_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransferred:
    """Answer to DataTransfer."""

    status: str
    data: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTold:
    """Answer to Heartbeat."""

    utc_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStarted:
    """Answer to StartTransaction."""

    transaction_id: int
    info: IdTagInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionStopped:
    """Answer to StopTransaction."""

    info: IdTagInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Answer without content."""


Response = Authorized | Registered | DataTransferred | TimeTold | TransactionStarted | TransactionStopped | Noted


class OwnPayloadError(ValueError):
    """Our own payload violates the standard: a bug of ours."""


def parse_request(action: str, payload: Payload) -> Request | Fault:
    """Return a request of the Central System, or why it is refused. Raises KeyError for an action that is not built."""
    parser = _REQUESTS[action]
    fault = request_fault(action, payload)
    return fault if fault is not None else _parsed(parser, payload)


def parse_response(action: str, payload: Payload) -> Response | Fault:
    """Return the Central System's answer to a request of ours, or what is wrong with it."""
    fault = response_fault(action, payload)
    return fault if fault is not None else _parsed(_RESPONSES.get(action, lambda _: Noted()), payload)


def own_request(action: str, payload: Payload) -> Payload:
    """Return a payload of ours unchanged if it is valid. Raises OwnPayloadError."""
    return _own(action, payload, request_fault(action, payload))


def own_response(action: str, payload: Payload) -> Payload:
    """Return an answer of ours unchanged if it is valid. Raises OwnPayloadError."""
    return _own(action, payload, response_fault(action, payload))


def same_id_tag(one: str, other: str) -> bool:
    """Tell whether two id tags are the same: IdToken is case-insensitive (OCPP 1.6, 7.28)."""
    return one.casefold() == other.casefold()


def _own(action: str, payload: Payload, fault: Fault | None) -> Payload:
    if fault:
        raise OwnPayloadError(f"{action}: {fault.description}")
    return payload


class _Invalid(Exception):  # noqa: N818 - never leaves this module
    """A value is of the right type but not one that OCPP allows."""


def _parsed(parser: Callable[[Mapping[str, Any]], T], payload: Payload) -> T | Fault:
    try:
        return parser(payload)
    except _Invalid as invalid:
        return Fault(code=ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, description=str(invalid))


# --- values ---------------------------------------------------------------------------------------------------------


def _integer(payload: Mapping[str, Any], name: str, least: int = INTEGER_MIN, most: int = INTEGER_MAX) -> int:
    value = payload[name]
    if not least <= value <= most:
        raise _Invalid(f"$.{name} is out of range")
    return int(value)  # JSON schema draft 4 takes 1.0 for an integer in some readings; 1 is meant


def _optional_integer(payload: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    return _integer(payload, name, least, most) if name in payload else None


def _identifier(payload: Mapping[str, Any], name: str) -> str:
    value = str(payload[name])
    if not value or not value.isprintable():
        raise _Invalid(f"$.{name} is empty or has control characters")
    return value


def _optional_identifier(payload: Mapping[str, Any], name: str) -> str | None:
    return _identifier(payload, name) if payload.get(name) else None  # "" is how many write "none"


def _instant(payload: Mapping[str, Any], name: str) -> int:
    try:
        return parse_instant(payload[name])
    except ValueError:
        raise _Invalid(f"$.{name} is not a date-time") from None


def _id_tag_info(info: Mapping[str, Any]) -> IdTagInfo:
    return IdTagInfo(
        status=AuthorizationStatus(info["status"]),
        expiry_utc_ms=_instant(info, "expiryDate") if "expiryDate" in info else None,
        parent_id_tag=_optional_identifier(info, "parentIdTag"),
    )


def _list_entry(entry: Mapping[str, Any]) -> ListEntry:
    info = _id_tag_info(entry["idTagInfo"]) if "idTagInfo" in entry else None
    return ListEntry(id_tag=_identifier(entry, "idTag"), info=info)


_REQUESTS: Mapping[str, Callable[[Mapping[str, Any]], Request]] = {
    "CancelReservation": lambda p: CancelReservation(reservation_id=_integer(p, "reservationId")),
    "ChangeAvailability": lambda p: ChangeAvailability(
        connector_id=_integer(p, "connectorId", 0, CONNECTORS_MAX), kind=AvailabilityType(p["type"])
    ),
    "ChangeConfiguration": lambda p: ChangeConfiguration(key=_identifier(p, "key"), value=p["value"]),
    "ClearCache": lambda _: ClearCache(),
    "DataTransfer": lambda p: DataTransfer(
        vendor_id=_identifier(p, "vendorId"), message_id=_optional_identifier(p, "messageId"), data=p.get("data")
    ),
    "GetConfiguration": lambda p: GetConfiguration(keys=tuple(p.get("key", ()))),
    "GetLocalListVersion": lambda _: GetLocalListVersion(),
    "RemoteStartTransaction": lambda p: RemoteStartTransaction(
        id_tag=_identifier(p, "idTag"), connector_id=_optional_integer(p, "connectorId", 1, CONNECTORS_MAX)
    ),
    "RemoteStopTransaction": lambda p: RemoteStopTransaction(transaction_id=_integer(p, "transactionId")),
    "ReserveNow": lambda p: ReserveNow(
        connector_id=_integer(p, "connectorId", 0, CONNECTORS_MAX),
        expiry_utc_ms=_instant(p, "expiryDate"),
        id_tag=_identifier(p, "idTag"),
        parent_id_tag=_optional_identifier(p, "parentIdTag"),
        reservation_id=_integer(p, "reservationId"),
    ),
    "Reset": lambda p: Reset(hard=p["type"] == "Hard"),
    "SendLocalList": lambda p: SendLocalList(
        version=_integer(p, "listVersion"),
        full=p["updateType"] == "Full",
        entries=tuple(_list_entry(entry) for entry in p.get("localAuthorizationList", ())),
    ),
    "TriggerMessage": lambda p: TriggerMessage(
        requested=MessageTrigger(p["requestedMessage"]),
        connector_id=_optional_integer(p, "connectorId", 1, CONNECTORS_MAX),  # 1.6, 6.51: connectorId > 0
    ),
    "UnlockConnector": lambda p: UnlockConnector(connector_id=_integer(p, "connectorId", 1, CONNECTORS_MAX)),
}

_RESPONSES: Mapping[str, Callable[[Mapping[str, Any]], Response]] = {
    "Authorize": lambda p: Authorized(info=_id_tag_info(p["idTagInfo"])),
    "BootNotification": lambda p: Registered(
        status=RegistrationStatus(p["status"]),
        utc_ms=_instant(p, "currentTime"),
        interval_s=_integer(p, "interval", 0),
    ),
    "DataTransfer": lambda p: DataTransferred(status=p["status"], data=p.get("data")),
    "Heartbeat": lambda p: TimeTold(utc_ms=_instant(p, "currentTime")),
    "StartTransaction": lambda p: TransactionStarted(
        transaction_id=_integer(p, "transactionId"), info=_id_tag_info(p["idTagInfo"])
    ),
    "StopTransaction": lambda p: TransactionStopped(info=_id_tag_info(p["idTagInfo"]) if "idTagInfo" in p else None),
}

# OCPP-J 1.6 table 7: known to the standard but not built here is NotSupported, anything else NotImplemented.
ACTIONS = Actions(known=CENTRAL_ACTIONS, built=frozenset(_REQUESTS))
