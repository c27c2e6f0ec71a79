"""agent/ocpp/v16/station.py: registration, heartbeat, statuses, and the answers to the Central System."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ocpp.effects import Answered, Lost, NotSent, Outcome, Refused, TimedOut, Why
from agent.ocpp.frames import Call
from agent.ocpp.v16.authorisation import Cache, LocalList
from agent.ocpp.v16.deeds import Deeds, Fail, Keep, Meter, Open, Reconnect, Reply, SetClock, Tell, Want
from agent.ocpp.v16.keys import KeyTable
from agent.ocpp.v16.messages import ACTIONS, own_request
from agent.ocpp.v16.station import DAY_MS, Box, Registration, Station
from agent.ocpp.v16.statuses import RETRY_MS, ConnectorStatus, Status
from agent.ocpp.v16.types import AuthorizationStatus, IdTagInfo, ReserveNow

TIME = "2023-11-15T12:00:00Z"
UTC = 1_700_049_600_000
AVAILABLE, CHARGING = Status(status=ConnectorStatus.AVAILABLE), Status(status=ConnectorStatus.CHARGING)


def station(**stored: str) -> Station:
    box = Box(vendor="Stationmaster of a very long name", model="Pi", firmware="0.1")
    return Station(box=box, connectors=2, key_of=str.casefold, keys=KeyTable(stored=stored))


def ended(one: Station, action: str, outcome: Outcome | dict[str, Any], now_ms: int, **payload: Any) -> Deeds:
    call = Call(message_id="ours", action=action, payload=payload)
    return one.completed(call, Answered(payload=outcome) if isinstance(outcome, dict) else outcome, now_ms)


def booted(one: Station, status: str, interval: int, now_ms: int) -> Deeds:
    return ended(one, "BootNotification", {"status": status, "currentTime": TIME, "interval": interval}, now_ms)


def accepted(**stored: str) -> Station:
    one = station(**stored)
    one.linked(0)
    booted(one, "Accepted", 300, 0)
    return one


def asked(one: Station, action: str, now_ms: int = 0, **payload: Any) -> Deeds:
    return one.asked(Call(message_id="theirs", action=action, payload=payload), now_ms)


def told(deeds: Deeds) -> list[tuple[str, Any]]:
    """What is told to the Central System: actions, with the status of notifications."""
    return [(deed.action, deed.payload.get("status")) for deed in deeds if isinstance(deed, Tell)]


def answer(deeds: Deeds) -> dict[str, Any]:
    (reply,) = [deed for deed in deeds if isinstance(deed, Reply)]
    return dict(reply.payload)


# --- registration ---------------------------------------------------------------------------------------------------


def test_nothing_but_boot_notification_is_told_before_the_station_is_accepted() -> None:
    one = station()
    one.show(1, AVAILABLE, 0)
    (boot,) = one.linked(5)
    assert isinstance(boot, Tell)
    assert boot.payload == {
        "chargePointVendor": "Stationmaster of a v",
        "chargePointModel": "Pi",
        "firmwareVersion": "0.1",
    }
    assert one.tick(10 * DAY_MS) == ()


def test_acceptance_sets_clock_and_heartbeat_opens_the_lane_and_tells_every_connector() -> None:
    one = station()
    one.show(0, AVAILABLE, 0)
    one.show(1, CHARGING, 0)
    one.linked(5)
    deeds = booted(one, "Accepted", 77, 10)
    assert deeds[0] == SetClock(utc_ms=UTC)
    assert isinstance(deeds[1], Keep)
    assert one.keys.number("HeartbeatInterval") == 77
    assert deeds[2] == Open(flowing=True)
    assert told(deeds) == [("StatusNotification", "Available"), ("StatusNotification", "Charging")]


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_boot_notification_is_repeated_after_the_interval_while_not_accepted(status: str) -> None:
    one = station()
    one.show(1, AVAILABLE, 0)
    one.linked(0)
    assert booted(one, status, 30, 1000) == (SetClock(utc_ms=UTC), Open(flowing=False))
    assert one.wake == 31_000
    assert one.tick(30_999) == ()
    assert told(one.tick(31_000)) == [("BootNotification", None)]


def test_interval_of_zero_does_not_make_the_station_flood() -> None:
    one = station()
    one.linked(0)
    booted(one, "Rejected", 0, 0)
    assert one.wake == 60_000


@pytest.mark.parametrize("outcome", [TimedOut(), Refused(code="InternalError", description=""), {"status": "Odd"}])
def test_boot_notification_without_a_usable_answer_is_repeated(outcome: Outcome | dict[str, Any]) -> None:
    one = station()
    one.linked(0)
    assert ended(one, "BootNotification", outcome, 1000) == ()
    assert told(one.tick(61_000)) == [("BootNotification", None)]


def test_accepted_station_does_not_boot_again_after_a_reconnect_and_tells_only_what_changed() -> None:
    one = accepted()
    one.show(1, AVAILABLE, 1)
    one.show(2, AVAILABLE, 1)
    for connector_id in (1, 2):
        ended(one, "StatusNotification", {}, 2, connectorId=connector_id, status="Available")
    assert one.unlinked() == (Open(flowing=False),)
    one.show(1, CHARGING, 3)
    one.show(1, AVAILABLE, 4)
    one.show(2, CHARGING, 5)
    deeds = one.linked(6)
    assert deeds[0] == Open(flowing=True)
    assert told(deeds) == [("StatusNotification", "Charging")]


def test_station_that_lost_the_link_while_booting_boots_on_the_next_one() -> None:
    one = station()
    one.linked(0)
    one.unlinked()
    ended(one, "BootNotification", Lost(), 1)
    assert told(one.linked(100_000)) == [("BootNotification", None)]


def test_pending_station_answers_configuration_but_refuses_to_start() -> None:
    one = station()
    one.linked(0)
    booted(one, "Pending", 30, 0)
    assert answer(asked(one, "GetConfiguration", key=["HeartbeatInterval"]))["configurationKey"]
    assert answer(asked(one, "RemoteStartTransaction", idTag="A")) == {"status": "Rejected"}
    assert answer(asked(one, "RemoteStopTransaction", transactionId=1)) == {"status": "Rejected"}
    deeds = asked(one, "TriggerMessage", requestedMessage="Heartbeat")
    assert [type(deed) for deed in deeds] == [Reply, Tell]


def test_rejected_station_does_not_answer() -> None:
    one = station()
    one.linked(0)
    booted(one, "Rejected", 30, 0)
    assert asked(one, "GetConfiguration") == ()
    assert one.registration is Registration.REJECTED


# --- heartbeat and statuses -----------------------------------------------------------------------------------------


def test_heartbeat_comes_after_an_interval_without_exchange() -> None:
    one = accepted()
    assert one.wake == 300_000
    asked(one, "ClearCache", 200_000)
    assert one.tick(300_000) == ()
    assert told(one.tick(500_000)) == [("Heartbeat", None)]
    assert ended(one, "Heartbeat", {"currentTime": TIME}, 500_100) == (SetClock(utc_ms=UTC),)


def test_clock_is_asked_for_once_a_day_even_without_heartbeats() -> None:
    one = accepted(HeartbeatInterval="0")
    one.keys = one.keys.change("HeartbeatInterval", "0")[1]
    assert one.wake == DAY_MS
    assert told(one.tick(DAY_MS)) == [("Heartbeat", None)]


def test_status_is_told_once_per_transition() -> None:
    one = accepted()
    assert told(one.show(1, AVAILABLE, 1)) == [("StatusNotification", "Available")]
    assert told(one.show(1, AVAILABLE, 2)) == []
    ended(one, "StatusNotification", {}, 3, connectorId=1, status="Available")
    assert told(one.tick(4)) == []
    assert told(one.show(1, CHARGING, 5)) == [("StatusNotification", "Charging")]


def test_status_that_does_not_last_the_minimum_duration_is_not_told() -> None:
    one = accepted(MinimumStatusDuration="2")
    assert told(one.show(1, AVAILABLE, 0)) == []
    assert told(one.show(1, CHARGING, 1500)) == []
    assert one.wake == 3500
    assert told(one.tick(3500)) == [("StatusNotification", "Charging")]


def test_status_that_was_not_taken_is_told_again_later_and_a_refused_one_is_not() -> None:
    one = accepted()
    one.show(1, AVAILABLE, 0)
    assert told(ended(one, "StatusNotification", TimedOut(), 1000, connectorId=1, status="Available")) == []
    assert told(one.tick(1000 + RETRY_MS)) == [("StatusNotification", "Available")]
    refused = Refused(code="InternalError", description="")
    ended(one, "StatusNotification", refused, 70_000, connectorId=1, status="Available")
    assert told(one.tick(200_000)) == []


def test_end_of_an_older_notification_says_nothing_about_the_newer_one() -> None:
    one = accepted()
    one.show(1, AVAILABLE, 0)
    assert told(one.show(1, CHARGING, 1)) == [("StatusNotification", "Charging")]
    superseded = NotSent(why=Why.SUPERSEDED)
    assert ended(one, "StatusNotification", superseded, 2, connectorId=1, status="Available") == ()
    assert ended(one, "StatusNotification", {}, 3, connectorId=1, status="Charging") == ()
    assert told(one.tick(3 + RETRY_MS)) == []


def test_station_itself_cannot_be_reserved_or_charging() -> None:
    with pytest.raises(ValueError, match="connector 0"):
        accepted().show(0, Status(status=ConnectorStatus.RESERVED), 0)


# --- what the Central System asks -----------------------------------------------------------------------------------


def test_configuration_is_told_and_changed_and_stored_before_the_answer() -> None:
    one = accepted()
    deeds = asked(one, "ChangeConfiguration", key="heartbeatinterval", value="60")
    assert [type(deed) for deed in deeds] == [Keep, Reply]
    assert answer(deeds) == {"status": "Accepted"}
    said = answer(asked(one, "GetConfiguration", key=["HeartbeatInterval", "Odd"]))
    assert said == {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}],
        "unknownKey": ["Odd"],
    }
    assert answer(asked(one, "ChangeConfiguration", key="Odd", value="1")) == {"status": "NotSupported"}
    assert answer(asked(one, "ChangeConfiguration", key="HeartbeatInterval", value="x")) == {"status": "Rejected"}


def test_shorter_heartbeat_interval_holds_at_once() -> None:
    one = accepted()
    assert told(asked(one, "ChangeConfiguration", 10_000, key="HeartbeatInterval", value="5")) == []
    assert one.wake == 15_000


def test_new_password_makes_the_connection_anew_and_is_never_told() -> None:
    one = accepted()
    secret = "00112233445566778899aabbccddeeff"
    deeds = asked(one, "ChangeConfiguration", key="AuthorizationKey", value=secret)
    assert [type(deed) for deed in deeds] == [Keep, Reply, Reconnect]
    assert secret not in repr(deeds)
    assert secret not in json.dumps(answer(asked(one, "GetConfiguration")))


def test_local_list_is_stored_before_the_answer_and_its_version_is_told() -> None:
    one = accepted()
    assert answer(asked(one, "GetLocalListVersion")) == {"listVersion": 0}
    entry = {"idTag": "A", "idTagInfo": {"status": "Accepted"}}
    deeds = asked(one, "SendLocalList", listVersion=4, updateType="Full", localAuthorizationList=[entry])
    assert [type(deed) for deed in deeds] == [Keep, Reply]
    assert answer(asked(one, "GetLocalListVersion")) == {"listVersion": 4}
    asked(one, "ChangeConfiguration", key="LocalAuthListEnabled", value="false")
    assert answer(asked(one, "GetLocalListVersion")) == {"listVersion": -1}


def test_cache_learns_from_answers_and_is_cleared_on_request() -> None:
    one = accepted()
    info = IdTagInfo(status=AuthorizationStatus.ACCEPTED)
    (kept,) = one.noted("A", info, 0)
    assert isinstance(kept, Keep)
    assert set(one.cache.entries) == {"a"}
    assert asked(one, "ClearCache")[0] == Keep(what=Cache())
    asked(one, "ChangeConfiguration", key="AuthorizationCacheEnabled", value="false")
    assert one.noted("A", info, 0) == ()
    assert answer(asked(one, "ClearCache")) == {"status": "Rejected"}


def test_ids_that_come_onto_the_list_leave_the_cache() -> None:
    one = accepted()
    for tag in ("A", "B"):
        one.noted(tag, IdTagInfo(status=AuthorizationStatus.ACCEPTED), 0)
    entry = {"idTag": "A", "idTagInfo": {"status": "Accepted"}}
    deeds = asked(one, "SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=[entry])
    assert [type(deed) for deed in deeds] == [Keep, Keep, Reply]
    assert set(one.cache.entries) == {"b"}
    refused = asked(one, "SendLocalList", listVersion=1, updateType="Differential", localAuthorizationList=[])
    assert ([type(deed) for deed in refused], answer(refused)) == ([Reply], {"status": "VersionMismatch"})


@pytest.mark.parametrize(
    ("said", "conflicts"),
    [("Accepted", False), ("ConcurrentTx", False), ("Blocked", True), ("Expired", True), ("Invalid", True)],
)
@pytest.mark.parametrize("enabled", [True, False])
def test_list_that_is_contradicted_is_told_while_it_is_used(said: str, conflicts: bool, enabled: bool) -> None:
    one = accepted(LocalAuthListEnabled="true" if enabled else "false", AuthorizationCacheEnabled="false")
    one.local = LocalList(version=1, entries={"a": IdTagInfo(status=AuthorizationStatus.ACCEPTED)})
    one.show(0, Status(status=ConnectorStatus.AVAILABLE), 0)
    assert one.noted("A", IdTagInfo(status=AuthorizationStatus(said)), 0) == ()
    expected = [("StatusNotification", "Available")] if conflicts and enabled else []
    assert (told(one.tick(0)), told(one.tick(0))) == (expected, [])


@pytest.mark.parametrize(
    ("action", "payload", "status"),
    [
        ("RemoteStartTransaction", {"idTag": "A", "connectorId": 3}, "Rejected"),
        ("ReserveNow", {"connectorId": 3, "expiryDate": TIME, "idTag": "A", "reservationId": 1}, "Rejected"),
        ("ReserveNow", {"connectorId": 0, "expiryDate": TIME, "idTag": "A", "reservationId": 1}, "Rejected"),
        ("ChangeAvailability", {"connectorId": 3, "type": "Operative"}, "Rejected"),
        ("UnlockConnector", {"connectorId": 3}, "NotSupported"),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 3}, "Rejected"),
        ("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"}, "NotImplemented"),
    ],
)
def test_what_does_not_exist_is_refused_without_asking_anybody(
    action: str, payload: dict[str, Any], status: str
) -> None:
    deeds = asked(accepted(), action, **payload)
    assert answer(deeds) == {"status": status}
    assert len(deeds) == 1


def test_what_concerns_the_site_is_wanted_and_answered_later() -> None:
    one = accepted()
    payload: dict[str, Any] = {"connectorId": 1, "expiryDate": TIME, "idTag": "A", "reservationId": 1}
    wanted = ReserveNow(connector_id=1, expiry_utc_ms=UTC, id_tag="A", reservation_id=1)
    assert asked(one, "ReserveNow", **payload) == (Want(message_id="theirs", wanted=wanted),)
    reply = one.reply("theirs", "ReserveNow", {"status": "Occupied"})
    assert reply == Reply(message_id="theirs", payload={"status": "Occupied"})


def test_triggered_messages_follow_the_answer() -> None:
    one = accepted()
    one.show(1, AVAILABLE, 0)
    one.show(2, CHARGING, 0)
    ended(one, "StatusNotification", {}, 1, connectorId=1, status="Available")
    ended(one, "StatusNotification", {}, 1, connectorId=2, status="Charging")
    all_told = asked(one, "TriggerMessage", 2, requestedMessage="StatusNotification")
    assert told(all_told) == [("StatusNotification", "Available"), ("StatusNotification", "Charging")]
    assert isinstance(all_told[0], Reply)
    assert told(asked(one, "TriggerMessage", 3, requestedMessage="StatusNotification", connectorId=2)) == [
        ("StatusNotification", "Charging")
    ]
    assert asked(one, "TriggerMessage", 4, requestedMessage="MeterValues", connectorId=1)[1] == Meter(connector_id=1)
    assert told(asked(one, "TriggerMessage", 5, requestedMessage="BootNotification")) == [("BootNotification", None)]


def test_bad_payload_is_failed_with_the_right_code() -> None:
    (fail,) = asked(accepted(), "Reset", type="Medium")
    assert isinstance(fail, Fail)
    assert fail.fault.code.value == "PropertyConstraintViolation"


PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "connectorId": st.integers(-1, 4),
        "idTag": st.sampled_from(["", "A", "x" * 21]),
        "key": st.sampled_from(["HeartbeatInterval", "Odd", ["HeartbeatInterval"], "AuthorizationKey"]),
        "value": st.sampled_from(["1", "-1", "true", "x" * 501]),
        "type": st.sampled_from(["Hard", "Soft", "Operative", "Inoperative", 1]),
        "requestedMessage": st.sampled_from(["Heartbeat", "BootNotification", "StatusNotification", "MeterValues"]),
        "listVersion": st.integers(-1, 3),
        "updateType": st.sampled_from(["Full", "Differential"]),
        "transactionId": st.integers(-1, 2),
        "vendorId": st.sampled_from(["", "org.example"]),
    },
)
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(sorted(ACTIONS.built)), PAYLOADS),
    st.tuples(st.just("link"), st.booleans(), st.none()),
    st.tuples(st.just("boot"), st.sampled_from(["Accepted", "Pending", "Rejected"]), st.integers(0, 5)),
    st.tuples(st.just("show"), st.integers(1, 2), st.sampled_from([AVAILABLE, CHARGING])),
    st.tuples(st.just("wait"), st.integers(0, 400_000), st.none()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=20))
def test_whatever_happens_frames_obey_the_schema_and_wake_is_never_in_the_past_after_a_tick(steps: list[Any]) -> None:
    one, now_ms = station(), 0
    for kind, first, second in steps:
        deeds: Deeds = ()
        match kind:
            case "ask":
                deeds = asked(one, first, now_ms, **second)
            case "link":
                deeds = one.linked(now_ms) if first else one.unlinked()
            case "boot":
                deeds = booted(one, first, second, now_ms)
            case "show":
                deeds = one.show(first, second, now_ms)
            case "wait":
                now_ms += first
        for deed in (*deeds, *one.tick(now_ms)):
            if isinstance(deed, Tell):
                own_request(deed.action, deed.payload)
                assert one.registration is Registration.ACCEPTED or kind == "ask" or deed.action == "BootNotification"
            assert not (isinstance(deed, Keep) and not isinstance(deed.what, Cache | KeyTable | LocalList))
        assert one.wake is None or one.wake > now_ms
