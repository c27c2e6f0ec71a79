"""Chromium as a phone: no test passes with an error in its console, a request to another host or a violated policy."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "web"))

CHROMIUM = Path("/usr/bin/chromium")
PHONE = {"width": 390, "height": 844}
EXPECTED = ("the server responded with a status of 4", "net::ERR_", "Autofocus")  # the test's own refusals and cuts

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium")


@asynccontextmanager
async def phone(url: str = "http://127.0.0.1", **options: Any) -> AsyncIterator[Page]:
    """Open a page of a phone; complain about errors and foreign requests when it is closed."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(words in message.text for words in EXPECTED):
            complaints.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = await browser.new_context(**{"viewport": PHONE, "locale": "en-GB", "base_url": url, **options})
        context.set_default_timeout(10_000)
        page = await context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda r: None if r.url.startswith((url, "data:")) else complaints.append(f"foreign: {r.url}"),
        )
        yield page
        await browser.close()
    assert not complaints


async def text_of(page: Page, selector: str) -> str:
    """Return the text of an element."""
    return " ".join((await page.inner_text(selector)).split())


async def reaches(page: Page, state: str) -> None:
    """Wait until the own page shows a state, without a reload."""
    await page.wait_for_selector(f"#live[data-state={state}]")
