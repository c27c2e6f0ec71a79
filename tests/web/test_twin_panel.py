"""The twin's control API and panel: for programs on this machine, with the answers of a world that has physics."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, web
from fake_simulation import FakeSimulation
from web_fixtures import Phone, RunningSite, serving

from agent.kernel.outside import Outside
from agent.texts.twin import Unable
from agent.web.context import WebOptions
from agent.web.simulated import Simulation
from drivers.ports import Face, LampSignal, Screen, Waveform
from drivers.twin.clock import ScaledClock
from drivers.twin.site import TwinSite
from drivers.twin.world import ConnectorSpec, EvseSpec

CCS = "IEC_62196_T2_COMBO"
DEMO = WebOptions(public_url="http://127.0.0.1:8080", demo=True)
PNG = b"\x89PNG"


# What may be asked of the whole site, and what that comes to.
DEEDS: tuple[tuple[str, dict[str, Any], object], ...] = (
    ("/twin/clock", {"next": True}, "next"),
    ("/twin/clock", {"step_h": -1}, -1),
    ("/twin/clock", {"step_h": 1}, 1),
    ("/twin/clock", {"trusted": False}, ("trusted", False)),
    ("/twin/power", {}, ("dark", 5)),
    ("/twin/power", {"dark_s": 0.5}, ("dark", 0.5)),
    ("/twin/internet", {"cut": True}, ("cut", True)),
    ("/twin/replay", {"day": "dundee"}, "dundee"),
    ("/twin/replay", {"day": None}, "stop"),
)


@asynccontextmanager
async def twinned(folder: Path, simulation: Simulation | None = None) -> AsyncIterator[tuple[RunningSite, TwinSite]]:
    """Serve a site whose twin may be controlled. The twin's devices are not wired to the runner here."""
    clock = ScaledClock(1)
    specs = tuple(
        EvseSpec(evse=n, connectors=(ConnectorSpec(connector=1, standard=CCS, power_w=50_000),)) for n in (1, 2, 3)
    )
    twin = TwinSite(specs, clock)
    async with serving(folder, options=DEMO, twin=twin.control, twin_clock=clock, simulation=simulation) as site:
        yield site, twin


async def test_deeds_are_done_and_the_impossible_is_refused_with_its_reason(tmp_path: Path) -> None:
    async with twinned(tmp_path) as (site, twin), Phone(site.url) as phone:
        assert (await phone.post_json("/twin/evse/1/drive_in", {"ev": {"soc_percent": 33}})).status == 200
        assert (await phone.post_json("/twin/evse/1/plug_in", {"connector": 1})).status == 200
        state = await phone.json("/twin/state")
        row = state["evses"][0]
        assert (row["bay"]["occupied"], row["plug"], row["car"]["soc_percent"]) == (True, {"connector": 1}, 33)
        refused = await phone.post_json("/twin/evse/1/drive_off", {})
        assert refused.status == 409
        assert "plug" in refused.text
        assert (await phone.post_json("/twin/evse/9/plug_in", {})).status == 409
        assert (await phone.post_json("/twin/evse/1/dance", {})).status == 409
        assert (await phone.post_json("/twin/evse/1/plug_out", {})).status == 200
        assert twin.control.state()["evses"][0]["plug"] is None


async def test_the_clock_runs_faster_and_stands_still(tmp_path: Path) -> None:
    async with twinned(tmp_path) as (site, _), Phone(site.url) as phone:
        for order, rate in (({"rate": 60}, 60), ({"paused": True}, 0), ({"paused": False}, 60)):
            answer = await phone.post_json("/twin/clock", order)
            assert answer.text == f'{{"rate": {float(rate)}}}'
        assert (await phone.post_json("/twin/clock", {"rate": 1e9})).status == 409
        assert (await phone.post_json("/twin/clock", {"speed": 1})).status == 409


async def test_lamps_and_displays_are_shown_as_they_are(tmp_path: Path) -> None:
    async with twinned(tmp_path) as (site, twin), Phone(site.url) as phone:
        dark = (await phone.json("/twin/state"))["evses"][0]
        assert dark["lamp_said"] == "Lamp: off"
        before = await phone.bytes(dark["png"])
        await twin.status_light(1).show(LampSignal(colour="#c828ff", waveform=Waveform.BLINK), lease_s=60)
        await twin.display(1).show(Screen(faces=(Face(big="K7", lines=("KEPT",)),)), lease_s=60)
        lit = (await phone.json("/twin/state"))["evses"][0]
        assert lit["lamp_said"] == "Lamp: purple, blinking"
        assert lit["display_said"] == "Display of bay 1: K7, KEPT"
        after = await phone.bytes(lit["png"])
        assert dark["png"] != lit["png"]
        assert before[:4] == after[:4] == PNG
        assert before != after
        assert (await phone.get("/twin/display/9.png")).status == 404


