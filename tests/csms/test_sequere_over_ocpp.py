"""SeQueRe over a real OCPP 1.6 link: the whole agent, and a Central System made of the public `ocpp` package."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from csms_fixtures import Office, Session
from jsonschema import Draft202012Validator, FormatChecker
from ocpp.routing import on  # type: ignore[import-untyped]
from ocpp.v16 import call, call_result  # type: ignore[import-untyped]
from referencing import Registry, Resource
from websockets.asyncio.server import ServerConnection
from whole_agent import Whole, eventually, site_text, whole_agent

from agent.partners import schemas

VENDOR = "org.stationmaster.sequere.v1"
DATA_CHARACTERS_MAX = 16_384
ENABLED = call.ChangeConfiguration(key="SeQueReEnabled", value="true")
DISABLED = call.ChangeConfiguration(key="SeQueReEnabled", value="false")


def _schemas() -> tuple[Registry[Any], dict[str, Any]]:
    found: Registry[Any] = Registry()
    contents = {name: json.loads(schemas.schema(name) or b"") for name in schemas.names()}
    for content in contents.values():
        found = found.with_resource(content["$id"], Resource.from_contents(content))
    return found, contents


REGISTRY, SCHEMAS = _schemas()


def valid(name: str, document: Any) -> None:
    """Hold a document to one of the product's schemas."""
    Draft202012Validator(SCHEMAS[name], registry=REGISTRY, format_checker=FormatChecker()).validate(document)


class Speaking(Session):
    """A connection of a Central System that takes SeQueRe's updates."""

    office: Hub

    @on("DataTransfer")  # type: ignore[untyped-decorator,unused-ignore]
    def on_transfer(self, vendor_id: str, message_id: str | None = None, data: Any = None) -> Any:
        """Note an update, held to its schema, and say that it was shown."""
        assert vendor_id == self.office.vendor
        assert isinstance(data, str)
        assert len(json.dumps(data, ensure_ascii=False)) - 2 <= DATA_CHARACTERS_MAX
        body = json.loads(data)
        assert body["operation"] == message_id
        valid(f"{message_id}Request", body)
        self.office.updates.append(body)
        self.office.heard.append(("DataTransfer", body))
        return call_result.DataTransfer(status=self.office.answer)

    @on("StartTransaction")  # type: ignore[untyped-decorator,unused-ignore]
    async def on_start_when_ready(self, **payload: Any) -> Any:
        """Take the start of a transaction, in as long as the Central System needs; meanwhile it hears nothing else."""
        answer = self.on_start(**payload)
        await self.office.ready.wait()
        return answer


