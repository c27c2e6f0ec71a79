"""The plan on the phone of somebody who is called: opened in place, kept open, without script, for every eye."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from browser_fixtures import needs_chromium, phone, text_of
from stages import STAGES
from web_fixtures import placed, serving

from agent.core import inputs as i
from agent.core.page import PageState

pytestmark = needs_chromium

SITE = placed("xxx", "xxx")
CALLED = STAGES[PageState.CALLED][1]


@pytest.mark.parametrize("locale", ["en-GB", "de-DE"])
async def test_the_plan_opens_without_script(locale: str, tmp_path: Path) -> None:
    async with (
        serving(tmp_path, SITE) as site,
        phone(site.url, java_script_enabled=False, locale=locale) as page,
    ):
        await page.goto(site.page_of(await CALLED(site)))
        assert not await page.is_visible("#plan svg")
        await page.click("#do-plan")
        await page.wait_for_selector("#plan svg")
        wanted = {"en-GB": "1st row, left, next to bay 2.", "de-DE": "1. Reihe, links, neben Ladeplatz 2."}
        assert (await text_of(page, "#plan p")).endswith(wanted[locale])
        assert await page.text_content("#plan .own text") == "1"


async def test_an_open_plan_stays_open_when_the_page_changes(tmp_path: Path) -> None:
    async with serving(tmp_path, SITE) as site, phone(site.url) as page:
        who = await CALLED(site)
        await page.goto(site.page_of(who))
        await page.click("#do-plan")
        await site.runner.ask(i.ExtendHold(check_in=who))
        await page.wait_for_selector("#do-extend", state="detached")
        assert await page.is_visible("#plan svg")
        await page.wait_for_selector("#do-plan:focus")


@pytest.mark.parametrize("media", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"forced_colors": "active"}])
async def test_the_own_bay_stands_out_for_every_eye(media: dict[str, str], tmp_path: Path) -> None:
    async with serving(tmp_path, SITE) as site, phone(site.url, **media) as page:
        await page.goto(site.page_of(await CALLED(site)))
        await page.click("#do-plan")
        found = await Axe().run(page, options={"resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
        own, other = await page.evaluate(
            """() => ['.own rect', 'g:not(.own) rect'].map(one => {
            const style = getComputedStyle(document.querySelector('#plan ' + one));
            return [style.fill, style.strokeWidth]; })"""
        )
        assert own[0] != other[0]
        assert float(own[1].removesuffix("px")) > float(other[1].removesuffix("px"))
