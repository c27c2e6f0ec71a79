"""CheckIn to CheckOut for partners: what the core decides comes out as `sequere.md` 3 says, and nobody sees others."""

from pathlib import Path
from typing import Any

from partner_fixtures import CPO, EMP, OEM, check_in, house, id_token
from shared_fixtures import open_journal

from agent.core.inputs import Started, Verdict

SOON = "2026-11-25T13:01:00Z"


async def test_a_free_evse_is_assigned_in_the_answer(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        data = await made.ask(EMP, "CheckIn", check_in())
        assert data["result"] == "ACCEPTED"
        told = data["check_in"]
        assert (told["status"], told["assignment"]["evse_uid"], told["assignment"]["hold_seconds"]) == (
            "CALLED",
            "1",
            300,
        )
        assert told["assignment"]["hold_until"] == "2026-11-25T13:05:00Z"
        (stored,) = made.runner.site.check_ins.values()
        assert stored.owner == EMP.key
    journal.close()


async def test_while_the_queue_is_paused_a_hold_is_told_with_its_whole_window_and_nobody_joins(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        told = (await made.ask(EMP, "CheckIn", check_in("A")))["check_in"]
        await made.runner.tell(Started(boot=2, paused=True))
        assert (await made.ask(EMP, "CheckIn", check_in("B")))["result"] == "PAUSED"
        here = {"request_id": "s1", "check_in_id": told["check_in_id"], "expected_arrival": SOON}
        again = await made.ask(EMP, "ArrivalUpdate", here)
        assert again["check_in"]["assignment"]["hold_seconds"] == 300
        assert "hold_until" not in again["check_in"]["assignment"]
    journal.close()


async def test_who_waits_gets_place_and_forecast(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        await made.take_all()
        await made.ask(EMP, "CheckIn", check_in())
        told = (await made.ask(EMP, "CheckIn", check_in()))["check_in"]
        assert (told["status"], told["position"]) == ("WAITING", 2)
        assert 0 <= told["wait_minutes"]["p50"] <= told["wait_minutes"]["p90"]
    journal.close()


async def test_changing_keeps_id_and_code(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        await made.take_all()
        first = (await made.ask(EMP, "CheckIn", check_in("A")))["check_in"]
        change = check_in("A", replaces=first["check_in_id"].upper(), preferences={"min_power": 100_000})
        second = (await made.ask(EMP, "CheckIn", change))["check_in"]
        assert second["check_in_id"] == first["check_in_id"]
        assert second["call_code"] == first["call_code"]
        assert second["reason"] == "PARTNER"
        assert second["sequence"] > first["sequence"]
    journal.close()


async def test_snooze_arrival_and_leaving_twice(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        await made.take_all()
        about = (await made.ask(EMP, "CheckIn", check_in()))["check_in"]["check_in_id"]

        async def ask(operation: str, request_id: str, **more: object) -> dict[str, object]:
            data = await made.ask(EMP, operation, {"request_id": request_id, "check_in_id": about, **more})
            assert data["result"] == "ACCEPTED", data
            found: dict[str, object] = data["check_in"]
            return found

        assert (await ask("Snooze", "s1", minutes=20))["status"] == "SNOOZED"
        assert (await ask("Snooze", "s2", minutes=0))["status"] == "WAITING"
        later = await ask("ArrivalUpdate", "s3", expected_arrival="2026-11-25T14:00:00Z")
        assert later["status"] == "ON_THE_ROAD"
        assert (await ask("ArrivalUpdate", "s4", expected_arrival="2026-11-25T12:00:00Z"))["status"] == "WAITING"
        assert (await ask("CheckOut", "s5"))["status"] == "CHECKED_OUT"
        assert (await ask("CheckOut", "s6"))["status"] == "CHECKED_OUT"
        ended = await made.ask(EMP, "Snooze", {"request_id": "s7", "check_in_id": about, "minutes": 5})
        assert ended["result"] == "CHECKIN_ENDED"
    journal.close()


async def test_two_partners_cannot_see_or_change_each_other(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        await made.take_all()
        about = (await made.ask(EMP, "CheckIn", check_in()))["check_in"]["check_in_id"]
        before = made.runner.site
        unknown = await made.ask(OEM, "CheckOut", {"request_id": "x1", "check_in_id": "c-000000000000"})
        foreign = await made.ask(OEM, "CheckOut", {"request_id": "x2", "check_in_id": about})
        assert {**unknown, "request_id": ""} == {**foreign, "request_id": ""}
        later = {"request_id": "x3", "check_in_id": about, "minutes": 5}
        assert (await made.ask(OEM, "Snooze", later))["result"] == "CHECKIN_UNKNOWN"
        replaced = check_in("B", replaces=about, tokens=[id_token("B", "DEOEM")])
        assert (await made.ask(OEM, "CheckIn", replaced))["result"] == "CHECKIN_UNKNOWN"
        assert (await made.ask(OEM, "GetCheckIns", {"check_in_id": about}))["data"] == []
        assert (await made.ask(OEM, "GetCheckIns", {}))["data"] == []
        assert [c["check_in_id"] for c in (await made.ask(EMP, "GetCheckIns", {}))["data"]] == [about]
        assert made.runner.site.check_ins == before.check_ins
    journal.close()


async def test_the_cpo_sees_all_and_ends_as_the_operator(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        await made.take_all()
        about = (await made.ask(EMP, "CheckIn", check_in()))["check_in"]["check_in_id"]
        left = await made.ask(CPO, "CheckOut", {"request_id": "y1", "check_in_id": about})
        assert left["check_in"]["status"] == "CHECKED_OUT"
        (told,) = (await made.ask(EMP, "GetCheckIns", {}))["data"]
        assert told["reason"] == "OPERATOR"
        without_tokens = check_in()
        del without_tokens["tokens"]
        assert (await made.ask(CPO, "CheckIn", without_tokens))["result"] == "ACCEPTED"
        assert (await made.ask(EMP, "CheckIn", {**without_tokens, "request_id": "y2"}))["result"] == "BAD_REQUEST"
    journal.close()


async def test_a_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        free = await made.ask(EMP, "CheckIn", check_in(dry_run=True))
        assert free["preview"] == {"pool_id": "CCS300", "position": 1, "wait_minutes": {"p10": 0, "p50": 0, "p90": 0}}
        await made.take_all()
        await made.ask(EMP, "CheckIn", check_in())
        before = made.runner.site
        asked = check_in(dry_run=True)
        data = await made.ask(EMP, "CheckIn", asked)
        assert data["preview"]["position"] == 2
        assert made.runner.site == before
        assert (await made.ask(EMP, "CheckIn", {**asked, "dry_run": False}))["check_in"]["position"] == 2
    journal.close()


async def test_refusals_name_other_pools_and_what_is_wrong(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        made.verdicts |= {"bad": Verdict.INVALID, "barred": Verdict.BLOCKED, "offline": Verdict.UNCHECKABLE}

        async def refused(**changes: Any) -> dict[str, Any]:
            before = made.runner.site
            data = await made.ask(EMP, "CheckIn", check_in(**changes))
            assert made.runner.site == before
            return data

        wish = await refused(preferences={"connector_types": ["IEC_62196_T2"]})
        assert (wish["result"], wish["alternatives"]) == (
            "NO_EVSE_FITS",
            [{"location_id": "NORD", "pool_id": "AC22", "wait_minutes": {"p10": 0, "p50": 0, "p90": 0}}],
        )
        strong = await refused(preferences={"min_power": 350_000})
        assert strong["message"] == [
            {"language": "en", "text": "No bay here has this plug with at least 350 kW. The strongest has 300 kW."},
            {
                "language": "de",
                "text": "Kein Ladeplatz hat diesen Stecker mit mindestens 350 kW. Der stärkste hat 300 kW.",
            },
        ]
        results: dict[str, dict[str, Any]] = {
            "LOCATION_UNKNOWN": {"location_id": "SUED"},
            "POOL_UNKNOWN": {"pool_id": "CCS"},
            "EVSE_UNKNOWN": {"preferences": {"evse_uids": ["9"]}},
            "NO_EVSE_FITS": {"preferences": {"vehicle_types": ["BUS"]}},
            "CHECKIN_UNKNOWN": {"replaces": "c-1"},
            "ISSUER_NOT_ALLOWED": {"tokens": [id_token("Z", "DEXYZ")]},
            "TOKEN_UNKNOWN": {"uid": "BAD"},
            "TOKEN_BLOCKED": {"uid": "BARRED"},
            "TOKEN_UNCHECKABLE": {"uid": "OFFLINE"},
        }
        assert {name: (await refused(**changes))["result"] for name, changes in results.items()} == {
            name: name for name in results
        }
    journal.close()


async def test_one_of_several_ids_will_do_and_all_are_in_line(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        made.verdicts["old"] = Verdict.INVALID
        body = check_in(tokens=[id_token("OLD"), id_token("NEW")])
        assert (await made.ask(EMP, "CheckIn", body))["result"] == "ACCEPTED"
        again = await made.ask(EMP, "CheckIn", check_in("new"))
        assert again["result"] == "ALREADY_CHECKED_IN"
        own = made.runner.site.check_ins.values()
        assert len(next(iter(own)).subjects) == 2
        assert "OLD" not in repr(made.runner.site)
    journal.close()


async def test_an_accessible_bay_is_a_wish(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        body = check_in(preferences={"vehicle_types": ["DISABLED"]})
        assert (await made.ask(EMP, "CheckIn", body))["check_in"]["assignment"]["evse_uid"] == "2"
    journal.close()


async def test_without_a_trusted_clock_spans_stay_and_instants_go(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal, trusted=False) as made:
        told = (await made.ask(EMP, "CheckIn", check_in(departure_time="2026-11-25T15:00:00Z")))["check_in"]
        assert told["assignment"]["hold_seconds"] == 300
        assert "hold_until" not in told["assignment"]
        assert "end_date_time" not in told["assignment"]
        update = {
            "request_id": "u1",
            "check_in_id": told["check_in_id"],
            "expected_arrival": "2026-11-25T14:00:00Z",
        }
        assert (await made.ask(EMP, "ArrivalUpdate", update))["result"] == "CLOCK_UNTRUSTED"
    journal.close()


async def test_a_foreign_entry_gives_no_code_away(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with house(journal) as made:
        await made.take_all()
        await made.ask(EMP, "CheckIn", check_in("SHARED"))
        (code,) = made.runner.site.codes_in_use()
        other = await made.ask(CPO, "CheckIn", check_in("SHARED", tokens=[id_token("SHARED")]))
        assert code in str(other["message"])
        hidden = await made.ask(OEM, "CheckIn", check_in(tokens=[id_token("SHARED", "DEOEM")]))
        assert hidden["result"] == "ALREADY_CHECKED_IN"
        assert code not in str(hidden)
    journal.close()
