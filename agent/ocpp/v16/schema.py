"""The JSON schemas of OCPP 1.6 as the `ocpp` package ships them: is a payload what its action asks for?

Reads schema files from that package on first use of each and keeps the validators; decides nothing else. Its classes
are not imported: they are untyped, mutable, and cost 300 ms with the whole `ChargePoint` behind them.
Says where and why a payload fails, never with what content: payloads hold id tags and keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft4Validator  # type: ignore[import-untyped]

from agent.ocpp.frames import Payload
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
    if schema.removesuffix("Response") not in CENTRAL_ACTIONS | STATION_ACTIONS:
        raise KeyError(schema)
    text = files("ocpp").joinpath("v16", "schemas", f"{schema}.json").read_text("utf-8-sig")
    # multipleOf 0.1 refuses 21.4 in binary floating point; the translator rounds such limits itself.
    return Draft4Validator(_without(json.loads(text), "multipleOf"))


def _without(schema: Any, keyword: str) -> Any:
    if isinstance(schema, dict):
        return {key: _without(value, keyword) for key, value in schema.items() if key != keyword}
    if isinstance(schema, list):
        return [_without(value, keyword) for value in schema]
    return schema
