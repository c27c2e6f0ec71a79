"""Payloads of OCPP 1.6 to typed messages: what the Central System asks, and what it answers.

Pure apart from schema.py's files. Parses once, at the edge: instants, ranges and characters are right afterwards.
Decides nothing about the site. Refusals carry the error code of OCPP-J 1.6 table 7 and never repeat a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from agent.ocpp.frames import Payload
from agent.ocpp.instants import parse_instant
from agent.ocpp.rpc import Actions, ErrorCode
from agent.ocpp.v16.schema import CENTRAL_ACTIONS, Fault, request_fault, response_fault
from agent.ocpp.v16.types import (
    AuthorizationStatus,
    Authorized,
    AvailabilityType,
    CancelReservation,
    ChangeAvailability,
    ChangeConfiguration,
    ClearCache,
    DataTransfer,
    DataTransferred,
    GetConfiguration,
    GetLocalListVersion,
    IdTagInfo,
    ListEntry,
    MessageTrigger,
    Noted,
    Registered,
    RegistrationStatus,
    RemoteStartTransaction,
    RemoteStopTransaction,
    Request,
    ReserveNow,
    Reset,
    Response,
    SendLocalList,
    TimeTold,
    TransactionStarted,
    TransactionStopped,
    TriggerMessage,
    UnlockConnector,
)

INTEGER_MIN, INTEGER_MAX = -(2**31), 2**31 - 1  # OCPP 1.6, 3.1: integers are of 32 bits
CONNECTORS_MAX = 1000  # more than any station has; keeps absurd numbers out of the site


T = TypeVar("T")


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
