"""What can be done from the own page: each deed by one form, once, and refused with a reason and a way on."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from stages import STAGES, join, stranger_charges
from web_fixtures import FAST, SLOW, UTC_MS, Phone, rasthof, serving

from agent.core import inputs as i
from agent.core.layout import AdHocStart, CheckInId, EvseId
from agent.core.page import PageState
from agent.core.shown import WaitRange, Waits
from agent.core.state import Bay, Origin

ME = CheckInId(1)


async def test_leaving_asks_first_and_can_be_taken_back(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WAITING]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        question = await phone.get(f"{path}/leave")
        assert question.h1 == "Leave the queue?"
        assert "You are 2nd; checking in again puts you last." in question.words
        left = await phone.post(f"{path}/leave", {"request": question.request_id})
        assert (left.status, left.headers["Location"]) == (303, path)
        assert (await phone.get(path)).h1 == "You have left the queue"
        assert (await phone.do(path, "undo")).status == 303
        assert (await phone.get(path)).h1 == "You are 2nd"


async def test_undo_is_possible_for_half_a_minute(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.LEFT]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        page = await phone.get(path)
        await site.later(31)
        late = await phone.post(f"{path}/undo", {"request": page.request_id})
        assert (late.status, "Undo was possible for 30 s." in late.words) == (409, True)


async def test_snooze_offers_three_spans_and_keeps_the_place(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.NEXT]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        question = await phone.get(f"{path}/snooze")
        assert re.findall(r'name="minutes" value="(\d+)"', question.text) == ["10", "20", "30"]
        await phone.post(f"{path}/snooze", {"request": question.request_id, "minutes": "30"})
        assert (await phone.get(path)).h1 == "Others go first until 14:30"
        await phone.do(path, "ready")
        assert (await phone.get(path)).h1 == "You are next"
        for _ in range(2):
            await phone.do(path, "snooze", minutes="10")
            await phone.do(path, "ready")
        refused = await phone.do(path, "snooze", minutes="10")
        assert (refused.status, "You have let others go first 3 times." in refused.words) == (409, True)


async def test_more_time_is_given_once_even_to_a_double_tap(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.CALLED]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        page = await phone.get(path)
        for _ in range(2):
            assert (await phone.post(f"{path}/extend", {"request": page.request_id})).status == 303
        told = await phone.json(f"{path}/state")
        assert 6 * 60_000 < told["left_ms"] <= 7 * 60_000
        refused = await phone.do(path, "extend")
        assert (refused.status, "You have had the extra time." in refused.words) == (409, True)


async def test_one_tap_starts_energy_where_charging_is_free(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        await phone.check_in(site.digits)
        path = site.page_of(1)
        await site.park(1)
        await site.plug(1)
        assert (await phone.get(path)).h1 == "Plugged in"
        assert (await phone.do(path, "start_charging")).status == 303
        stay = site.runner.site.stays[EvseId(1)]
        assert (stay.check_in, stay.wants_energy) == (ME, True)
        await site.energise(1)
        assert (await phone.get(path)).h1 == "Charging"
        question = await phone.get(f"{path}/stop_charging")
        assert question.h1 == "Stop charging now?"
        await phone.post(f"{path}/stop_charging", {"request": question.request_id})
        assert (await phone.get(path)).h1 == "Charging has ended"


async def test_where_the_page_cannot_pay_it_says_what_can(tmp_path: Path) -> None:
    async with serving(tmp_path, rasthof(ad_hoc_start=AdHocStart.NONE)) as site, Phone(site.url) as phone:
        await phone.check_in(site.digits)
        await site.park(1)
        await site.plug(1)
        refused = await phone.do(site.page_of(1), "start_charging")
        assert (refused.status, "Hold your card to the reader." in refused.words) == (409, True)


async def test_a_report_that_somebody_stands_in_the_bay_finds_another(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.ARRIVED]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        assert (await phone.do(path, "wrong_bay")).status == 303
        assert (await phone.get(path)).h1 == "Somebody stands at bay 1"


async def test_who_lost_the_bay_to_a_stranger_can_say_that_it_is_free_again(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.CALLED]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        await site.see(i.BaySeen(evse=EvseId(1), bay=Bay.UNKNOWN))  # no sensor
        await phone.do(path, "wrong_bay")
        page = await phone.get(path)
        assert (page.h1, "Bay 1 is free now" in page.words) == ("Somebody stands at bay 1", True)
        assert "Ladeplatz 1 ist frei" in (await phone.get(f"{path}?lang=de")).words
        assert (await phone.do(path, "bay_is_free")).status == 303
        assert (await phone.get(path)).h1 == "Go to bay 1 now"


async def test_charging_where_one_is_plugged_in_is_offered_once_that_bay_is_nobodys(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WRONG_BAY]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        who = await stage(site)
        path = site.page_of(who)
        assert "which is kept for somebody else" in (await phone.get(path)).words
        refused = await phone.do(path, "use_bay")
        code = site.runner.site.check_ins[CheckInId(who + 1)].code
        assert (refused.status, f"Bay 2 is kept for {code} until 14:0" in refused.words) == (409, True)
        await site.runner.ask(i.LeaveQueue(check_in=CheckInId(who + 1)))
        page = await phone.get(f"{path}?lang=de")
        assert "Hier an Ladeplatz 2 laden" in page.words
        assert "der jetzt für niemanden frei gehalten wird" in page.words
        done = await phone.post(f"{path}/use_bay", {"request": page.request_id})
        assert (done.status, done.headers["Location"]) == (303, path)
        stay = site.runner.site.stays[EvseId(2)]
        assert (stay.check_in, stay.wants_energy, site.runner.site.holds) == (who, True, {})


async def test_here_answers_a_missed_call(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.REQUEUED]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        assert (await phone.do(path, "here")).status == 303
        assert (await phone.get(path)).h1 == "You are 2nd"


async def test_moving_is_understood(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.FINISHED]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        answer = await phone.do(path, "moving")
        page = await phone.get(answer.headers["Location"])
        assert "Thank you" in page.words
        assert "I'm moving now" not in page.words


async def test_a_fresh_scan_proves_presence(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        await phone.check_in(site.digits)
        await site.later(130)
        page = await phone.get(f"/{site.digits}")
        assert "I'm here" in page.words
        path = site.page_of(1)
        own = await phone.get(path)
        wrong = await phone.post(f"{path}/prove", {"request": own.request_id, "digits": "1"})
        assert wrong.status == 403
        proven = await phone.do(path, "prove", digits=site.digits)
        assert proven.status == 303
        assert site.runner.site.check_ins[ME].proven


async def test_a_change_shows_the_new_place_before_it_is_done(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        for number in (1, 2, 3):
            await stranger_charges(site, number)
        await phone.check_in(site.digits)
        path = site.page_of(1)
        await site.runner.ask(i.JoinQueue(pool=SLOW, draw=5, origin=Origin.PAGE))
        site.world.waits = Waits(newcomer={SLOW: WaitRange(p10_min=5, p50_min=40, p90_min=80)})
        form = await phone.get(f"{path}/change")
        assert form.h1 == "Change plug or options"
        asked = await phone.post(f"{path}/change", {"request": form.request_id, "pool": SLOW})
        assert "You would be 2nd, up to about 90 min. Change?" in asked.words
        assert site.runner.site.check_ins[ME].pool == FAST
        sure = {"request": asked.request_id, "pool": SLOW, "sure": "1"}
        assert (await phone.post(f"{path}/change", sure)).status == 303
        assert site.runner.site.check_ins[ME].pool == SLOW
        kept = await phone.post(f"{path}/change", {"request": form.request_id, "pool": SLOW, "more_time": "1"})
        assert "You keep your place. Change?" in kept.words
        none = await phone.post(f"{path}/change", {"request": form.request_id, "pool": "NONE"})
        assert none.status == 404


async def test_no_change_while_a_bay_is_kept(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.CALLED]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        page = await phone.get(path)
        refused = await phone.post(f"{path}/change", {"request": page.request_id, "pool": SLOW})
        assert (refused.status, "while bay 1 is kept for you" in refused.words) == (409, True)


async def test_the_reminder_rings_five_minutes_before_the_earliest_call(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WAITING]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        file = await phone.get(f"{path}/reminder.ics")
        assert file.headers["Content-Type"].startswith("text/calendar")
        lines = dict(line.split(":", 1) for line in file.text.strip().split("\r\n"))
        begins = datetime.strptime(lines["DTSTART"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        assert (begins.timestamp() - UTC_MS / 1000) // 60 == 22
        assert lines["TRIGGER"] == "-PT5M"
        assert all(len(line.encode()) <= 75 for line in file.text.split("\r\n"))
        assert path.rpartition("/")[2] not in file.text


async def test_the_receipt_tells_bay_energy_and_times(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.DONE]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        receipt = await phone.get(f"{path}/receipt.txt")
        assert receipt.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert "31.2 kWh from 14:00 to 14:25." in receipt.text
        assert "2026-11-21" in receipt.text


async def test_unknown_addresses_and_deeds_all_get_the_same_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        await phone.check_in(site.digits)
        never = site.page_of(99)
        asked = [
            await phone.get(path)
            for path in (never, f"{never}/leave", f"{never}/nothing", "/t/short", "/nowhere", f"{site.page_of(1)}/x")
        ]
        assert {(p.status, p.text) for p in asked} == {(404, asked[0].text)}
        assert asked[0].h1 == "We do not know this page"
        posted = await phone.post(f"{never}/leave", {"request": "1"})
        assert (posted.status, posted.text) == (404, asked[0].text)


async def test_without_script_the_page_updates_only_when_asked_to(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WAITING]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        page = await phone.get(path)
        assert "http-equiv" not in page.text
        assert "Update now" in page.words
        assert 'content="20"' in (await phone.get(f"{path}?auto=1")).text


async def test_the_stream_tells_what_stands_then_each_change_and_ends_with_the_site(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WAITING]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        path = site.page_of(await stage(site))
        async with phone.stream(f"{path}/events?lang=en") as events:
            first = json.loads(await anext(events))
            assert (first["state"], first["position"], first["p90_min"]) == ("waiting", 2, 47)
            await site.runner.ask(i.LeaveQueue(check_in=ME))
            second = json.loads(await anext(events))
            assert (second["state"], second["position"]) == ("next", 1)
            assert second["event_id"] != first["event_id"]
            assert (await phone.json(f"{path}/state"))["event_id"] == second["event_id"]


async def test_a_wait_that_moves_a_little_is_not_announced_again(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WAITING]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        who = await stage(site)
        path = f"{site.page_of(who)}/state"
        first = await phone.json(path)

        async def after(seconds: float, p90_min: int) -> bool:
            await site.later(seconds)
            site.world.waits = Waits(of={who: WaitRange(p10_min=10, p50_min=20, p90_min=p90_min)})
            return bool((await phone.json(path))["event_id"] == first["event_id"])

        assert await after(0, 52)
        assert await after(60, 70)
        assert not await after(300, 70)


async def test_streams_of_one_address_are_capped_and_the_rest_polls(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        path = site.page_of(await join(site))
        open_ones = [phone.stream(f"{path}/events") for _ in range(8)]
        for one in open_ones:
            events = await one.__aenter__()
            await anext(events)
        assert (await phone.get(f"{path}/events")).status == 503
        assert (await phone.json(f"{path}/state"))["state"] == "called"
        for one in open_ones:
            await one.__aexit__(None, None, None)
