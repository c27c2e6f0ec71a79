"""The JSON schemas of OCPP 1.6 as the `ocpp` package ships them: is a payload what its action asks for?

Reads a schema file on first use and keeps it. Decides nothing else. Of the package only the files are used: its message
classes are untyped and mutable and bring the whole `ChargePoint`, its validators a library of 3 MiB.
Says where and why a payload fails, never with what content: payloads hold id tags and keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice

import msgspec

from agent.ocpp.frames import Payload
from agent.ocpp.json_schema import Schema, Violation, checkable, violations
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
_VIOLATIONS_READ_MAX = 20  # one is enough to refuse; some more let the grossest be named


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
    found = tuple(islice(violations(_schema(schema), payload), _VIOLATIONS_READ_MAX))
    if not found:
        return None
    worst = min(found, key=_grossness)
    code, words = _CODES.get(worst.keyword, _OTHER)
    # The path has schema names and positions only: an unknown field is reported by the object that holds it.
    return Fault(code=code, description=f"{worst.path} {words}")


def _grossness(violation: Violation) -> int:
    order = list(_CODES)
    return order.index(violation.keyword) if violation.keyword in _CODES else len(order)


@cache
def _schema(name: str) -> Schema:
    if name.removesuffix("Response") not in CENTRAL_ACTIONS | STATION_ACTIONS:
        raise KeyError(name)
    file = files("ocpp").joinpath("v16", "schemas", f"{name}.json")
    return checkable(msgspec.json.decode(file.read_text("utf-8-sig")))
