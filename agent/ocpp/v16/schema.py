"""The JSON schemas of OCPP 1.6 as the `ocpp` package ships them: is a payload what its action asks for?

That package reads the schema files on first use of each; the validators are kept here. Decides nothing else. Its
message classes are not imported: they are untyped and mutable, and bring the whole `ChargePoint` with them.
Says where and why a payload fails, never with what content: payloads hold id tags and keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from ocpp.messages import get_validator  # type: ignore[import-untyped]

from agent.ocpp.frames import MessageType, Payload
from agent.ocpp.rpc import ErrorCode

# What the Central System may ask of a Charge Point, security whitepaper edition 3 included.
CENTRAL_ACTIONS = frozenset({
    "CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache",
    "ClearChargingProfile", "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule",
    "GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog",
    "InstallCertificate", "RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "Reset", "SendLocalList",
    "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage", "UnlockConnector", "UpdateFirmware",
})  # fmt: skip

# What a Charge Point may tell or ask.
STATION_ACTIONS = frozenset({
    "Authorize", "BootNotification", "DataTransfer", "DiagnosticsStatusNotification", "FirmwareStatusNotification",
    "Heartbeat", "LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate",
    "SignedFirmwareStatusNotification", "StartTransaction", "StatusNotification", "StopTransaction",
})  # fmt: skip

# OCPP-J 1.6 table 7. The order is that of telling: the grossest fault of a payload is the one to name.
_CODES: Mapping[str, tuple[ErrorCode, str]] = {
    "additionalProperties": (ErrorCode.FORMATION_VIOLATION, "has a field that the message does not have"),
    "required": (ErrorCode.PROTOCOL_ERROR, "lacks a required field"),
    "type": (ErrorCode.TYPE_CONSTRAINT_VIOLATION, "is of the wrong type"),
    "minItems": (ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "has too few items"),
    "maxItems": (ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION, "has too many items"),
    "enum": (ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "is not one of the allowed values"),
    "maxLength": (ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "is too long"),
}
_OTHER = (ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "is not valid")
_ERRORS_READ_MAX = 20  # one is enough to refuse; some more let the grossest be named


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a payload is refused, in the words of the RPC framework."""

    code: ErrorCode
    description: str


def request_fault(action: str, payload: Payload) -> Fault | None:
    """Return what is wrong with the payload of a request by its schema. Raises KeyError for an unknown action."""
    return _fault(action, payload)


def response_fault(action: str, payload: Payload) -> Fault | None:
    """Return what is wrong with the payload of a response by its schema. Raises KeyError for an unknown action."""
    return _fault(f"{action}Response", payload)


def _fault(schema: str, payload: Payload) -> Fault | None:
    errors = _validator(schema).iter_errors(payload)
    found = [error for error, _ in zip(errors, range(_ERRORS_READ_MAX), strict=False)]
    if not found:
        return None
    order = list(_CODES)
    worst = min(found, key=lambda error: order.index(error.validator) if error.validator in _CODES else len(order))
    code, words = _CODES.get(worst.validator, _OTHER)
    # The path has schema names and positions only: an unknown field is reported by the object that holds it.
    return Fault(code=code, description=f"{worst.json_path} {words}")


@cache
def _validator(schema: str) -> Any:
    action = schema.removesuffix("Response")
    if action not in CENTRAL_ACTIONS | STATION_ACTIONS:
        raise KeyError(schema)
    shipped = get_validator(MessageType.CALL if action == schema else MessageType.CALL_RESULT, action, "1.6")
    # multipleOf 0.1 refuses 21.4 in binary floating point; nothing that we act upon has such a limit.
    return type(shipped)(_without(shipped.schema, "multipleOf"))


def _without(schema: Any, keyword: str) -> Any:
    if isinstance(schema, dict):
        return {key: _without(value, keyword) for key, value in schema.items() if key != keyword}
    if isinstance(schema, list):
        return [_without(value, keyword) for value in schema]
    return schema