class Hub(Office):
    """The Central System of a CPO that queues for its Users."""

    def __init__(self) -> None:
        super().__init__(utc_ms=lambda: time.time_ns() // 1_000_000)
        self.updates: list[dict[str, Any]] = []
        self.answer = "Accepted"
        self.vendor = VENDOR
        self.ready = asyncio.Event()
        self.ready.set()
        self.tags |= {"ANNA": "Accepted", "BERT": "Accepted"}

    async def _serve(self, socket: ServerConnection) -> None:
        session = Speaking("NORD-1", socket)
        session.office = self
        self.sessions.append(session)
        try:
            await session.start()
        except Exception:
            return

    async def transfer(self, operation: str, body: object) -> tuple[str, dict[str, Any]]:
        """Ask an operation; return the status and, held to its schema, the envelope."""
        data = body if isinstance(body, str) else json.dumps(body)
        answer = await self.ask(call.DataTransfer(vendor_id=self.vendor, message_id=operation, data=data))
        told: dict[str, Any] = {} if answer.data is None else json.loads(answer.data)
        if answer.status == "Accepted":
            valid(f"{operation}Response", told["data"])
        return str(answer.status), told

    def operations(self) -> list[str]:
        """What the station told, in order."""
        return [update["operation"] for update in self.updates]

    async def heard_of(self, operation: str, **wanted: Any) -> dict[str, Any]:
        """Wait for an update with these fields, its own or its check-in's."""

        def found() -> list[dict[str, Any]]:
            whole = [(u, {**u, **u.get("check_in", {})}) for u in self.updates if u["operation"] == operation]
            return [u for u, every in whole if all(every.get(k) == v for k, v in wanted.items())]

        await eventually(lambda: bool(found()), f"{operation} {wanted}")
        return found()[-1]


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    made = Hub()
    await made.open()
    yield made
    await made.close()


def wish(request_id: str, uid: str) -> dict[str, Any]:
    token = {"country_code": "DE", "party_id": "EMP", "uid": uid, "type": "RFID", "contract_id": f"DE-EMP-{uid}"}
    return {"request_id": request_id, "location_id": "NORD", "pool_id": "ALL", "tokens": [token]}


async def registered(one: Whole, hub: Hub) -> None:
    await eventually(lambda: len(hub.told("StatusNotification")) >= 4, "the station registered")


async def no_more(one: Whole, seen: Callable[[], int]) -> None:
    """Let the location's time pass in which anything that is due would be told; nothing is."""
    before = seen()
    await one.wait(600)
    assert seen() == before


async def fill(one: Whole) -> None:
    """Cars stand in all bays, nobody of them in line."""
    for evse in (1, 2, 3):
        one.arrive(evse)


async def test_a_csms_queues_for_its_users_and_hears_what_becomes_of_them(tmp_path: Path, hub: Hub) -> None:
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        assert (await hub.ask(ENABLED)).status == "Accepted"
        state = await hub.heard_of("QueueState")
        assert hub.operations()[0] == "QueueState"
        assert state["check_ins"] == []

        status, told = await hub.transfer("CheckIn", wish("r1", "ANNA"))
        assert (status, told["data"]["result"]) == ("Accepted", "ACCEPTED")
        called = told["data"]["check_in"]
        assert called["status"] == "CALLED"
        assert (await hub.transfer("CheckIn", wish("r1", "ANNA")))[1]["data"] == told["data"]
        again = await hub.transfer("CheckIn", wish("r2", "ANNA"))
        assert again[1]["data"]["result"] == "ALREADY_CHECKED_IN"
        reused = await hub.transfer("CheckIn", wish("r1", "BERT"))
        assert reused[1]["data"]["result"] == "REQUEST_ID_REUSED"

        status, listed = await hub.transfer("GetCheckIns", {})
        assert [entry["check_in_id"] for entry in listed["data"]] == [called["check_in_id"]]
        assert "ANNA" not in json.dumps(listed)

        out = {"request_id": "r3", "check_in_id": called["check_in_id"]}
        assert (await hub.transfer("CheckOut", out))[1]["data"]["check_in"]["status"] == "CHECKED_OUT"
        assert "ANNA" not in json.dumps(hub.updates)


async def test_vendor_id_and_role_of_the_csms_are_configured(tmp_path: Path, hub: Hub) -> None:
    text = site_text(hub.port).replace(
        "[csms]\n", '[csms]\nsequere_vendor_id = "org.example.v1"\nsequere_role = "EMSP"\n'
    )
    hub.vendor = "org.example.v1"
    async with whole_agent(tmp_path, text) as one:
        await registered(one, hub)
        assert (await hub.ask(ENABLED)).status == "Accepted"
        await hub.heard_of("QueueState")
        assert (await hub.transfer("CheckIn", wish("r1", "ANNA")))[1]["data"]["result"] == "ACCEPTED"
        assert (await hub.transfer("GetPlannedPower", {}))[0] == "Rejected"  # a right of the CPO
        hub.vendor = VENDOR
        assert (await hub.transfer("GetCheckIns", {}))[0] == "UnknownVendorId"


async def test_who_waits_is_told_the_place_and_then_the_bay(tmp_path: Path, hub: Hub) -> None:
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        await fill(one)
        await eventually(lambda: len(one.agent.runner.site.stays) == 3, "all bays are taken")
        assert (await hub.ask(ENABLED)).status == "Accepted"
        await hub.heard_of("QueueState")
        ids = []
        for number, uid in enumerate(("ANNA", "BERT")):
            _, told = await hub.transfer("CheckIn", wish(f"w{number}", uid))
            assert told["data"]["check_in"]["position"] == number + 1
            ids.append(told["data"]["check_in"]["check_in_id"])
        one.depart(1)
        assigned = await hub.heard_of("AssignChargePoint", check_in_id=ids[0])
        assert assigned["assignment"]["evse_uid"] == "1"
        moved = await hub.heard_of("PositionUpdate", check_in_id=ids[1], position=1)
        assert moved["check_in"]["sequence"] > 0


async def test_after_an_outage_the_whole_queue_comes_first(tmp_path: Path, hub: Hub) -> None:
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        await fill(one)
        await eventually(lambda: len(one.agent.runner.site.stays) == 3, "all bays are taken")
        assert (await hub.ask(ENABLED)).status == "Accepted"
        await hub.heard_of("QueueState")
        _, told = await hub.transfer("CheckIn", wish("o1", "ANNA"))
        await hub.close()
        one.depart(2)
        await eventually(lambda: bool(one.agent.runner.site.holds), "a bay is kept")
        hub.updates.clear()
        await hub.open()
        state = await hub.heard_of("QueueState")
        assert hub.operations()[0] == "QueueState"
        assert [(c["check_in_id"], c["status"]) for c in state["check_ins"]] == [
            (told["data"]["check_in"]["check_in_id"], "CALLED")
        ]


@pytest.mark.parametrize("try_number", range(5))
async def test_no_update_overtakes_the_whole_queue_however_short_the_outage(
    try_number: int, tmp_path: Path, hub: Hub
) -> None:
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        assert (await hub.ask(ENABLED)).status == "Accepted"
        await hub.heard_of("QueueState")
        await hub.close()
        one.arrive(1)
        await one.wait(20 * try_number)  # where the tries of the update are then
        hub.updates.clear()
        await hub.open()
        await eventually(lambda: bool(hub.updates), "something was told")
        assert hub.operations()[0] == "QueueState"


async def test_a_csms_that_has_switched_it_off_hears_and_gets_nothing(tmp_path: Path, hub: Hub) -> None:
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        assert (await hub.ask(DISABLED)).status == "Accepted"
        await one.wait(60)
        hub.updates.clear()
        status, told = await hub.transfer("CheckIn", wish("n1", "ANNA"))
        assert (status, told["status_code"]) == ("Rejected", 2000)
        assert (await hub.transfer("Nonsense", {}))[0] == "UnknownMessageId"
        other = await hub.ask(call.DataTransfer(vendor_id="org.example", message_id="CheckIn", data="{}"))
        assert other.status == "UnknownVendorId"
        await fill(one)
        await no_more(one, lambda: len(hub.updates))
        assert hub.updates == []
        assert not one.agent.runner.site.check_ins

        assert (await hub.ask(ENABLED)).status == "Accepted"
        await hub.heard_of("QueueState")
        assert (await hub.ask(DISABLED)).status == "Accepted"
        assert (await hub.transfer("CheckIn", wish("n2", "ANNA")))[0] == "Rejected"
        one.depart(1)
        await no_more(one, lambda: len(hub.updates))


async def test_a_csms_that_does_not_know_it_is_left_alone_until_it_comes_again(tmp_path: Path, hub: Hub) -> None:
    hub.answer = "UnknownVendorId"
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        assert (await hub.ask(ENABLED)).status == "Accepted"
        await hub.heard_of("QueueState")
        await fill(one)
        await no_more(one, lambda: len(hub.updates))
        hub.answer = "Accepted"
        await hub.close()
        await hub.open()
        await eventually(lambda: len(hub.updates) >= 2, "it was tried again")
        assert hub.operations()[:2] == ["QueueState", "QueueState"]


async def test_a_connection_that_was_gone_for_an_instant_brings_the_whole_queue(tmp_path: Path, hub: Hub) -> None:
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        assert (await hub.ask(ENABLED)).status == "Accepted"
        await hub.heard_of("PoolUpdate")
        await hub.close()
        await hub.open()
        await eventually(lambda: len(hub.updates) == 3, "the queue was told again")
        assert hub.operations() == ["QueueState", "PoolUpdate", "QueueState"]


async def test_updates_wait_behind_a_swipe_and_what_is_owed(tmp_path: Path, hub: Hub) -> None:
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        assert (await hub.ask(ENABLED)).status == "Accepted"
        await hub.heard_of("PoolUpdate")
        hub.ready.clear()
        one.arrive(1)
        one.twin.swipe(1, "ANNA")
        await eventually(lambda: bool(hub.told("StartTransaction")), "the first row is on its way")
        hub.heard.clear()
        one.arrive(2)
        one.twin.swipe(2, "BERT")
        await one.wait(280)  # four readings of the running transaction fall due, and the pools have changed
        hub.ready.set()
        await eventually(lambda: ("DataTransfer", hub.updates[-1]) in hub.heard, "the pools were told")
        order = [action for action, _ in hub.heard]
        told = order.index("DataTransfer")
        assert order[0] == "Authorize"
        assert order[:told].count("MeterValues") >= 4


@pytest.mark.parametrize("data", ["", "{", "[]", '"x"', '{"request_id": NaN}', '{"a":1,"a":2}', "[" * 900, "\\" * 9000])
async def test_what_is_no_request_is_rejected_and_the_link_stays(data: str, tmp_path: Path, hub: Hub) -> None:
    async with whole_agent(tmp_path, site_text(hub.port)) as one:
        await registered(one, hub)
        assert (await hub.ask(ENABLED)).status == "Accepted"
        status, told = await hub.transfer("CheckIn", data)
        assert (status, told["status_code"]) == ("Rejected", 2001)
        assert (await hub.transfer("CheckIn", wish("h1", "ANNA")))[1]["data"]["result"] == "ACCEPTED"
        assert len(hub.sessions) == 1
