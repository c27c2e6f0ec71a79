"""Every page is usable by everybody: axe finds nothing, targets are large, nothing is cut at any size or language."""

from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from browser_fixtures import needs_chromium, phone
from fake_simulation import FakeSimulation
from playwright.async_api import Page
from stages import STAGES
from web_fixtures import CCS, lone, rasthof, serving

from agent.core.layout import PartnerPresence
from agent.core.page import PageState
from agent.web.context import WebOptions
from drivers.twin.clock import ScaledClock
from drivers.twin.site import TwinSite
from drivers.twin.world import ConnectorSpec, EvseSpec

pytestmark = needs_chromium

# WCAG 2.2 AA and good practice, and AAA contrast for text.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "wcag2aaa"],
    "resultTypes": ["violations"],
}
TARGETS = """() => [...document.querySelectorAll('a, button, summary, input:not([type=hidden]), select')]
.filter(one => one.offsetParent && !one.closest('.skip, .sr'))
.map(one => [(one.closest('label') || one).getBoundingClientRect(), one.outerHTML.slice(0, 80)])
.filter(([box]) => box.height < 47.5 || box.width < 47.5).map(([box, html]) => box.height + ' ' + box.width + html)"""
CUT = """() => [document.documentElement.scrollWidth > document.documentElement.clientWidth,
...[...document.querySelectorAll('main *')].filter(one => one.scrollWidth > one.clientWidth + 1
&& getComputedStyle(one).overflow !== 'visible' && !one.closest('.sr') && one.clientWidth)
.map(one => one.outerHTML.slice(0, 90))]"""


async def check(page: Page, what: str) -> None:
    """Complain about what axe finds and about targets that are too small."""
    found = await Axe().run(page, options=RULES)
    assert found.violations_count == 0, what + found.generate_report()
    assert await page.evaluate(TARGETS) == [], what