async def test_the_panel_is_for_this_machine_and_no_other_page_may_use_it(tmp_path: Path) -> None:
    async with twinned(tmp_path) as (site, _), Phone(site.url) as phone:
        page = await phone.get("/twin")
        assert (page.status, page.h1) == (200, "Rasthof Nord")
        assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self'" in (await phone.get("/")).headers["Content-Security-Policy"]
        assert "Simulated site" in (await phone.get("/")).words
        far = {"X-Forwarded-For": "10.0.0.9"}
        for path in ("/twin", "/twin/state"):
            assert (await phone.get(path, **far)).status == 404
        assert (await phone.post_json("/twin/evse/1/drive_in", {}, **far)).status == 404
        for origin in ("http://evil.example", "null"):
            assert (await phone.post_json("/twin/evse/1/drive_in", {}, Origin=origin)).status == 403
        assert (await phone.post_json("/twin/evse/1/drive_in", {}, Host="evil.example")).status == 421


async def test_without_the_twin_there_is_no_panel(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        assert (await phone.get("/twin")).status == 404
        assert (await phone.post_json("/twin/evse/1/drive_in", {})).status == 404


async def test_each_deed_for_the_whole_site_is_passed_on_once(tmp_path: Path) -> None:
    fake = FakeSimulation()
    async with twinned(tmp_path, fake) as (site, _), Phone(site.url) as phone:
        for path, body, _ in DEEDS:
            assert (await phone.post_json(path, body)).status == 200
        assert fake.asked == [asked for _, _, asked in DEEDS]
        state = (await phone.json("/twin/state"))["site"]
        assert state == {"clock_trusted": True, "internet_cut": False, "replaying": None}


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("/twin/clock", {"step_h": 2}, "step_h"),
        ("/twin/clock", {"next": False}, "next"),
        ("/twin/clock", {"jump": 1}, "jump"),
        ("/twin/power", {"dark_s": 601}, "from 0 to 600, not 601"),
        ("/twin/power", {"dark_s": -1}, "from 0 to 600, not -1"),
        ("/twin/power", {"dark_s": "long"}, "dark_s"),
        ("/twin/internet", {}, "cut"),
        ("/twin/replay", {}, "day"),
        ("/twin/replay", {"day": "doomsday"}, "doomsday"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_with_its_reason(
    path: str, body: dict[str, Any], why: str, tmp_path: Path
) -> None:
    fake = FakeSimulation()
    async with twinned(tmp_path, fake) as (site, _), Phone(site.url) as phone:
        refused = await phone.post_json(path, body)
        assert (refused.status, fake.asked) == (409, [])
        assert why in refused.text


async def test_what_cannot_be_done_says_why_on_its_button_and_in_its_answer_in_both_languages(tmp_path: Path) -> None:
    async with twinned(tmp_path, FakeSimulation(unable=Unable.NO_OUTSIDE)) as (site, _), Phone(site.url) as phone:
        for lang, words in (("en", "nobody to be cut off from"), ("de", "von dem er getrennt würde")):
            page = await phone.get(f"/twin?lang={lang}")
            assert words in page.words
            assert page.text.count(" disabled aria-describedby=") == 2
            refused = await phone.post_json(f"/twin/internet?lang={lang}", {"cut": True})
            assert refused.status == 409
            assert words in json.loads(refused.text)["error"]


async def test_the_source_of_the_bundled_day_is_named_on_the_panel(tmp_path: Path) -> None:
    async with twinned(tmp_path, FakeSimulation()) as (site, _), Phone(site.url) as phone:
        page = await phone.get("/twin")
        assert 'data-source="Source: Lochee charging hub, 23 June 2018. Some licence."' in page.text
        assert " disabled" not in page.text


async def test_nobody_else_may_work_on_the_whole_site(tmp_path: Path) -> None:
    fake = FakeSimulation()
    async with twinned(tmp_path, fake) as (site, _), Phone(site.url) as phone:
        for path, body, _ in DEEDS:
            assert (await phone.post_json(path, body, **{"X-Forwarded-For": "10.0.0.9"})).status == 404
            for origin in ("http://evil.example", "null"):
                assert (await phone.post_json(path, body, Origin=origin)).status == 403
            assert (await phone.post_json(path, body, Host="evil.example")).status == 421
            assert (await phone.get(path)).status == 404
    assert fake.asked == []


async def test_beside_real_devices_nothing_works_on_the_whole_site(tmp_path: Path) -> None:
    async with twinned(tmp_path) as (site, _), Phone(site.url) as phone:
        assert 'id="power"' not in (await phone.get("/twin")).text
        assert (await phone.json("/twin/state"))["site"] is None
        for path, body, _ in DEEDS:
            assert (await phone.post_json(path, body)).status == 404


async def test_partners_do_not_reach_a_site_that_is_cut_off_and_people_on_site_do(tmp_path: Path) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    outside = Outside()
    route = web.get("/sequere/hello", hello)
    async with serving(tmp_path, outside=outside, routes=(route,)) as site, Phone(site.url) as phone:
        assert (await phone.get("/sequere/hello")).text == "hello"
        outside.cut()
        with pytest.raises(ClientConnectionError):
            await phone.get("/sequere/hello")
        assert (await phone.get("/")).status == 200
        outside.restore()
        assert (await phone.get("/sequere/hello")).text == "hello"
