"""Partners at a location that asks to see their Users: `partner_presence = "scan"`, over real sockets."""

from dataclasses import replace
from pathlib import Path

from partner_fixtures import EMP, TOKENS, check_in, house, location, served, valid
from receiver import pushing, reachable, receiving
from shared_fixtures import open_journal

from agent.core.inputs import ShowPresence
from agent.core.layout import PartnerPresence

HERE = location()
ASKING = replace(HERE, policy=replace(HERE.policy, partner_presence=PartnerPresence.SCAN))


async def test_a_partners_user_is_on_the_road_until_they_are_seen_and_told_how(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal, layout=ASKING) as made, receiving() as receiver, served(made) as client:
        emp = reachable(receiver, push_pools=False)
        async with pushing(made, emp):
            await receiver.told("QueueState")
            answer = await client.call("POST", "/1.0/CheckIn", token=TOKENS["emp"], body=check_in("A"))
            valid("CheckInResponse", answer.json, is_envelope=True)
            data = answer.json["data"]
            told = data["check_in"]
            assert (data["result"], told["status"], told["position"]) == ("ACCEPTED", "ON_THE_ROAD", 1)
            assert "assignment" not in told
            assert [m["language"] for m in data["message"]] == ["en", "de"]
            assert told["call_code"] in data["message"][0]["text"]

            update = {
                "request_id": "u1",
                "check_in_id": told["check_in_id"],
                "expected_arrival": "2026-11-25T12:00:00Z",
            }
            arrived = await made.ask(EMP, "ArrivalUpdate", update)
            assert arrived["check_in"]["status"] == "ON_THE_ROAD"  # said, not seen

            await made.clock.advance(6)
            await made.runner.ask(ShowPresence(check_in=max(made.runner.site.check_ins)))
            called = await receiver.told("AssignChargePoint", check_in_id=told["check_in_id"])
            assert called["assignment"]["evse_uid"] == "1"
    journal.close()


async def test_who_is_seen_and_has_to_wait_is_told_so(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal, layout=ASKING) as made, receiving() as receiver:
        emp = reachable(receiver, push_pools=False)
        async with pushing(made, emp):
            await receiver.told("QueueState")
            await made.take_all()
            mine = (await made.ask(emp, "CheckIn", check_in("A")))["check_in"]
            await made.clock.advance(6)
            await made.runner.ask(ShowPresence(check_in=max(made.runner.site.check_ins)))
            seen = await receiver.told("PositionUpdate", check_in_id=mine["check_in_id"])
            assert (seen["check_in"]["status"], seen["check_in"]["reason"]) == ("WAITING", "POSITION")
            await made.clock.advance(6)
            away = {"request_id": "u1", "check_in_id": mine["check_in_id"], "expected_arrival": "2026-11-25T14:00:00Z"}
            again = await made.ask(emp, "ArrivalUpdate", away)
            assert (again["check_in"]["status"], len(again["message"])) == ("ON_THE_ROAD", 2)
    journal.close()


async def test_poi_data_tell_the_terms_of_the_queue(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal, layout=ASKING) as made, served(made) as client:
        answer = await client.call("GET", "/1.0/GetLocations")
        valid("GetLocationsResponse", answer.json, is_envelope=True)
        assert [pool["queue_terms"] for pool in answer.json["data"][0]["charging_pools"]] == [
            {
                "arrival_window_seconds": 300,
                "long_arrival_window_seconds": 600,
                "extension_seconds": 120,
                "snooze_limit": 3,
                "requeue_behind": 2,
                "partner_presence": "scan",
            }
        ] * 2
    journal.close()
