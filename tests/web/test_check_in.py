"""Checking in over HTTP: one form, one place, whatever is sent twice, too late or by whom."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from shared_fixtures import FailingJournal
from stages import stranger_charges
from web_fixtures import FAST, SLOW, Phone, lone, rasthof, serving

from agent.core.inputs import Refusal
from agent.core.layout import OpenRange
from agent.core.shown import WaitRange, Waits
from agent.journal.store import Journal
from agent.texts import HTTP_STATUS, Language, Reason, load, refusal_text
from agent.web import once

LONG = WaitRange(p10_min=20, p50_min=25, p90_min=80)


async def test_two_taps_lead_from_the_scanned_address_to_the_own_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        first = await phone.get(f"/{site.digits}")
        assert (first.status, first.h1) == (200, "Charge here")
        assert "Six digits" not in first.words
        answer = await phone.post(
            "/check-in",
            {"request": first.request_id, "pool": FAST, "digits": site.digits, "scanned": "1"},
        )
        assert (answer.status, answer.headers["Location"]) == (303, site.page_of(1))
        own = await phone.get(site.page_of(1))
        assert own.h1 == "Go to bay 1 now"


async def test_one_tap_is_enough_where_there_is_one_pool(tmp_path: Path) -> None:
    async with serving(tmp_path, lone()) as site, Phone(site.url) as phone:
        page = await phone.get(f"/{site.digits}")
        assert " checked" in page.text
        answer = await phone.post("/check-in", {"request": page.request_id, "digits": site.digits, "scanned": "1"})
        assert answer.status == 303


async def test_double_tap_and_repetition_after_a_restart_lead_to_one_check_in(tmp_path: Path) -> None:
    async with serving(tmp_path, lone()) as site, Phone(site.url) as phone, Phone(site.url) as without_cookies:
        page = await phone.get("/")
        form = {"request": page.request_id, "pool": FAST, "digits": site.digits}
        answers = await asyncio.gather(*(p.post("/check-in", form) for p in (phone, without_cookies, phone)))
        assert [a.headers["Location"] for a in answers] == [site.page_of(1)] * 3
    async with serving(tmp_path, lone()) as site, Phone(site.url) as phone:
        again = await phone.post("/check-in", form)
        assert (again.status, again.headers["Location"]) == (303, site.page_of(1))
        assert len(site.runner.site.check_ins) == 1
        other = await phone.post("/check-in", {**form, "more_time": "1"})
        assert other.status == 400


async def test_a_form_repeated_after_more_others_than_are_remembered_leads_to_the_same_check_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "SEEN_MAX", 1)
    monkeypatch.setattr(once, "RECENT_MAX", 1)
    async with serving(tmp_path) as site:
        forms = []
        for _ in range(3):
            async with Phone(site.url) as phone:
                page = await phone.get("/")
                forms.append({"request": page.request_id, "pool": FAST, "digits": site.digits})
                await phone.post("/check-in", forms[-1])
        async with Phone(site.url) as phone:
            again = [await phone.post("/check-in", form) for form in forms]
        assert [answer.headers["Location"] for answer in again] == [site.page_of(n) for n in (1, 2, 3)]
        assert len(site.runner.site.check_ins) == 3


async def test_a_form_that_we_did_not_give_out_is_not_obeyed(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        page = await phone.get("/")
        for forged in ("", "abc", page.request_id[:-1] + "x", page.request_id.replace(".", "0.")):
            answer = await phone.post("/check-in", {"request": forged, "pool": FAST, "digits": site.digits})
            assert (answer.status, answer.h1[:18]) == (400, "This did not work.")
        assert not site.runner.site.check_ins


async def test_the_device_keeps_one_open_check_in_and_is_led_back_to_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone, Phone(site.url) as other:
        first = await phone.check_in(site.digits)
        cookie = first.headers["Set-Cookie"]
        assert all(word in cookie for word in ("device=", "HttpOnly", "SameSite=Lax", "Max-Age=86400"))
        second = await phone.check_in(site.digits, SLOW)
        assert second.status == 409
        assert "You are already in the queue" in second.words
        assert f'href="{site.page_of(1)}"' in second.text
        assert f'href="{site.page_of(1)}"' in (await phone.get("/")).text
        assert site.page_of(1) not in (await other.get("/")).text


async def test_an_own_page_is_not_shown_to_another_device_with_the_same_card(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone, Phone(site.url) as other:
        assert (await phone.check_in("", contract="GOOD")).status == 303
        answer = await other.check_in("", contract="GOOD")
        assert answer.status == 409
        assert site.page_of(1) not in answer.text


async def test_presence_is_asked_of_the_anonymous_only(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        assert (await phone.check_in("")).status == 422
        wrong = await phone.check_in("000000" if site.digits != "000000" else "111111")
        assert (wrong.status, "These digits are not right." in wrong.words) == (403, True)
        old = site.digits
        await site.later(180)
        expired = await phone.check_in(old)
        assert (expired.status, "These digits are too old." in expired.words) == (403, True)
        assert (await phone.check_in("", contract="good")).status == 303


async def test_a_card_that_any_number_could_be_proves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        assert (await phone.check_in("", contract="ANYBODY")).status == 422
        assert (await phone.check_in(site.digits, contract="ANYBODY")).status == 303


async def test_cards_are_not_found_by_trying(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        assert (await phone.check_in("", contract="BLOCKED")).status == 403
        for number in range(4):
            assert (await phone.check_in("", contract=f"TRY{number}")).status == 403
        assert (await phone.check_in("", contract="GOOD")).status == 429
        await site.later(61)
        assert (await phone.check_in("", contract="GOOD")).status == 303


async def test_the_join_budget_of_a_window_is_kept_and_refusals_cost_none_of_it(tmp_path: Path) -> None:
    async with serving(tmp_path, lone()) as site:
        digits = site.digits
        async with Phone(site.url) as phone:
            refused = await phone.check_in(digits, min_power="999")
            assert refused.status == 409

        async def join() -> int:
            async with Phone(site.url) as phone:
                return (await phone.check_in(digits)).status

        assert sorted(await asyncio.gather(*(join() for _ in range(6)))) == [303] * 4 + [429] * 2


async def test_an_error_is_told_on_top_and_at_its_field_in_the_same_words(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        page = await phone.check_in(site.digits, "")
        assert page.status == 422
        assert page.text.count("Choose the plug that fits your car.") == 2
        assert "<title>Error: " in page.text
        assert 'href="#pool"' in page.text
        german = await phone.post("/check-in?lang=de", {"request": page.request_id, "digits": "123"})
        assert "<title>Fehler: " in german.text


async def test_wishes_are_kept_in_the_form_and_come_to_the_core(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        page = await phone.check_in(site.digits, min_power="350", more_time="1")
        assert "at least 350 kW. The strongest has 300 kW." in page.words
        assert 'value="350"' in page.text
        assert (await phone.check_in(site.digits, SLOW, accessible="1", more_time="1")).status == 303
        check_in = site.runner.site.check_ins[next(iter(site.runner.site.check_ins))]
        assert (check_in.wishes.accessible, check_in.more_time, check_in.window) == (True, True, 16)


async def test_who_leaves_before_the_wait_is_over_is_asked_once(tmp_path: Path) -> None:
    async with serving(tmp_path, lone()) as site, Phone(site.url) as phone:
        await stranger_charges(site)
        site.world.waits = Waits(newcomer={FAST: LONG})
        page = await phone.check_in(site.digits, departure="15:00")
        assert page.status == 409
        assert "You leave at 15:00, the wait may last until 15:20. Check in anyway?" in page.words
        again = {"request": page.request_id, "pool": FAST, "digits": site.digits, "departure": "15:00", "anyway": "1"}
        assert (await phone.post("/check-in", again)).status == 303


async def test_cards_tell_price_wait_and_what_is_free_before_anything_is_asked(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        page = await phone.get("/?lang=de")
        assert "0,59 EUR/kWh" in page.words
        assert "Ladeplätze sind frei." in page.words
        await site.fill()
        site.world.waits = Waits(newcomer={FAST: LONG, SLOW: WaitRange(p10_min=1, p50_min=2, p90_min=4)})
        page = await phone.get("/")
        assert "All bays are taken." in page.words
        assert page.words.index("Type 2") < page.words.index("CCS")
        assert "Wait: up to about 90 min, likely 25" in page.words


async def test_full_closed_and_broken_pools_stay_visible_with_their_reason(tmp_path: Path) -> None:
    whole = rasthof()
    never = tuple(OpenRange(weekday=d, begin_min=60, end_min=120) for d in range(7))
    layout = replace(whole, pools=(whole.pools[0], replace(whole.pools[1], opening=never)))
    async with serving(tmp_path, layout) as site, Phone(site.url) as phone:
        page = await phone.get("/")
        assert "Closed until 01:00" in page.words
        assert page.text.count(" disabled") == 1
        refused = await phone.check_in(site.digits, SLOW)
        assert (refused.status, "Closed until 01:00." in refused.words) == (409, True)


def test_every_refusal_of_the_core_has_words_and_a_status() -> None:
    for refusal in Refusal:
        assert Reason(refusal.value) in HTTP_STATUS


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words_without_fields(reason: Reason, language: Language) -> None:
    assert refusal_text(load(), reason, language)


async def test_a_disk_that_fails_is_admitted_and_a_double_tap_is_still_one(tmp_path: Path) -> None:
    broken: list[FailingJournal] = []

    def wrap(journal: Journal) -> FailingJournal:
        broken.append(FailingJournal(journal))
        return broken[0]

    async with serving(tmp_path, wrap=wrap) as site, Phone(site.url) as phone, Phone(site.url) as other:
        broken[0].broken = True
        page = await phone.get("/")
        form = {"request": page.request_id, "pool": FAST, "digits": site.digits}
        answers = [await phone.post("/check-in", form), await other.post("/check-in", form)]
        assert [a.headers["Location"] for a in answers] == [site.page_of(1)] * 2
        assert "Your check-in is kept while the power is on." in (await phone.get(site.page_of(1))).words
        assert (await phone.get("/health")).status == 503


async def test_a_captive_window_shows_where_to_go_and_no_form(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        probe = await phone.get("/hotspot-detect.html", Host="captive.apple.com")
        assert (probe.status, probe.headers["Location"]) == (302, "http://10.42.0.1/captive")
        page = await phone.get("/captive")
        assert page.h1 == "Open in your browser: 10.42.0.1"
        assert "<form" not in page.text
