"""The live page: announced once, counted on the browser's own clock, polled when cut, honest when lost."""

from pathlib import Path

from browser_fixtures import needs_chromium, phone, reaches, text_of
from playwright.async_api import Page
from stages import STAGES
from web_fixtures import UTC_MS, RunningSite, serving

from agent.core import inputs as i
from agent.core.layout import EvseId
from agent.core.page import PageState
from agent.core.shown import WaitRange, Waits
from agent.core.state import Bay
from agent.web.server import Served, serve

pytestmark = needs_chromium

RECORD = """() => { window.written = [];
for (const id of ['polite', 'assertive'])
  new MutationObserver(() => written.push([id, document.getElementById(id).textContent]))
    .observe(document.getElementById(id), {childList: true, characterData: true, subtree: true}); }"""


async def written(page: Page) -> list[list[str]]:
    """Return what was written to the live regions so far."""
    found: list[list[str]] = await page.evaluate("window.written")
    return found


async def open_own(site: RunningSite, page: Page, state: PageState) -> str:
    """Bring somebody into a state and open their page."""
    path: str = site.page_of(await STAGES[state][1](site))
    await page.goto(path)
    await page.evaluate(RECORD)
    return path


async def test_a_call_is_said_once_and_the_countdown_says_only_its_marks(tmp_path: Path) -> None:
    async with serving(tmp_path, STAGES[PageState.NEXT][0]) as site, phone(site.url) as page:
        await page.clock.install()
        await open_own(site, page, PageState.NEXT)
        await site.see(i.Unplugged(evse=EvseId(1)), i.BaySeen(evse=EvseId(1), bay=Bay.FREE))
        await reaches(page, "called")
        await page.wait_for_selector(".timer b")
        code = site.runner.site.check_ins[next(iter(site.runner.site.check_ins))].code
        call = f"Go to bay 1 now. 5 minutes left. Purple blinking lamp; the display there shows {' '.join(code)}."
        assert await written(page) == [["assertive", call]]
        await page.clock.run_for(15_000)  # less than the silence after which the page asks by itself
        assert len(await written(page)) == 1


async def test_marks_of_the_countdown_are_said_once_each(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.CALLED]
    async with serving(tmp_path, location) as site, phone(site.url) as page:
        path = site.page_of(await stage(site))
        await site.later(175)
        await page.clock.install()
        # Nothing more comes from the site in this test: time passes in the browser alone.
        await page.route("**/events*", lambda route: route.abort())
        await page.route("**/state*", lambda route: route.abort())
        await page.goto(path)
        await page.evaluate(RECORD)
        for _ in range(12):
            await page.clock.run_for(8_000)
        said = [text for _, text in await written(page) if "left" in text]
        assert said == ["2 minutes left.", "1 minute left.", "30 seconds left."]
        assert ["assertive", "30 seconds left."] in await written(page)


async def test_a_wait_that_jitters_and_a_reconnection_write_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, STAGES[PageState.WAITING][0]) as site, phone(site.url) as page:
        await open_own(site, page, PageState.WAITING)
        who = max(site.runner.site.check_ins)
        site.world.waits = Waits(of={who: WaitRange(p10_min=22, p50_min=30, p90_min=52)})
        await site.see(i.BaySeen(evse=EvseId(2), bay=Bay.OCCUPIED))
        await site.see(i.BaySeen(evse=EvseId(2), bay=Bay.FREE))
        await page.wait_for_selector(".body >> text=55 min")
        await page.evaluate("dispatchEvent(new Event('online'))")
        async with page.expect_response("**/state*"):
            await page.evaluate("dispatchEvent(new Event('online'))")
        assert await written(page) == []


async def test_the_focus_stays_where_it_is_when_the_page_changes(tmp_path: Path) -> None:
    async with serving(tmp_path, STAGES[PageState.WAITING][0]) as site, phone(site.url) as page:
        await open_own(site, page, PageState.WAITING)
        await page.focus("#do-leave")
        await site.runner.ask(i.LeaveQueue(check_in=min(site.runner.site.check_ins)))
        await reaches(page, "next")
        await page.wait_for_selector("#do-leave:focus")