async def test_own_pages_in_every_state(tmp_path: Path) -> None:
    async with phone() as page:
        for number, (state, (location, stage)) in enumerate(STAGES.items()):
            await page.emulate_media(color_scheme="dark" if number % 2 else "light")
            async with serving(tmp_path / state.value, location) as site:
                await page.goto(site.url + site.page_of(await stage(site)))
                await check(page, state.value)
                await page.goto("about:blank")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_other_pages(scheme: str, tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WAITING]
    asking = replace(location, policy=replace(location.policy, partner_presence=PartnerPresence.SCAN))
    async with serving(tmp_path, asking) as site, phone(site.url, color_scheme=scheme) as page:
        own = site.page_of(await stage(site))
        apps = ("/captive", "/nowhere", "/here", f"/here/{site.digits}")
        paths = ("/", f"/{site.digits}", *apps, *(f"{own}/{p}" for p in ("leave", "snooze", "change")))
        for path in paths:
            await page.goto(path)
            await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            await check(page, path)
        for path in ("/", "/here"):
            await page.goto(path)
            await page.click("button.first")
            await page.wait_for_selector("#errors")
            await check(page, f"an error of {path}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_board_and_the_twin_panel(scheme: str, tmp_path: Path) -> None:
    clock = ScaledClock(1)
    connectors = tuple(ConnectorSpec(connector=n, standard=CCS, power_w=50_000) for n in (1, 2))
    twin = TwinSite(tuple(EvseSpec(evse=n, connectors=connectors) for n in (1, 2, 3)), clock)
    options = WebOptions(public_url="http://127.0.0.1:8080", demo=True)
    wide = {"width": 1920, "height": 1080}
    async with (
        serving(tmp_path, options=options, twin=twin.control, twin_clock=clock, simulation=FakeSimulation()) as site,
        phone(site.url, color_scheme=scheme, viewport=wide) as page,
    ):
        await STAGES[PageState.CALLED][1](site)
        for path in ("/board", "/twin"):
            await page.goto(path)
            await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            found = await Axe().run(page, options=RULES)
            assert found.violations_count == 0, found.generate_report()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("d")
        await page.wait_for_selector(".bay[data-evse='2'] .car:not([hidden])")
        await page.keyboard.press("r")
        await page.wait_for_selector(".bay[data-evse='2'] .car", state="hidden")
        await page.click("#phone")
        frame = page.frame_locator("iframe")
        await frame.locator("text=CCS").click()
        await frame.locator("button.first").click()
        await frame.locator(".call").wait_for()


@pytest.mark.parametrize("lang", ["en", "de"])
async def test_nothing_is_cut_on_a_narrow_phone_with_large_letters(lang: str, tmp_path: Path) -> None:
    for state in (PageState.WAITING, PageState.CALLED, PageState.FINISHED, PageState.SITE_FAULT):
        location, stage = STAGES[state]
        narrow = {"width": 320, "height": 568}
        async with serving(tmp_path / state.value, location) as site, phone(site.url, viewport=narrow) as page:
            path = site.page_of(await stage(site))
            for address in (f"/?lang={lang}", f"{path}?lang={lang}", f"{path}/change?lang={lang}"):
                await page.goto(address)
                assert await page.evaluate(CUT) == [False]
                # Text at 200 % and the text spacing of WCAG 1.4.12.
                await page.evaluate(
                    """() => { document.documentElement.style.fontSize = '200%';
                    document.body.style.letterSpacing = '.12em'; document.body.style.wordSpacing = '.16em'; }"""
                )
                assert await page.evaluate(CUT) == [False]


async def test_a_long_name_of_a_site_breaks_instead_of_cutting(tmp_path: Path) -> None:
    long = replace(lone(), name="Donaudampfschifffahrtsgesellschaftsplatz")
    async with serving(tmp_path, long) as site, phone(site.url, viewport={"width": 320, "height": 568}) as page:
        await page.goto("/")
        assert await page.evaluate(CUT) == [False]


async def test_no_animation_runs_where_motion_is_unwanted(tmp_path: Path) -> None:
    async with serving(tmp_path, rasthof()) as site, phone(site.url, reduced_motion="reduce") as page:
        path = site.page_of(await STAGES[PageState.CALLED][1](site))
        await page.goto(path)
        await page.evaluate("document.getElementById('live').classList.add('new')")
        assert await page.evaluate("document.getAnimations().length") == 0


async def test_a_screen_reader_hears_the_call_in_reading_order(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.CALLED]
    async with serving(tmp_path, location) as site, phone(site.url) as page:
        await page.goto(site.page_of(await stage(site)))
        tree = await page.locator("main").aria_snapshot()
        order = [tree.index(words) for words in ('heading "Go to bay 1 now"', "timer", "Purple", "on my way", "Leave")]
        assert order == sorted(order)


async def test_a_screen_reader_hears_place_and_wait_and_then_what_can_be_done(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.WAITING]
    async with serving(tmp_path, location) as site, phone(site.url) as page:
        who = await stage(site)
        await page.goto(site.page_of(who))
        tree = await page.locator("main").aria_snapshot()
        code = " ".join(site.runner.site.check_ins[who].code)
        parts = ('heading "You are 2nd" [level=1]', code, "Wait: up to", "Hardly", 'link "Remind', 'link "Leave')
        order = [tree.index(words) for words in parts]
        assert order == sorted(order)


async def test_a_screen_reader_hears_an_error_before_the_form(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url) as page:
        await page.goto("/")
        await page.click("button.first")
        await page.wait_for_selector("#errors")
        tree = await page.locator("main").aria_snapshot()
        assert "- alert:" in tree
        parts = (
            'heading "This needs your attention"',
            'link "Choose the plug',
            'heading "Charge here"',
            "radio",
            "button",
        )
        order = [tree.index(words) for words in parts]
        assert order == sorted(order)


LONGER = """() => { const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
for (let node; (node = walk.nextNode());) { const text = node.textContent.trim();
  if (text.length > 3) node.textContent = text + ' ' + 'longer words '.repeat(9).slice(0, text.length * .4); } }"""


@pytest.mark.parametrize("state", [PageState.WAITING, PageState.CALLED, PageState.FINISHED])
async def test_a_language_with_longer_words_is_not_cut(state: PageState, tmp_path: Path) -> None:
    location, stage = STAGES[state]
    narrow = {"width": 320, "height": 568}
    async with serving(tmp_path, location) as site, phone(site.url, viewport=narrow) as page:
        for path in ("/", site.page_of(await stage(site))):
            await page.goto(path)
            await page.evaluate(LONGER)
            assert await page.evaluate(CUT) == [False]
