"""A day of the whole agent with Central Systems that others wrote: from the configuration to the twin's meters."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from csms_fixtures import Office
from ocpp.v16 import call  # type: ignore[import-untyped]
from ocpp_csms import CentralSystem
from ocpp_csms.models import TransactionStoppedEvent as _Stopped
from whole_agent import Whole, eventually, site_text, whole_agent

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z")
SOON = "2099-01-01T00:00:00Z"


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    made = Office(utc_ms=lambda: time.time_ns() // 1_000_000)
    made.tags |= {"ANNA": "Accepted", "BERT": "Accepted", "CARL": "Accepted", "EMIL": "Blocked"}
    await made.open()
    yield made
    await made.close()


def shown(office: Office, connector_id: int) -> list[str]:
    """Every status that was told of a connector, in order."""
    return [said["status"] for _, said in office.told("StatusNotification") if said["connector_id"] == connector_id]


async def status(office: Office, connector_id: int, wanted: str) -> None:
    await eventually(lambda: shown(office, connector_id)[-1:] == [wanted], f"{connector_id} is {wanted}")


async def transactions(office: Office, action: str, count: int) -> dict[str, Any]:
    """Wait until so many messages of an action came, and return the last."""
    await eventually(lambda: len(office.told(action)) >= count, f"{action} number {count}")
    assert len(office.told(action)) == count
    return office.told(action)[-1][1]


async def asked(office: Office, request: Any) -> str:
    return str((await office.ask(request)).status)


def energies(office: Office) -> dict[int, int]:
    """The energy of all transactions that have ended, by connector, in Wh."""
    starts = [said for _, said in office.told("StartTransaction")]
    by_id = {101 + n: start for n, start in enumerate(starts)}
    total: dict[int, int] = {}
    for _, stop in office.told("StopTransaction"):
        start = by_id[stop["transaction_id"]]
        connector_id = start["connector_id"]
        total[connector_id] = total.get(connector_id, 0) + stop["meter_stop"] - start["meter_start"]
    return total


def timestamps(value: Any) -> list[str]:
    """Every timestamp anywhere in what was heard."""
    if isinstance(value, dict):
        own = [value["timestamp"]] if "timestamp" in value else []
        return own + [one for part in value.values() for one in timestamps(part)]
    if isinstance(value, list | tuple):
        return [one for part in value for one in timestamps(part)]
    return []


async def test_agent_charges_for_cards_and_commands_and_tells_the_meters_to_the_watt_hour(
    tmp_path: Path, office: Office
) -> None:
    async with whole_agent(tmp_path, site_text(office.port)) as one:
        for connector_id in range(4):
            await status(office, connector_id, "Available")
        await _card(one, office)
        await _remote(one, office)
        await _reservation(one, office)
        await _unlock(one, office)
        await _availability(one, office)
        await _triggers(office)
        await _configuration(office)
        assert energies(office) == {evse: wh for evse, wh in one.registers().items() if wh}
    assert all(TIMESTAMP.fullmatch(text) for text in timestamps(office.heard))
    assert len(timestamps(office.heard)) > 6


async def _card(one: Whole, office: Office) -> None:
    one.arrive(1)
    await status(office, 1, "Preparing")
    one.twin.swipe(1, "EMIL")
    await eventually(lambda: ("Authorize", {"id_tag": "EMIL"}) in office.heard, "the blocked card was asked for")
    one.twin.swipe(1, "ANNA")
    start = await transactions(office, "StartTransaction", 1)
    assert (start["connector_id"], start["id_tag"], start["meter_start"]) == (1, "ANNA", 0)
    await status(office, 1, "Charging")
    await one.wait(400)
    assert {said["transaction_id"] for _, said in office.told("MeterValues")} == {101}
    one.twin.swipe(1, "ANNA")
    stop = await transactions(office, "StopTransaction", 1)
    assert (stop["transaction_id"], stop["reason"]) == (101, "Local")
    await status(office, 1, "Finishing")
    one.depart(1)
    await status(office, 1, "Available")


async def _remote(one: Whole, office: Office) -> None:
    assert await asked(office, call.RemoteStartTransaction(id_tag="BERT", connector_id=2)) == "Accepted"
    one.arrive(2)
    start = await transactions(office, "StartTransaction", 2)
    assert (start["connector_id"], start["id_tag"]) == (2, "BERT")
    await one.wait(120)
    assert await asked(office, call.RemoteStopTransaction(transaction_id=999)) == "Rejected"
    assert await asked(office, call.RemoteStopTransaction(transaction_id=102)) == "Accepted"
    stop = await transactions(office, "StopTransaction", 2)
    assert (stop["transaction_id"], stop["reason"]) == (102, "Remote")
    one.depart(2)
    await status(office, 2, "Available")


async def _reservation(one: Whole, office: Office) -> None:
    reserve = call.ReserveNow(connector_id=3, expiry_date=SOON, id_tag="CARL", reservation_id=7)
    assert await asked(office, reserve) == "Accepted"
    await status(office, 3, "Reserved")
    assert await asked(office, call.CancelReservation(reservation_id=7)) == "Accepted"
    await status(office, 3, "Available")
    assert await asked(office, reserve) == "Accepted"
    one.arrive(3)
    one.twin.swipe(3, "ANNA")
    await eventually(lambda: office.told("Authorize")[-1][1] == {"id_tag": "ANNA"}, "the other card was asked for")
    await one.wait(60)
    one.twin.swipe(3, "CARL")
    start = await transactions(office, "StartTransaction", 3)
    assert (start["connector_id"], start["id_tag"], start["reservation_id"]) == (3, "CARL", 7)


async def _unlock(one: Whole, office: Office) -> None:
    await one.wait(120)
    assert await asked(office, call.UnlockConnector(connector_id=3)) == "Unlocked"
    stop = await transactions(office, "StopTransaction", 3)
    assert (stop["transaction_id"], stop["reason"]) == (103, "UnlockCommand")
    one.depart(3)
    await status(office, 3, "Available")


async def _availability(one: Whole, office: Office) -> None:
    assert await asked(office, call.ChangeAvailability(connector_id=2, type="Inoperative")) == "Accepted"
    await status(office, 2, "Unavailable")
    one.arrive(2)
    one.twin.swipe(2, "BERT")
    await one.wait(60)
    assert len(office.told("StartTransaction")) == 3
    one.depart(2)
    assert await asked(office, call.ChangeAvailability(connector_id=2, type="Operative")) == "Accepted"
    await status(office, 2, "Available")


async def _triggers(office: Office) -> None:
    for message, action in (
        ("StatusNotification", "StatusNotification"),
        ("Heartbeat", "Heartbeat"),
        ("MeterValues", "MeterValues"),
        ("BootNotification", "BootNotification"),
    ):
        before = len(office.told(action))
        assert await asked(office, call.TriggerMessage(requested_message=message, connector_id=1)) == "Accepted"
        await eventually(lambda a=action, n=before: len(office.told(a)) > n, message)  # type: ignore[misc]
    firmware = call.TriggerMessage(requested_message="FirmwareStatusNotification")
    assert await asked(office, firmware) == "NotImplemented"


async def _configuration(office: Office) -> None:
    answer = await office.ask(call.GetConfiguration(key=["NumberOfConnectors", "MeterValueSampleInterval", "Nonsense"]))
    assert {one["key"]: (one["value"], one["readonly"]) for one in answer.configuration_key} == {
        "NumberOfConnectors": ("3", True),
        "MeterValueSampleInterval": ("60", False),
    }
    assert answer.unknown_key == ["Nonsense"]


async def test_half_an_hour_without_the_line_costs_nothing_but_time(tmp_path: Path, office: Office) -> None:
    async with whole_agent(tmp_path, site_text(office.port)) as one:
        await status(office, 3, "Available")
        entry = {"idTag": "DORA", "idTagInfo": {"status": "Accepted"}}
        update = call.SendLocalList(list_version=1, update_type="Full", local_authorization_list=[entry])
        assert await asked(office, update) == "Accepted"
        one.arrive(1)
        one.twin.swipe(1, "ANNA")
        await transactions(office, "StartTransaction", 1)
        await status(office, 1, "Charging")
        await eventually(one.starts_are_kept, "the answer to the start was kept")

        await office.close()
        await one.wait(300)
        one.depart(1)
        one.arrive(2)
        one.twin.swipe(2, "DORA")
        one.arrive(3)
        one.twin.swipe(3, "NOBODY")
        await one.wait(1500)
        one.depart(2)
        one.depart(3)
        await eventually(lambda: not one.agent.runner.site.stays, "everybody has left")
        office.heard.clear()
        await office.open()

        await transactions(office, "StopTransaction", 2)
        told = [(a, s.get("id_tag", s.get("transaction_id"))) for a, s in office.transactions() if a != "MeterValues"]
        assert told == [("StopTransaction", 101), ("StartTransaction", "DORA"), ("StopTransaction", 102)]
        times = [s["timestamp"] for a, s in office.transactions() if a != "MeterValues"]
        assert times == sorted(times)
        assert office.told("BootNotification") == []
        assert one.agent.journal.dead_letters() == ()


async def test_reset_starts_the_agent_again_and_charging_is_stopped_first(tmp_path: Path, office: Office) -> None:
    async with whole_agent(tmp_path, site_text(office.port)) as one:
        await status(office, 1, "Available")
        one.arrive(1)
        one.twin.swipe(1, "ANNA")
        await status(office, 1, "Charging")
        await one.wait(120)
        assert await asked(office, call.Reset(type="Soft")) == "Accepted"
        await eventually(lambda: one.starts == 2, "the agent started again")
        stop = await transactions(office, "StopTransaction", 1)
        assert stop["reason"] == "SoftReset"
        await eventually(lambda: len(office.told("BootNotification")) == 2, "the station registered again")
        await status(office, 1, "Finishing")
        one.depart(1)
        await status(office, 1, "Available")
        assert energies(office) == {1: one.registers()[1]}


PASSWORD = "secret-password"


def free_port() -> int:
    """A port of this machine that nobody has; the Central System needs the same one after its outage."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def test_day_with_an_outage_at_a_central_system_that_others_wrote(tmp_path: Path) -> None:
    events: list[Any] = []

    async def known(identity: str, password: str | None) -> bool:
        return (identity, password) == ("NORD-1", PASSWORD)

    port = free_port()
    central = CentralSystem(host="127.0.0.1", port=port, ping_interval=None, authenticate=known)
    central.add_listener(events.append)
    await central.async_start()
    try:
        async with whole_agent(tmp_path, site_text(port, PASSWORD)) as one:
            await eventually(lambda: "NORD-1" in central.charge_points, "the station came")
            station = central.charge_points["NORD-1"]
            await eventually(lambda: len(station.connectors) == 4, "the statuses came")
            assert await station.async_remote_start_transaction("ANNA", 1) == "Accepted"
            one.arrive(1)
            await eventually(lambda: station.get_transaction(1) is not None, "the start")
            await eventually(lambda: station.connectors[1].status == "Charging", "it charges")
            one.arrive(2, battery_kwh=1000)
            one.twin.swipe(2, "BERT")
            await eventually(lambda: station.get_transaction(2) is not None, "the second start")
            await eventually(one.starts_are_kept, "the answers to both starts were kept")
            await one.wait(120)
            reserve = call.ReserveNow(connector_id=3, expiry_date=SOON, id_tag="CARL", reservation_id=7)
            assert (await station.async_call(reserve)).status == "Accepted"
            await eventually(lambda: station.connectors[3].status == "Reserved", "it is kept")

            await central.async_stop()
            await one.wait(600)
            one.depart(1)
            await one.wait(1200)
            await central.async_start()

            await eventually(lambda: station.connectors[1].status == "Available", "the status after the outage")
            await eventually(lambda: station.get_transaction(1) is None, "the stop after the outage")
            assert station.connectors[3].status == "Reserved"
            bert = station.get_transaction(2)
            assert bert is not None
            assert await station.async_remote_stop_transaction(bert.transaction_id) == "Accepted"
            await eventually(lambda: station.get_transaction(2) is None, "the second stop")
            registers = one.registers()
    finally:
        await central.async_stop()
    stopped = {one.transaction.connector_id: one.transaction for one in events if isinstance(one, _Stopped)}
    assert {n: (one.meter_start, one.meter_stop, one.id_tag) for n, one in stopped.items()} == {
        1: (0, registers[1], "ANNA"),
        2: (0, registers[2], "BERT"),
    }
    assert [stopped[1].stop_reason, stopped[2].stop_reason] == ["EVDisconnected", "Remote"]
