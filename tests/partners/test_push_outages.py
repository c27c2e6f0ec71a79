"""What partners hear after they could not be reached, over real sockets."""

from dataclasses import replace
from pathlib import Path

from partner_fixtures import CPO, check_in, house
from receiver import pushing, reachable, receiving
from shared_fixtures import open_journal

from agent.core.inputs import PluggedIn, TokenPresented, Unplugged, Verdict
from agent.core.layout import ConnectorId, EvseId
from agent.core.state import Bay


async def test_after_an_outage_the_whole_state_comes_first(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver:
        emp = reachable(receiver, push_pools=False)
        async with pushing(made, emp):
            await receiver.count(1)
            await made.take_all()
            ahead = (await made.ask(emp, "CheckIn", check_in("A")))["check_in"]["check_in_id"]
            await made.ask(emp, "CheckIn", check_in("B"))
            third = (await made.ask(emp, "CheckIn", check_in("C")))["check_in"]
            await made.clock.advance(6)

            receiver.status = 503
            await made.ask(emp, "CheckOut", {"request_id": "o1", "check_in_id": ahead})
            await receiver.count(2)
            for number, after_s in ((3, 1), (4, 5), (5, 25)):
                await made.clock.advance(after_s)
                await receiver.count(number)
            positions = {told["check_in"]["check_in_id"] for told in receiver.bodies[1:]}
            assert len(positions) == 1  # one message is tried four times, then all is given up
            receiver.status = 200
            await made.clock.advance(60)
            await receiver.count(6)
            state = receiver.bodies[5]
            assert state["operation"] == "QueueState"
            told = {c["check_in_id"]: c for c in state["check_ins"]}
            assert told[ahead]["status"] == "CHECKED_OUT"
            assert told[third["check_in_id"]]["position"] == 2
            assert state["sequence"] >= max(c["sequence"] for c in state["check_ins"]) > third["sequence"]
            await made.clock.advance(6)
            await made.clock.settle()
            assert len(receiver.bodies) == 6  # what the state told is not told again
    journal.close()


async def test_a_try_tells_what_is_true_by_then(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver:
        emp = reachable(receiver, push_pools=False)
        async with pushing(made, emp):
            await receiver.count(1)
            await made.take_all()
            ids = [
                (await made.ask(emp, "CheckIn", check_in(uid)))["check_in"]["check_in_id"] for uid in ("A", "B", "C")
            ]
            await made.clock.advance(6)
            receiver.status = 500
            await made.ask(emp, "CheckOut", {"request_id": "o1", "check_in_id": ids[0]})
            await receiver.count(2)
            assert receiver.bodies[1]["check_in"]["position"] == 1
            await made.ask(emp, "CheckOut", {"request_id": "o2", "check_in_id": ids[1]})
            receiver.status = 200
            await made.clock.advance(1)
            told = await receiver.told("PositionUpdate", check_in_id=ids[2], position=1)
            assert told["check_in"]["reason"] == "POSITION"
            assert not [b for b in receiver.bodies if b.get("check_in", {}).get("position") == 2]
    journal.close()


async def test_a_response_url_that_could_not_be_reached_gets_what_is_true_by_then(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver:
        emp = replace(reachable(receiver), receiver_url="")
        async with pushing(made, emp):
            await made.take_all()
            body = check_in("A", response_url=receiver.url)
            about = (await made.ask(emp, "CheckIn", body))["check_in"]["check_in_id"]
            await made.clock.advance(6)
            receiver.status = 503
            await made.seen(1, Bay.FREE)
            await receiver.count(1)
            for number, after_s in ((2, 1), (3, 5), (4, 25)):
                await made.clock.advance(after_s)
                await receiver.count(number)
            await made.ask(CPO, "CheckOut", {"request_id": "o1", "check_in_id": about})
            receiver.status = 200
            await made.clock.advance(60)
            await receiver.count(5)
            assert receiver.operations == ["AssignChargePoint"] * 4 + ["PositionUpdate"]
            assert receiver.bodies[4]["check_in"]["status"] == "CHECKED_OUT"
    journal.close()


async def test_a_response_url_hears_of_the_departure_also_when_the_agent_restarted_since(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with receiving() as receiver:
        emp = replace(reachable(receiver), receiver_url="")
        async with house(journal) as made, pushing(made, emp):
            await made.ask(emp, "CheckIn", check_in("A", response_url=receiver.url))
            card = made.parts.context.subjects.of("token", "A").ref
            await made.runner.tell(PluggedIn(evse=EvseId(1), connector=ConnectorId(1)))
            await made.runner.tell(TokenPresented(evse=EvseId(1), subject=card, verdict=Verdict.ACCEPTED, draw=1))
            await made.clock.advance(6)
            await receiver.told("PositionUpdate", status="FULFILLED")
        journal.close()
        journal = open_journal(tmp_path)
        receiver.bodies.clear()
        async with house(journal) as made, pushing(made, emp):
            await made.clock.settle()
            await made.runner.tell(Unplugged(evse=EvseId(1)))
            await made.clock.advance(6)
            await receiver.told("PositionUpdate", reason="DEPARTED")
            assert receiver.operations == ["PositionUpdate"]
        journal.close()
