"""The line to the outside is cut at the twin panel: the CSMS is gone, the site goes on and says so; then it is back."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from csms_fixtures import Office
from whole_agent import Whole, eventually, site_text, whole_agent

from agent.core.inputs import JoinQueue
from agent.core.layout import CheckInId, PoolId
from agent.core.state import Origin
from agent.kernel.secrets import SiteKey

NOTE = "The site has no internet at the moment."


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    made = Office(utc_ms=lambda: time.time_ns() // 1_000_000)
    await made.open()
    yield made
    await made.close()


def _status(office: Office, connector_id: int) -> str | None:
    """What was told last of a connector."""
    told = [said["status"] for _, said in office.told("StatusNotification") if said["connector_id"] == connector_id]
    return told[-1] if told else None


async def test_csms_hears_nothing_while_the_line_is_cut_and_the_pages_on_site_say_it(
    tmp_path: Path, office: Office
) -> None:
    async with whole_agent(tmp_path, site_text(office.port)) as one:
        await eventually(lambda: _status(office, 3) == "Available", "the station is up")
        base = f"http://127.0.0.1:{one.agent.served.port}"
        async with aiohttp.ClientSession(base, timeout=aiohttp.ClientTimeout(total=20)) as phone:
            own_page = await _own_page(one, tmp_path)
            assert NOTE not in await _text(phone, own_page)
            assert await _internet(phone, cut=True) == 200
            assert NOTE in await _text(phone, own_page)
            state = await (await phone.get("/twin/state")).json()
            assert state["site"]["internet_cut"]
            heard = len(office.heard)
            one.arrive(2)
            await one.wait(300)  # ten times the shortest wait before a new connection
            assert (len(office.heard), len(office.sessions)) == (heard, 1)
            assert (await phone.get("/board")).status == 200
            assert await _internet(phone, cut=False) == 200
            await eventually(lambda: len(office.sessions) == 2, "the CSMS has its line again")
            await eventually(lambda: _status(office, 2) == "Preparing", "it heard what it had missed")
            assert NOTE not in await _text(phone, own_page)


async def _internet(phone: aiohttp.ClientSession, *, cut: bool) -> int:
    async with phone.post("/twin/internet", json={"cut": cut}) as answer:
        return answer.status


async def _text(phone: aiohttp.ClientSession, path: str) -> str:
    async with phone.get(path) as answer:
        assert answer.status == 200
        return await answer.text()


async def _own_page(one: Whole, state_dir: Path) -> str:
    """Somebody checks in; return where their page is."""
    await one.agent.runner.ask(JoinQueue(pool=PoolId("ALL"), draw=1, origin=Origin.PAGE))
    check_in: CheckInId = max(one.agent.runner.site.check_ins)
    return f"/t/{SiteKey((state_dir / 'site.key').read_bytes()).page_address(check_in)}"