async def cut(site: RunningSite) -> int:
    """Stop the web server; return its port."""
    port: int = site.served.port
    await site.served.close()
    return port


async def test_a_lost_site_is_admitted_and_its_return_announced(tmp_path: Path) -> None:
    back: Served | None = None
    async with serving(tmp_path, STAGES[PageState.WAITING][0]) as site, phone(site.url) as page:
        await page.clock.install()
        await open_own(site, page, PageState.WAITING)
        async with page.expect_response("**/events*"):
            await page.reload()
        await page.evaluate(RECORD)
        port = await cut(site)
        for _ in range(6):
            async with page.expect_event("requestfailed"):
                await page.clock.run_for(3_100)
        await page.clock.run_for(1_000)
        await page.wait_for_selector("#offline:not([hidden])")
        assert "Your place is safe." in await text_of(page, "#offline")
        back = await serve(site.context, "127.0.0.1", port)
        await page.clock.run_for(3_100)
        await page.wait_for_selector("#offline", state="hidden")
        said = [text for _, text in await written(page)]
        assert said[0].startswith("Last update 14:00. No connection to the site.")
        assert said[1:] == ["Connected again."]
        await page.goto("about:blank")
    assert back is not None
    await back.close()


async def test_a_start_of_the_site_is_told_once_to_the_page_that_was_open(tmp_path: Path) -> None:
    async with serving(tmp_path, STAGES[PageState.WAITING][0]) as site, phone(site.url) as page:
        path = await open_own(site, page, PageState.WAITING)
        assert not await page.is_visible("#back")
        await site.see(i.Started(boot=2), i.InputsRead())
        await page.wait_for_selector("#back:not([hidden])")
        assert await text_of(page, "#back") == "The site is back. You keep your place."
        async with page.expect_response("**/state*"):
            await page.evaluate("dispatchEvent(new Event('online'))")
        assert [text for _, text in await written(page)] == ["The site is back. You keep your place."]
        await page.goto(path)
        assert not await page.is_visible("#back")


async def test_who_has_no_place_any_more_is_not_told_that_they_keep_it(tmp_path: Path) -> None:
    async with serving(tmp_path, STAGES[PageState.LEFT][0]) as site, phone(site.url) as page:
        await open_own(site, page, PageState.LEFT)
        await site.see(i.Started(boot=2), i.InputsRead())
        for _ in range(2):  # the second answer comes after the first was taken
            async with page.expect_response("**/state*"):
                await page.evaluate("dispatchEvent(new Event('online'))")
        assert not await page.is_visible("#back")
        assert await written(page) == []


async def test_the_countdown_does_not_believe_the_phones_clock(tmp_path: Path) -> None:
    async with serving(tmp_path, STAGES[PageState.CALLED][0]) as site, phone(site.url) as page:
        await page.clock.install(time="2020-01-01T03:00:00")
        await open_own(site, page, PageState.CALLED)
        await page.wait_for_selector(".timer b")
        about_five_minutes = ("5:00", "4:59", "4:58", "4:57")
        assert (await text_of(page, ".timer b")) in about_five_minutes
        await page.clock.set_system_time("2030-01-01T03:00:00")
        await page.clock.run_for(1_000)
        assert (await text_of(page, ".timer b")) in about_five_minutes
        # The site's own clock is stepped by an hour: a span stays a span.
        await site.see(i.ClockRead(utc_ms=UTC_MS + 3_600_000))
        await page.clock.run_for(1_000)
        assert (await text_of(page, ".timer b")) in about_five_minutes
        site.world.trusted = False
        await page.reload()
        await page.wait_for_selector(".timer b")
        assert (await text_of(page, ".timer b")) in about_five_minutes
