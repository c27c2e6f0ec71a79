"""agent/ocpp/v16/messages.py: what the Central System says, typed, or refused with the right error code."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocpp.v16 import call, enums  # type: ignore[import-untyped]

from agent.ocpp.rpc import ErrorCode
from agent.ocpp.v16.messages import (
    ACTIONS,
    OwnPayloadError,
    own_request,
    own_response,
    parse_request,
    parse_response,
)
from agent.ocpp.v16.schema import CENTRAL_ACTIONS, STATION_ACTIONS, Fault
from agent.ocpp.v16.types import (
    AuthorizationStatus,
    Authorized,
    AvailabilityType,
    ChangeConfiguration,
    IdTagInfo,
    ListEntry,
    MessageTrigger,
    Noted,
    Registered,
    RegistrationStatus,
    RemoteStartTransaction,
    Request,
    ReserveNow,
    SendLocalList,
    TransactionStarted,
)

SECRET = "0123456789abcdef0123456789abcdef"
RESERVE = {
    "connectorId": 1,
    "expiryDate": "2026-11-21T10:00:00.1234+01:00",
    "idTag": "DEADBEEF",
    "parentIdTag": "FLEET",
    "reservationId": 7,
}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 21.4}],
    },
}


def test_actions_are_those_of_the_standard() -> None:
    shipped = {path.name.removesuffix(".json") for path in files("ocpp").joinpath("v16", "schemas").iterdir()}
    assert {name for name in shipped if not name.endswith("Response")} == CENTRAL_ACTIONS | STATION_ACTIONS
    assert all(hasattr(call, action) for action in CENTRAL_ACTIONS | STATION_ACTIONS)
    assert ACTIONS.built < ACTIONS.known


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (AuthorizationStatus, enums.AuthorizationStatus),
        (AvailabilityType, enums.AvailabilityType),
        (RegistrationStatus, enums.RegistrationStatus),
    ],
)
def test_enum_values_keep_the_standards_spelling(ours: Any, theirs: Any) -> None:
    assert {one.value for one in ours} == {one.value for one in theirs}


def test_triggers_are_those_that_the_schema_of_trigger_message_allows() -> None:
    for trigger in MessageTrigger:
        assert not isinstance(parse_request("TriggerMessage", {"requestedMessage": trigger.value}), Fault)


def test_reserve_now_is_parsed_with_its_instant_in_utc() -> None:
    assert parse_request("ReserveNow", RESERVE) == ReserveNow(
        connector_id=1,
        expiry_utc_ms=1_795_251_600_123,
        id_tag="DEADBEEF",
        parent_id_tag="FLEET",
        reservation_id=7,
    )


def test_local_list_is_parsed_with_removals() -> None:
    listed: dict[str, Any] = {
        "listVersion": 3,
        "updateType": "Differential",
        "localAuthorizationList": [
            {"idTag": "A", "idTagInfo": {"status": "Accepted", "expiryDate": "2026-01-01T00:00:00Z"}},
            {"idTag": "B"},
        ],
    }
    info = IdTagInfo(status=AuthorizationStatus.ACCEPTED, expiry_utc_ms=1_767_225_600_000)
    assert parse_request("SendLocalList", listed) == SendLocalList(
        version=3, full=False, entries=(ListEntry(id_tag="A", info=info), ListEntry(id_tag="B"))
    )


def test_charging_profile_in_a_remote_start_is_ignored_and_its_decimals_are_no_fault() -> None:
    request = parse_request("RemoteStartTransaction", {"idTag": "A", "connectorId": 2, "chargingProfile": PROFILE})
    assert request == RemoteStartTransaction(id_tag="A", connector_id=2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reservationId": None}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"reservationId": "7"}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"reservationId": True}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({"reservationId": 2**31}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"connectorId": -1}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"connectorId": 5000}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"expiryDate": "tomorrow"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"idTag": "x" * 21}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"idTag": ""}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"idTag": "A\x1b[2J"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"idTag": {"a": 1}}, ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ({SECRET: 1}, ErrorCode.FORMATION_VIOLATION),
        ({"idTag": 7, SECRET: 1}, ErrorCode.FORMATION_VIOLATION),
    ],
)
def test_bad_reserve_now_is_refused_without_repeating_it(change: dict[str, Any], code: ErrorCode) -> None:
    fault = parse_request("ReserveNow", RESERVE | change)
    assert isinstance(fault, Fault)
    assert fault.code is code
    assert SECRET not in fault.description
    assert "DEADBEEF" not in fault.description


def test_missing_field_makes_the_payload_incomplete() -> None:
    fault = parse_request("ReserveNow", {"connectorId": 1})
    assert isinstance(fault, Fault)
    assert fault.code is ErrorCode.PROTOCOL_ERROR


def test_own_list_with_no_entry_where_one_is_needed_violates_occurrence() -> None:
    fault = parse_request("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": 5})
    assert isinstance(fault, Fault)
    assert fault.code is ErrorCode.TYPE_CONSTRAINT_VIOLATION


def test_secrets_are_not_in_the_text_form_of_messages() -> None:
    change = parse_request("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET})
    assert isinstance(change, ChangeConfiguration)
    assert SECRET not in repr(change)
    assert "DEADBEEF" not in repr(parse_request("ReserveNow", RESERVE))


def test_answers_of_the_central_system_are_typed() -> None:
    boot = {"status": "Pending", "currentTime": "2026-01-01T00:00:00Z", "interval": 30}
    assert parse_response("BootNotification", boot) == Registered(
        status=RegistrationStatus.PENDING, utc_ms=1_767_225_600_000, interval_s=30
    )
    info = IdTagInfo(status=AuthorizationStatus.INVALID, parent_id_tag="P")
    verdict = {"idTagInfo": {"status": "Invalid", "parentIdTag": "P"}}
    assert parse_response("Authorize", verdict) == Authorized(info=info)
    started = parse_response("StartTransaction", verdict | {"transactionId": -5})
    assert started == TransactionStarted(transaction_id=-5, info=info)
    assert parse_response("MeterValues", {}) == Noted()


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", {"status": "Maybe", "currentTime": "2026-01-01T00:00:00Z", "interval": 30}),
        ("BootNotification", {"status": "Accepted", "currentTime": "now", "interval": 30}),
        ("BootNotification", {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": -1}),
        ("StartTransaction", {"transactionId": 1}),
        ("StartTransaction", {"transactionId": 2**40, "idTagInfo": {"status": "Accepted"}}),
        ("Authorize", {"idTagInfo": None}),
        ("MeterValues", {"extra": 1}),
    ],
)
def test_bad_answer_of_the_central_system_is_a_fault(action: str, payload: dict[str, Any]) -> None:
    assert isinstance(parse_response(action, payload), Fault)


def test_own_payload_is_checked_before_it_leaves() -> None:
    assert own_request("Heartbeat", {}) == {}
    assert own_response("Reset", {"status": "Accepted"}) == {"status": "Accepted"}
    with pytest.raises(OwnPayloadError, match="StatusNotification"):
        own_request("StatusNotification", {"connectorId": 1, "status": "Bored", "errorCode": "NoError"})
    with pytest.raises(KeyError):
        own_request("../../etc/passwd", {})


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "connectorId",
        "idTag",
        "key",
        "value",
        "type",
        "listVersion",
        "updateType",
        "localAuthorizationList",
        "vendorId",
        "expiryDate",
        "reservationId",
        "transactionId",
        "requestedMessage",
        "data",
        "x",
    ]
)
PLAUSIBLE = st.sampled_from([0, 1, -1, "A", "Full", "Hard", "Heartbeat", "Operative", "2026-01-01T00:00:00Z", [], {}])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(ACTIONS.built)), st.dictionaries(FIELDS, PLAUSIBLE | JUNK, max_size=6))
def test_no_payload_whatever_is_fatal(action: str, payload: dict[str, Any]) -> None:
    assert isinstance(parse_request(action, payload), Fault | Request)
