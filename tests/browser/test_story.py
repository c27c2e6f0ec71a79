"""The driver's whole story in a browser: in two languages, without script, and with the keyboard alone."""

from pathlib import Path

import pytest
from browser_fixtures import needs_chromium, phone, reaches, text_of
from playwright.async_api import Page
from stages import stranger_charges
from web_fixtures import FAST, RunningSite, lone, serving

from agent.core import inputs as i
from agent.core.layout import EvseId
from agent.core.shown import Reading, WaitRange, Waits
from agent.core.state import Bay

pytestmark = needs_chromium

ONE = EvseId(1)
WORDS = {
    "en-GB": (
        "Charge here",
        "You are next",
        "Go to bay 1 now",
        "You are at bay 1",
        "Plugged in",
        "Charging",
        "Charging has ended",
        "Thank you",
    ),
    "de-DE": (
        "Hier laden",
        "Sie sind gleich dran",
        "Jetzt zu Ladeplatz 1",
        "Sie sind an Ladeplatz 1",
        "Angesteckt",
        "Lädt",
        "Laden beendet",
        "Danke",
    ),
}


async def stranger_leaves(site: RunningSite) -> None:
    """Who charged at bay 1 drives off."""
    await site.see(i.Unplugged(evse=ONE), i.BaySeen(evse=ONE, bay=Bay.FREE))


@pytest.mark.parametrize("locale", list(WORDS))
async def test_the_whole_story_from_the_display_to_the_departure(locale: str, tmp_path: Path) -> None:
    first, following, called, arrived, plugged, charging, ended, done = WORDS[locale]
    async with serving(tmp_path) as site, phone(site.url, locale=locale) as page:
        await stranger_charges(site, 1)
        await stranger_charges(site, 2)
        await page.goto(f"/{site.digits}")
        assert await text_of(page, "h1") == first
        await page.click("text=CCS")  # the first tap
        await page.click("button.first")  # the second tap
        await page.wait_for_url("**/t/*")
        assert len(site.runner.site.check_ins) == 1
        assert await text_of(page, "h1") == following
        await stranger_leaves(site)
        await reaches(page, "called")
        assert await text_of(page, "h1") == called
        code = next(iter(site.runner.site.check_ins.values())).code
        assert await text_of(page, ".pair .big >> nth=1") == code
        assert called.split(" ")[0] in await text_of(page, "#assertive")
        await site.park(1)
        await reaches(page, "arrived")
        assert await text_of(page, "h1") == arrived
        await site.plug(1)
        await reaches(page, "authorise")
        assert await text_of(page, "h1") == plugged
        await page.click("#do-start_charging")
        await site.energise(1)
        site.world.readings[ONE] = Reading(power_w=148_000, register_wh=19_400)
        await reaches(page, "charging")
        assert await text_of(page, "h1") == charging
        await page.wait_for_selector(".body >> text=148 kW")
        await page.click("#do-stop_charging")
        await page.click("button.first")
        await reaches(page, "finished")
        assert await text_of(page, "h1") == ended
        await site.see(i.Unplugged(evse=ONE, register_wh=32_200), i.BaySeen(evse=ONE, bay=Bay.FREE))
        await reaches(page, "done")
        assert await text_of(page, "h1") == done


async def test_one_tap_where_there_is_one_pool_and_nothing_to_scroll(tmp_path: Path) -> None:
    async with serving(tmp_path, lone()) as site, phone(site.url) as page:
        await page.goto(f"/{site.digits}")
        for selector in (".card", "button.first"):
            box = await page.locator(selector).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 700
        await page.click("button.first")
        await page.wait_for_url("**/t/*")
        await reaches(page, "called")


async def test_everything_works_without_javascript(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url, java_script_enabled=False) as page:
        for number in (1, 2, 3):
            await stranger_charges(site, number)
        await page.goto(f"/{site.digits}")
        await page.click("text=CCS")
        await page.click("button.first")
        own = page.url
        assert await text_of(page, "h1") == "You are next"
        await page.click("text=Let others go first")
        await page.click("text=10 min")
        assert await text_of(page, "h1") == "Others go first until 14:10"
        await page.click("text=I'm ready now")
        site.world.waits = Waits(newcomer={FAST: WaitRange(p10_min=5, p50_min=10, p90_min=20)})
        await page.click("#do-change")
        await page.click("text=Type 2")
        await page.click("button.first")
        await page.click("button.first")
        assert page.url == own
        await page.click("#do-leave")
        await page.click("button.first")
        assert await text_of(page, "h1") == "You have left the queue"
        await page.click("text=Undo")
        assert await text_of(page, "h1") == "You are next"
        await site.see(i.Unplugged(evse=EvseId(3)), i.BaySeen(evse=EvseId(3), bay=Bay.FREE))
        await page.click("noscript a >> nth=0")
        assert await text_of(page, "h1") == "Go to bay 3 now"
        assert "until 14:05" in await text_of(page, ".call")
        await page.click("text=I'm on my way")
        assert "until 14:07" in await text_of(page, ".call")


async def press_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus; each stop on the way is visible and not covered by the sticky bar."""
    for _ in range(30):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(
            """() => { const one = document.activeElement, box = one.getBoundingClientRect();
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return [box.width * box.height > 0, one.contains(top) || one.closest('label')?.contains(top) || false]; }"""
        )
        assert stop == [True, True], await page.evaluate("document.activeElement.outerHTML")
        if await page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"Tab never reaches {selector}")


async def test_checking_in_snoozing_leaving_and_coming_back_need_no_pointer(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url) as page:
        for number in (1, 2, 3):
            await stranger_charges(site, number)
        await page.goto(f"/{site.digits}")
        await press_to(page, "input[name=pool]")
        await page.keyboard.press("Space")
        await press_to(page, "button.first")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/t/*")
        await press_to(page, "#do-snooze")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("button[value='20']")
        await press_to(page, "button[value='20']")
        await page.keyboard.press("Enter")
        await reaches(page, "snoozed")
        await press_to(page, "#do-ready")
        await page.keyboard.press("Enter")
        await reaches(page, "next")
        await press_to(page, "#do-leave")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/leave")
        await press_to(page, "button.first")
        await page.keyboard.press("Enter")
        await reaches(page, "left")
        await press_to(page, "#do-undo")
        await page.keyboard.press("Enter")
        await reaches(page, "next")


async def test_an_error_takes_the_focus_and_leads_to_its_field(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url) as page:
        await page.goto("/")
        await page.click("text=CCS")
        await page.click("button.first")
        await page.wait_for_selector("#errors:focus")
        assert (await page.title()).startswith("Error: ")
        await page.click("#errors a")
        await page.wait_for_selector("#digits:focus")
        await page.fill("#digits", site.digits)
        await page.click("button.first")
        await page.wait_for_url("**/t/*")


async def test_the_first_load_is_three_requests(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url) as page:
        asked: list[str] = []
        page.on("request", lambda r: None if r.url.startswith("data:") else asked.append(r.url))
        await page.goto(f"/{site.digits}", wait_until="networkidle")
        assert len(asked) == 3
