"""The buttons of the twin panel in a browser, on a real demo: also while its power is cut."""

import sys
from pathlib import Path

import pytest
from browser_fixtures import needs_chromium, phone, text_of
from playwright.async_api import Page

from agent.config.load import demo_text

sys.path.insert(0, str(Path(__file__).parent.parent / "cli"))
from agent_process import Demo, demo

pytestmark = needs_chromium

DESKTOP = {"width": 1280, "height": 800}
# A back office that does not answer is one to be cut off from.
NOBODY = '\n[csms]\nurl = "ws://127.0.0.1:9/ocpp"\nidentity = "NORD"\n'
BACK_MS = 60_000  # a loaded machine starts an agent in seconds


async def press(page: Page, selector: str) -> None:
    """Press a button by keyboard."""
    await page.focus(selector)
    await page.keyboard.press("Enter")


async def opened(page: Page, running: Demo, lang: str = "en") -> None:
    """Open the panel and what is folded away."""
    await page.goto(f"{running.base}/twin?lang={lang}")
    await press(page, "summary")
    await page.wait_for_selector("#power:visible")


async def test_time_clock_line_and_day_are_worked_by_keyboard(tmp_path: Path) -> None:
    config = tmp_path / "site.toml"
    config.write_text(demo_text() + NOBODY)
    with demo(tmp_path / "state", "--config", str(config)) as running:
        async with phone(running.base, viewport=DESKTOP) as page:
            await opened(page, running)
            await press(page, "#next")
            await page.wait_for_selector("#said:has-text('Nothing is due')")
            await press(page, "#pause")  # or the hour might change by itself
            before = await text_of(page, "#now")
            await press(page, "[data-step='1']")
            hour = int(before.removeprefix("Site time ")[:2])
            await page.wait_for_selector(f"#now:text('Site time {(hour + 1) % 24:02}:')")
            await press(page, "#trust")
            await page.wait_for_selector("#now:text('Site time not known')")
            await press(page, "#trust:text('Make trusted')")
            await page.wait_for_selector("#trust:text('Make untrusted')")
            await press(page, "#internet")
            await press(page, "#internet:text('Restore internet')")
            await page.wait_for_selector("#internet:text('Cut internet')")
            await page.select_option("#day", "epfl")
            assert "DESL-EPFL" in await text_of(page, "#source")
            await press(page, "#replay")
            await page.wait_for_selector("#day:disabled")
            await press(page, "[data-rate='600']")
            await page.wait_for_selector(".car:visible")
            await press(page, "#replay:text('Let nobody more come')")
            await page.wait_for_selector("#day:enabled")


@pytest.mark.parametrize(("lang", "dark", "off"), [("en", "No connection", "Lamp: off"), ("de", "Keine", "Lampe: aus")])
async def test_a_cut_of_the_power_darkens_the_panel_and_it_goes_on_by_itself(
    lang: str, dark: str, off: str, tmp_path: Path
) -> None:
    with demo(tmp_path) as running:
        async with phone(running.base, viewport=DESKTOP) as page:
            await opened(page, running, lang)
            await press(page, ".bay[data-evse='2'] [data-deed=drive_in]")
            await page.wait_for_selector(".bay[data-evse='2'] .car:visible")
            await page.fill("#dark-s", "0.5")
            await press(page, "#power")
            await page.wait_for_selector(f"#dark:visible:has-text('{dark}')")
            assert await text_of(page, ".bay[data-evse='1'] .lamp-said") == off
            await page.wait_for_selector("#dark", state="hidden", timeout=BACK_MS)
            await page.wait_for_selector(f".bay[data-evse='1'] .lamp-said:not(:text('{off}'))", timeout=BACK_MS)
            assert await page.locator(".bay[data-evse='2'] .car:visible").count() == 1
        assert running.stop()[0] == 0


async def test_a_site_without_back_office_and_partners_says_why_nothing_can_be_cut_off(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        async with phone(running.base) as page:
            await opened(page, running)
            assert await page.locator("#internet").is_disabled()
            assert "nobody to be cut off from" in await text_of(page, "#no-internet")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
