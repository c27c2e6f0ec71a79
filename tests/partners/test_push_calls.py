"""Whether the app shows a call, and what partners hear of who charges at another bay than they were called to."""

from pathlib import Path

from partner_fixtures import check_in, house
from receiver import pushing, reachable, receiving
from shared_fixtures import open_journal

from agent.core.inputs import PluggedIn, TokenPresented, UseBay, Verdict
from agent.core.layout import ConnectorId, EvseId
from agent.core.state import Bay


async def test_a_call_that_the_app_did_not_show_does_not_count_as_shown(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver:
        emp = reachable(receiver, push_pools=False)
        async with pushing(made, emp) as push:
            await receiver.count(1)
            await made.take_all()
            about = (await made.ask(emp, "CheckIn", check_in("A")))["check_in"]["check_in_id"]
            await made.clock.advance(6)
            receiver.answer = receiver.answer.replace(b"ACCEPTED", b"UNDELIVERABLE")
            await made.seen(1, Bay.FREE)
            await receiver.told("AssignChargePoint", check_in_id=about)
            receiver.answer = receiver.answer.replace(b"UNDELIVERABLE", b"ACCEPTED")
            await made.clock.advance(6)
            await made.seen(1)
            await receiver.told("PositionUpdate", check_in_id=about, status="ARRIVED")
            await made.clock.settle()
            assert not push.was_shown(max(made.runner.site.check_ins), EvseId(1))
    journal.close()


async def test_who_stays_at_another_bay_is_told_as_charging_there(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made, receiving() as receiver:
        emp = reachable(receiver, push_pools=False)
        async with pushing(made, emp):
            await receiver.count(1)
            mine = (await made.ask(emp, "CheckIn", check_in("A")))["check_in"]
            other = (await made.ask(emp, "CheckIn", check_in("B")))["check_in"]["check_in_id"]
            about = mine["check_in_id"]
            assert mine["assignment"]["evse_uid"] == "1"
            card = made.parts.context.subjects.of("token", "A").ref
            await made.runner.tell(PluggedIn(evse=EvseId(2), connector=ConnectorId(1)))
            await made.runner.tell(TokenPresented(evse=EvseId(2), subject=card, verdict=Verdict.ACCEPTED, draw=1))
            await made.ask(emp, "CheckOut", {"request_id": "o1", "check_in_id": other})
            await made.clock.advance(6)
            answer = await made.runner.ask(UseBay(check_in=min(made.runner.site.check_ins)))
            assert answer.step is not None
            assert answer.step.refused is None
            told = (await receiver.told("PositionUpdate", check_in_id=about, status="FULFILLED"))["check_in"]
            assert (told["assignment"]["evse_uid"], told["assignment"]["physical_reference"]) == ("2", "2")
    journal.close()
