"""Updates over real sockets: the life of a check-in, an outage, a restart, response URLs, and the CSMS's way."""

import asyncio
import hashlib
import hmac
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from partner_fixtures import check_in, house, served, valid
from receiver import pushing, reachable, receiving
from shared_fixtures import open_journal

from agent.config.link_types import Role
from agent.core.inputs import ContactorSeen, PluggedIn, TokenPresented, Unplugged, Verdict
from agent.core.layout import ConnectorId, EvseId
from agent.core.state import Bay
from agent.partners.data_transfer import DATA_CHARACTERS_MAX
from agent.partners.partner import csms_partner
from drivers.twin.clock import ManualClock


async def test_a_check_in_is_told_from_the_queue_to_the_departure(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver:
        emp = reachable(receiver)
        async with pushing(made, emp) as push:
            first = await receiver.told("QueueState")
            assert (first["check_ins"], first["part"], first["parts"]) == ([], 1, 1)
            pools = await receiver.told("PoolUpdate")
            assert [p["pool_id"] for p in pools["pools"]] == ["CCS300", "AC22"]
            await made.take_all()
            ahead = (await made.ask(emp, "CheckIn", check_in("A")))["check_in"]
            mine = (await made.ask(emp, "CheckIn", check_in("B")))["check_in"]
            assert (ahead["position"], mine["position"]) == (1, 2)
            about = mine["check_in_id"]

            await made.clock.advance(6)
            await made.ask(emp, "CheckOut", {"request_id": "o1", "check_in_id": ahead["check_in_id"]})
            moved = await receiver.told("PositionUpdate", check_in_id=about, position=1)
            assert moved["check_in"]["reason"] == "POSITION"
            assert moved["message"][0]["text"] == "You are next. Stay near your car."

            await made.clock.advance(6)
            await made.seen(1, Bay.FREE)
            called = await receiver.told("AssignChargePoint", check_in_id=about)
            assert called["assignment"]["physical_reference"] == "1"
            assert "Bay 1" in called["message"][0]["text"] or "bay 1" in called["message"][0]["text"]

            await made.clock.advance(6)
            await made.seen(1)
            await receiver.told("PositionUpdate", status="ARRIVED")
            whose = max(made.runner.site.check_ins)
            assert [push.was_shown(whose, EvseId(evse)) for evse in (1, 2)] == [True, False]
            await made.clock.advance(6)
            card = made.parts.context.subjects.of("token", "B").ref
            await made.runner.tell(PluggedIn(evse=EvseId(1), connector=ConnectorId(1)))
            shown = TokenPresented(evse=EvseId(1), subject=card, verdict=Verdict.ACCEPTED, draw=1)
            await made.runner.tell(shown)
            started = await receiver.told("PositionUpdate", status="FULFILLED")
            assert started["check_in"]["reason"] == "SESSION_STARTED"
            await made.runner.tell(ContactorSeen(evse=EvseId(1), energised=True))

            await made.clock.advance(6)
            await made.runner.tell(shown)  # the same card stops
            ended = await receiver.told("PositionUpdate", reason="CHARGING_ENDED")
            assert ended["message"][0]["text"] == "Charging has ended."
            await made.clock.advance(700)
            await receiver.told("PositionUpdate", reason="PLEASE_MOVE")
            await made.clock.advance(6)
            await made.runner.tell(Unplugged(evse=EvseId(1)))
            await receiver.told("PositionUpdate", reason="DEPARTED")
            assert (await made.ask(emp, "GetCheckIns", {}))["data"][-1]["reason"] == "DEPARTED"
            numbers = [
                told["check_in"]["sequence"] if "check_in" in told else told["sequence"]
                for told in receiver.bodies
                if told.get("check_in_id", told.get("check_in", {}).get("check_in_id")) == about
            ]
            assert numbers == sorted(frozenset(numbers))
            assert numbers[0] > mine["sequence"]
            assert ahead["check_in_id"] not in json.dumps(receiver.bodies)  # every change of it was an answer
    journal.close()


async def test_no_id_of_a_user_comes_back_or_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver, served(made) as client:
        emp = reachable(receiver, receiver_token="given-by-partner-1", receiver_secret="shared-secret-123456")
        async with pushing(made, emp):
            await receiver.count(1)
            await made.take_all()
            body = check_in("MARKER55", departure_time="2026-11-25T19:19:19Z", state_of_charge=17.25)
            answers = [(await client.call("POST", "/1.0/CheckIn", body=body)).text for _ in range(2)]
            answers.append((await client.call("GET", "/1.0/GetCheckIns")).text)
            answers.append((await client.call("POST", "/1.0/CheckIn", body={**body, "pool_id": "X"})).text)
            answers.append(
                (await client.call("POST", "/1.0/CheckIn", body={**body, "tokens": [{"uid": "MARKER55"}]})).text
            )
            await made.clock.advance(6)
            await made.seen(1, Bay.FREE)
            await receiver.told("AssignChargePoint")
        said = "".join(answers) + json.dumps(receiver.bodies) + caplog.text
        for marker in (
            "MARKER55",
            "17.25",
            "19:19:19",
            "given-by-partner-1",
            "shared-secret-123456",
            "emp-token-0123456789",
        ):
            assert marker not in said
    journal.close()


async def test_only_own_entries_are_told(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as one, receiving() as two, receiving() as all_of_it:
        emp, oem = reachable(one), reachable(two, "oem", Role.OEM)
        cpo = reachable(all_of_it, "cpo", Role.CPO, issuers=None)
        async with pushing(made, emp, oem, cpo):
            await made.take_all()
            about = (await made.ask(emp, "CheckIn", check_in("A")))["check_in"]["check_in_id"]
            await all_of_it.told("PositionUpdate", check_in_id=about)
            await made.clock.advance(11)
            await two.until(lambda r: r.operations.count("PoolUpdate") >= 2)
            assert about not in json.dumps(two.bodies)
            await made.ask(cpo, "CheckOut", {"request_id": "z", "check_in_id": about})
            told = await one.told("PositionUpdate", status="CHECKED_OUT")
            assert told["check_in"]["reason"] == "OPERATOR"
    journal.close()


async def test_a_final_answer_is_not_tried_again(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver, receiving() as elsewhere:
        receiver.status, receiver.headers = 307, {"Location": elsewhere.url}
        async with pushing(made, reachable(receiver, push_pools=False)):
            await receiver.count(1)
            await made.clock.advance(50)
            await made.clock.settle()
        assert len(receiver.bodies) == 1
        assert not elsewhere.bodies  # redirects are not followed
    journal.close()


async def test_after_a_restart_the_state_and_the_kept_bay_are_told_anew(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    clock = ManualClock()
    async with receiving() as receiver:
        emp = reachable(receiver, push_pools=False)
        async with house(journal, clock=clock) as made:
            mine = (await made.ask(emp, "CheckIn", check_in("A")))["check_in"]
        journal.close()
        journal = open_journal(tmp_path)
        await clock.advance(100)
        async with house(journal, clock=clock) as made, pushing(made, emp):
            state = await receiver.told("QueueState")
            (told,) = state["check_ins"]
            assert (told["check_in_id"], told["call_code"]) == (mine["check_in_id"], mine["call_code"])
            assert told["assignment"]["hold_seconds"] >= 299
            assert (told["reason"], told["sequence"] > mine["sequence"]) == ("RESTATED", True)
            called = await receiver.told("AssignChargePoint", check_in_id=mine["check_in_id"])
            assert called["reason"] == "RESTATED"
            assert receiver.operations == ["QueueState", "AssignChargePoint"]
        journal.close()


async def test_once_a_day_the_whole_state_is_told(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver:
        async with pushing(made, reachable(receiver, push_pools=False)):
            await receiver.count(1)
            for _ in range(25):
                await made.clock.advance(3600)
            await receiver.count(2)
        assert receiver.operations == ["QueueState", "QueueState"]
        assert receiver.bodies[1]["sequence"] >= receiver.bodies[0]["sequence"]
    journal.close()


async def test_messages_are_signed_and_authorised(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver:
        emp = reachable(receiver, receiver_token="given-by-partner-1", receiver_secret="shared-secret-123456")
        async with pushing(made, emp):
            await receiver.count(1)
        _, headers, body = receiver.raw[0]
        assert headers["Authorization"] == "Token given-by-partner-1"
        stamp, _, mac = headers["X-SeQueRe-Signature"].partition(",v1=")
        expected = hmac.new(b"shared-secret-123456", stamp.removeprefix("t=").encode() + b"." + body, hashlib.sha256)
        assert mac == expected.hexdigest()
    journal.close()


async def test_a_response_url_gets_its_entrys_updates_also_after_a_restart(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with receiving() as receiver:
        emp = reachable(receiver, push_pools=False)
        callback = receiver.url.replace("updates", "r/7f3a")
        async with house(journal) as made, pushing(made, emp):
            await receiver.count(1)
            await made.take_all()
            await made.ask(emp, "CheckIn", check_in("A", request_id="q1"))
            body = check_in("B", response_url=callback)
            about = (await made.ask(emp, "CheckIn", body))["check_in"]["check_in_id"]
            refused = await made.ask(emp, "CheckIn", check_in("C", response_url="https://evil.example/x"))
            assert refused["result"] == "BAD_REQUEST"
            await made.clock.advance(6)
            await made.seen(1, Bay.FREE)
            await made.clock.advance(6)
            await made.seen(2, Bay.FREE)
            await receiver.told("AssignChargePoint", check_in_id=about)
            paths = {path for path, _, data in receiver.raw if about.encode() in data and b"QueueState" not in data}
            assert paths == {"/r/7f3a"}
        journal.close()
        journal = open_journal(tmp_path)
        receiver.raw.clear()
        receiver.bodies.clear()
        async with house(journal) as made, pushing(made, emp):
            again = await receiver.told("AssignChargePoint", check_in_id=about)
            assert again["reason"] == "RESTATED"
            assert ("/r/7f3a", about.encode() in receiver.raw[-1][2]) in [
                (path, about.encode() in data) for path, _, data in receiver.raw
            ]
        journal.close()


class Csms:
    """The other end of DataTransfer: keeps what came, answers what the test says."""

    def __init__(self) -> None:
        self.status = "Accepted"
        self.up = True
        self.calls: list[dict[str, Any]] = []
        self.arrived = asyncio.Event()

    async def send(self, message_id: str, data: str) -> tuple[str, object]:
        """Take one DataTransfer."""
        assert len(json.dumps(data)) - 2 <= DATA_CHARACTERS_MAX
        body = json.loads(data)
        valid(f"{message_id}Request", body)
        self.calls.append(body)
        self.arrived.set()
        if not self.up:
            raise ConnectionResetError
        return self.status, None

    async def count(self, number: int) -> None:
        """Return when that many calls have come."""
        async with asyncio.timeout(5):
            while len(self.calls) < number:
                self.arrived.clear()
                await self.arrived.wait()


async def test_the_csms_hears_the_whole_state_first_when_its_link_is_up(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    csms = Csms()
    async with house(journal) as made:
        await made.take_all()
        who = csms_partner("DE", "ABC")
        async with pushing(made, csms=(who, csms.send)) as push:
            await made.ask(who, "CheckIn", check_in("A"))
            await made.clock.advance(10)
            assert not csms.calls  # no link yet
            push.link_up()
            await csms.count(2)
            assert [c["operation"] for c in csms.calls] == ["QueueState", "PoolUpdate"]
            assert len(csms.calls[0]["check_ins"]) == 1

            csms.up = False
            await made.clock.advance(11)
            await made.seen(1, Bay.FREE)
            await csms.count(3)
            csms.up = True
            push.link_up()
            await csms.count(4)
            assert csms.calls[3]["operation"] == "QueueState"
            assert csms.calls[3]["check_ins"][0]["status"] == "CALLED"
            assert csms.calls[3]["sequence"] > csms.calls[0]["sequence"]
    journal.close()


async def test_a_csms_without_sequere_is_left_alone_until_the_next_link(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    csms = Csms()
    csms.status = "UnknownVendorId"
    async with house(journal) as made, pushing(made, csms=(csms_partner("DE", "ABC"), csms.send)) as push:
        push.link_up()
        await csms.count(1)
        await made.take_all()
        await made.clock.advance(600)
        assert len(csms.calls) == 1
        push.link_up()
        await csms.count(2)
    journal.close()


async def test_a_long_state_comes_in_parts_that_fit(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    csms = Csms()
    async with house(journal) as made:
        await made.take_all()
        who = csms_partner("DE", "ABC")
        for _ in range(64):
            await made.clock.advance(0.2)
            await made.ask(who, "CheckIn", check_in())
        async with pushing(made, csms=(who, csms.send)) as push:
            push.link_up()
            await csms.count(3)
        states = [c for c in csms.calls if c["operation"] == "QueueState"]
        assert len(states) == states[0]["parts"] > 1
        assert [s["part"] for s in states] == list(range(1, len(states) + 1))
        assert len({s["sequence"] for s in states}) == 1
        assert len({c["check_in_id"] for s in states for c in s["check_ins"]}) == 64
    journal.close()
