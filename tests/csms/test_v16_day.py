"""A station and a Central System over real sockets: a day with an outage, restarts, commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from csms_fixtures import UTC_MS, Office, agent, eventually
from ocpp.v16 import call  # type: ignore[import-untyped]

from agent.ocpp.instants import parse_instant
from drivers.twin.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def office(clock: ManualClock) -> AsyncIterator[Office]:
    made = Office(utc_ms=lambda: UTC_MS + round(clock.monotonic() * 1000))
    made.tags |= {"ANNA": "Accepted", "BERT": "Accepted", "CARL": "Blocked"}
    await made.open()
    yield made
    await made.close()


def brief(told: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, Any, Any]]:
    """Transaction messages as (action, transaction or connector, register)."""
    lines: list[tuple[str, Any, Any]] = []
    for action, payload in told:
        match action:
            case "StartTransaction":
                lines.append((action, payload["connector_id"], payload["meter_start"]))
            case "StopTransaction":
                lines.append((action, payload["transaction_id"], payload["meter_stop"]))
            case _:
                value = payload["meter_value"][0]["sampled_value"][0]["value"]
                lines.append((action, payload.get("transaction_id"), int(value)))
    return lines


async def test_station_registers_and_tells_every_connector(tmp_path: Path, clock: ManualClock, office: Office) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await one.rest()
        assert office.heard[0][0] == "BootNotification"
        told = {payload["connector_id"]: payload["status"] for _, payload in office.told("StatusNotification")}
        assert told == {0: "Available", 1: "Available", 2: "Available"}
        assert office.headers[0][0] == "/ocpp/NORD-1"
        assert "Sec-WebSocket-Extensions" not in office.headers[0][1]


async def test_day_with_an_outage_loses_nothing_doubles_nothing_and_keeps_the_order(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        # Morning: Anna charges at 1 while the line is up, and Bert is known from a short visit.
        assert await one.swipe(2, "BERT") == "Accepted"
        await one.plug(2, 5_000)
        await one.wait(600)
        await one.unplug(2, 5_900)
        assert await one.swipe(1, "ANNA") == "Accepted"
        await one.plug(1, 1_000)
        await one.metered(1, 2_000)
        await one.wait(300)
        assert office.told("Authorize") == [("Authorize", {"id_tag": "BERT"}), ("Authorize", {"id_tag": "ANNA"})]
        before = brief(office.transactions())
        assert before == [
            ("StartTransaction", 2, 5_000),
            ("StopTransaction", 101, 5_900),
            ("StartTransaction", 1, 1_000),
            ("MeterValues", 102, 2_000),
        ]

        # Half an hour without the line: Anna leaves, Bert comes back (cache), a stranger is turned away.
        await office.close()
        await eventually(lambda: not one.csms.link.online, "the loss of the line was noticed")
        left_s = clock.monotonic()
        await one.metered(1, 3_000)
        await one.wait(300)
        await one.unplug(1, 3_100)
        assert await one.swipe(2, "DORA") == "Uncheckable"
        assert await one.swipe(2, "BERT") == "Accepted"
        await one.plug(2, 6_000)
        await one.metered(2, 7_000)
        await one.wait(310)
        await one.metered(2, 7_200)
        await one.wait(310)
        await one.unplug(2, 7_500)
        await one.wait(1800 - (clock.monotonic() - left_s))
        assert one.journal.owed_counts() == {"csms": 6}

        # The line is back: everything comes once, in order, with the times at which it happened.
        office.heard.clear()
        await office.open()
        await one.online()
        await one.wait(60)
        after = office.transactions()
        assert brief(after) == [
            ("MeterValues", 102, 3_000),
            ("StopTransaction", 102, 3_100),
            ("StartTransaction", 2, 6_000),
            ("MeterValues", 103, 7_000),
            ("MeterValues", 103, 7_200),
            ("StopTransaction", 103, 7_500),
        ]
        stopped_ms = parse_instant(after[1][1]["timestamp"])
        assert stopped_ms - UTC_MS == round(left_s * 1000) + 300_000
        assert office.told("BootNotification") == []  # OCPP-J 1.6, 5.4
        assert one.journal.owed_counts() == {}
        assert one.journal.dead_letters() == ()


async def test_restart_in_the_middle_of_an_outage_loses_nothing(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 1_000)
        await office.close()
        await eventually(lambda: not one.csms.link.online, "the loss of the line was noticed")
        await one.wait(300)
        await one.unplug(1, 3_000)
    office.heard.clear()
    async with agent(tmp_path, clock, office.port) as one:
        await one.wait(100)
        assert await one.swipe(2, "ANNA") == "Accepted"  # the cache is kept, too
        await one.plug(2, 50)
        await office.open()
        await one.online()
        await one.wait(30)
        assert brief(office.transactions()) == [("StopTransaction", 101, 3_000), ("StartTransaction", 2, 50)]
        assert office.heard[0][0] == "BootNotification"


async def test_refused_start_ends_the_energy(tmp_path: Path, clock: ManualClock, office: Office) -> None:
    async with agent(tmp_path, clock, office.port, LocalPreAuthorize="true") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        office.tags["ANNA"] = "Blocked"
        await one.plug(1, 1_000)
        await one.unplug(1, 1_010)
        (stop,) = office.told("StopTransaction")
        assert stop[1]["reason"] == "DeAuthorized"
        assert await one.swipe(2, "ANNA") == "Blocked"


async def test_commands_of_the_central_system_reach_core_and_hardware(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await one.rest()
        soon = "2099-01-01T00:00:00Z"

        async def status(request: Any) -> str:
            answer = await office.ask(request)
            await one.rest()
            return str(answer.status)

        reserve = call.ReserveNow(connector_id=1, expiry_date=soon, id_tag="ANNA", reservation_id=7)
        assert await status(reserve) == "Accepted"
        assert office.heard[-1][1]["status"] == "Reserved"
        other = call.ReserveNow(connector_id=1, expiry_date=soon, id_tag="BERT", reservation_id=8)
        assert await status(other) == "Occupied"
        assert await status(call.RemoteStartTransaction(id_tag="BERT", connector_id=1)) == "Rejected"
        assert await status(call.CancelReservation(reservation_id=8)) == "Rejected"
        assert await status(reserve) == "Accepted"
        assert await status(call.RemoteStartTransaction(id_tag="ANNA", connector_id=1)) == "Accepted"
        await one.plug(1, 100)
        (start,) = office.told("StartTransaction")
        assert start[1]["reservation_id"] == 7
        assert await status(call.ChangeAvailability(connector_id=1, type="Inoperative")) == "Scheduled"
        assert await status(call.RemoteStopTransaction(transaction_id=999)) == "Rejected"
        assert await status(call.RemoteStopTransaction(transaction_id=101)) == "Accepted"
        await one.unplug(1, 200)
        assert office.told("StopTransaction")[0][1]["reason"] == "Remote"
        assert await status(call.ChangeAvailability(connector_id=1, type="Operative")) == "Accepted"
        assert await status(call.UnlockConnector(connector_id=1)) == "Unlocked"
        assert await status(call.DataTransfer(vendor_id="org.example", message_id="a", data="b")) == "Accepted"
        assert await status(call.DataTransfer(vendor_id="org.other")) == "UnknownVendorId"
        assert await status(call.Reset(type="Soft")) == "Accepted"
        assert one.hands.deeds == ["open 1", "unlock 1", "soft"]


async def test_resets_are_bounded(tmp_path: Path, clock: ManualClock, office: Office) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        said = [(await office.ask(call.Reset(type="Hard"))).status for _ in range(7)]
        assert said == ["Accepted"] * 6 + ["Rejected"]


async def test_keys_and_local_list_survive_a_restart(tmp_path: Path, clock: ManualClock, office: Office) -> None:
    entry = {"idTag": "EVA", "idTagInfo": {"status": "Accepted"}}
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await office.ask(call.ChangeConfiguration(key="LocalPreAuthorize", value="true"))
        update = call.SendLocalList(list_version=3, update_type="Full", local_authorization_list=[entry])
        assert (await office.ask(update)).status == "Accepted"
    office.heard.clear()
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        assert (await office.ask(call.GetLocalListVersion())).list_version == 3
        assert await one.swipe(1, "eva") == "Accepted"
        assert office.told("Authorize") == []


async def test_list_that_the_central_system_contradicts_is_told_once(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    entries = [{"idTag": tag, "idTagInfo": {"status": "Accepted"}} for tag in ("EVA", "ANNA")]
    office.tags |= {"EVA": "Blocked", "ANNA": "Accepted"}

    def conflicts() -> list[dict[str, str]]:
        told = [said for _, said in office.told("StatusNotification") if said["error_code"] == "LocalListConflict"]
        assert all((said["connector_id"], said["status"]) == (0, "Available") for said in told)
        return told

    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        update = call.SendLocalList(list_version=3, update_type="Full", local_authorization_list=entries)
        assert (await office.ask(update)).status == "Accepted"
        assert await one.swipe(1, "ANNA") == "Accepted"
        assert not conflicts()
        for _ in range(2):
            assert await one.swipe(1, "EVA") == "Blocked"
        assert len(conflicts()) == 1
        again = call.SendLocalList(list_version=4, update_type="Differential", local_authorization_list=entries)
        assert (await office.ask(again)).status == "Accepted"
        await one.swipe(1, "EVA")
        assert len(conflicts()) == 2


async def test_new_password_is_used_after_the_central_system_set_it(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port, password=b"first-password") as one:
        await one.online()
        await office.ask(call.ChangeConfiguration(key="AuthorizationKey", value="00112233445566778899aabbccddeeff"))
        await eventually(lambda: not one.csms.link.online, "the connection was closed")
        await one.online()
        sent = [headers["Authorization"] for _, headers in office.headers]
        assert len(sent) == 2
        assert sent[0] == "Basic Tk9SRC0xOmZpcnN0LXBhc3N3b3Jk"
        assert sent[1] != sent[0]


async def test_rejected_station_sends_nothing_but_boot_notifications(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    office.registration = "Rejected"
    async with agent(tmp_path, clock, office.port) as one:
        await eventually(lambda: len(office.heard) == 1, "the first BootNotification")
        await one.wait(310)
        assert [action for action, _ in office.heard] == ["BootNotification", "BootNotification"]
        office.registration = "Accepted"
        await one.wait(310)
        assert one.csms.link.online
