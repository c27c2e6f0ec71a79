"""The twin's control API and panel: for programs on this machine, with the answers of a world that has physics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from web_fixtures import Phone, RunningSite, serving

from agent.web.context import WebOptions
from drivers.ports import Face, LampSignal, Screen, Waveform
from drivers.twin.clock import ScaledClock
from drivers.twin.site import TwinSite
from drivers.twin.world import ConnectorSpec, EvseSpec

CCS = "IEC_62196_T2_COMBO"
DEMO = WebOptions(public_url="http://127.0.0.1:8080", demo=True)
PNG = b"\x89PNG"


@asynccontextmanager
async def twinned(folder: Path) -> AsyncIterator[tuple[RunningSite, TwinSite]]:
    """Serve a site whose twin may be controlled. The twin's devices are not wired to the runner here."""
    clock = ScaledClock(1)
    specs = tuple(
        EvseSpec(evse=n, connectors=(ConnectorSpec(connector=1, standard=CCS, power_w=50_000),)) for n in (1, 2, 3)
    )
    twin = TwinSite(specs, clock)
    async with serving(folder, options=DEMO, twin=twin.control, twin_clock=clock) as site:
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
