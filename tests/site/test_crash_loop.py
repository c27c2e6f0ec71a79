"""The whole agent after a crash loop: the queue rests, charges go on, nothing that may crash again is started."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.app import Options, Running, running
from agent.config.load import demo_text, load
from agent.config.types import Config, DeviceSettings
from agent.core.inputs import JoinQueue, Refusal, StartAtPage
from agent.core.layout import EvseId, PoolId
from agent.core.state import CheckInState, Origin, Site
from agent.devices.evse_inputs import CONTROLLER_LOST
from agent.kernel.ends import FILE, LINK_MUTED_S, TRY_AGAIN_S, UNCLEAN_MAX
from drivers.registry import Port
from drivers.twin.control import Ev

SPEED = 20.0
HOUR_SPEED = 1000.0  # an hour in 3.6 s
LIMIT_S = 20.0
POOL = PoolId("CCS300")
HELD, CHARGING = EvseId(3), EvseId(4)


def _config(speed: float = SPEED, **csms: Any) -> Config:
    config = load(demo_text())
    assert isinstance(config, Config), config
    twin = replace(config.twin, speed=speed)
    web = replace(config.web, port=0, public_url="http://10.42.0.1")
    return replace(config, twin=twin, web=web, csms=replace(config.csms, **csms))


def _crashed(state_dir: Path, times: int) -> None:
    """The agent has ended uncleanly so often in a row."""
    (state_dir / FILE).write_text(json.dumps({"unclean": times, "boot": None}))


async def _until(agent: Running, true: Callable[[Site], bool]) -> None:
    moved = asyncio.Event()
    agent.runner.listen(lambda _: moved.set())
    async with asyncio.timeout(LIMIT_S):
        while not true(agent.runner.site):
            moved.clear()
            await moved.wait()


async def _get(agent: Running, path: str, language: str = "en") -> tuple[int, str]:
    headers = {"Accept-Language": language}
    address = f"http://127.0.0.1:{agent.served.port}{path}"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(address) as answer:
        return answer.status, await answer.text()


async def _busy(agent: Running) -> None:
    """Somebody charges at one bay, another is called to the other, a third waits."""
    assert agent.twin is not None
    await _until(agent, lambda s: s.reconciling_until_ms is None)
    for draw in (1, 2, 3):
        await agent.runner.ask(JoinQueue(pool=POOL, draw=draw, origin=Origin.OPERATOR))
    charging = next(c for c in agent.runner.site.open_check_ins() if c.evse == CHARGING)
    agent.twin.control.drive_in(CHARGING, Ev(soc_percent=5))
    agent.twin.control.plug_in(CHARGING)
    await agent.runner.ask(StartAtPage(check_in=charging.id))
    await _until(agent, lambda s: s.evse(CHARGING).energised)


async def test_places_holds_and_charges_outlast_safe_mode_and_the_agent_leaves_it_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = Options(config=_config(), state_dir=tmp_path)
    async with running(options) as agent:
        await _busy(agent)
        before = agent.runner.site
        (called,) = before.holds.values()
        (waiting,) = before.line()
        stay = before.stays[CHARGING].id
    _crashed(tmp_path, UNCLEAN_MAX)
    async with running(Options(config=_config(HOUR_SPEED), state_dir=tmp_path)) as agent:
        assert agent.twin is not None
        assert "mode=safe unclean_ends=3 queue=paused" in caplog.text
        assert agent.runner.site.paused
        await _until(agent, lambda s: s.evse(CHARGING).energised)
        assert agent.runner.site.stays[CHARGING].id == stay
        seen = agent.twin.control.state()["evses"]
        assert {(e["lamp"]["waveform"], e["screen"]) for e in seen} == {("off", None)}
        told = json.loads((await _get(agent, "/status"))[1])
        assert {name.rpartition("-")[0] for name in told["devices"]} == {"charge_controller", "meter"}
        assert told["safe_mode"]["unclean_ends"] == 3
        assert 0 < told["safe_mode"]["tries_by_itself_in_s"] <= TRY_AGAIN_S
        assert {pool["status"] for pool in told["pools"]} == {"PAUSED"}
        assert (await _get(agent, "/health"))[0] == 503
        assert "The queue is paused; places are kept." in (await _get(agent, "/"))[1]
        assert "Die Warteschlange pausiert; alle Stellen bleiben erhalten." in (await _get(agent, "/", "de"))[1]
        answer = await agent.runner.ask(JoinQueue(pool=POOL, draw=4, origin=Origin.OPERATOR))
        assert answer.step is not None
        assert answer.step.refused is not None
        assert answer.step.refused.reason is Refusal.PAUSED
        async with asyncio.timeout(LIMIT_S):
            await agent.restart.wait()
        site = agent.runner.site
        assert site.holds[called.evse].check_in == called.check_in, "an hour, and nobody has lost anything"
        assert site.check_ins[waiting.id].state is CheckInState.WAITING
    async with running(options) as agent:
        assert agent.twin is not None
        assert not agent.runner.site.paused
        assert agent.runner.site.holds[called.evse].check_in == called.check_in
        await _until(agent, lambda s: s.reconciling_until_ms is None)
        assert json.loads((await _get(agent, "/status"))[1])["safe_mode"] is None
        assert json.loads((tmp_path / FILE).read_text())["unclean"] == UNCLEAN_MAX - 1, "on trial"


async def test_a_driver_that_keeps_the_agent_from_starting_is_not_even_loaded_in_safe_mode(tmp_path: Path) -> None:
    config = _config()
    bad = DeviceSettings(evse=3, port=Port.DISPLAY, driver="of_a_stranger")
    others = tuple(d for d in config.device if (d.evse, d.port) != (3, Port.DISPLAY))
    options = Options(config=replace(config, device=(*others, bad)), state_dir=tmp_path)
    with pytest.RaisesGroup(pytest.RaisesExc(Exception, match="of_a_stranger")):
        async with running(options):
            raise AssertionError("it started")
    _crashed(tmp_path, UNCLEAN_MAX)
    async with running(options) as agent:
        await _until(agent, lambda s: s.reconciling_until_ms is None)
        assert agent.runner.site.paused


async def test_where_safe_mode_crashed_too_no_hardware_is_touched_and_that_is_a_fault(tmp_path: Path) -> None:
    options = Options(config=_config(), state_dir=tmp_path)
    async with running(options) as agent:
        await _busy(agent)
    _crashed(tmp_path, UNCLEAN_MAX + 2)
    async with running(options) as agent:
        await _until(agent, lambda s: all(s.evse(e).faults == (CONTROLLER_LOST,) for e in s.evse_ids()))
        assert agent.runner.site.stays[CHARGING].end_of_energy is not None, "nobody says that it still charges"
        assert json.loads((await _get(agent, "/status"))[1])["devices"] == {}
    async with running(options) as agent:
        await _until(agent, lambda s: not any(s.evse(e).faults for e in s.evse_ids()))
        assert not agent.runner.site.paused, "a clean stop is the operator's word"


async def test_the_link_waits_in_safe_mode_and_is_left_out_when_that_did_not_help(tmp_path: Path) -> None:
    called = asyncio.Event()

    async def hears(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    server = await asyncio.start_server(hears, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # At 200 times the start itself takes less than 300 of our seconds.
    options = Options(config=_config(200.0, url=f"ws://127.0.0.1:{port}/", identity="NORD"), state_dir=tmp_path)
    for times, link in ((UNCLEAN_MAX, True), (UNCLEAN_MAX + 1, False)):
        called.clear()
        _crashed(tmp_path, times)
        async with running(options) as agent, asyncio.timeout(LIMIT_S):
            began_s = agent.clock.monotonic()
            if link:
                await called.wait()
                assert agent.clock.monotonic() - began_s >= LINK_MUTED_S / 2
            else:
                await agent.clock.until(began_s + 2 * LINK_MUTED_S)
                assert not called.is_set()
    server.close()
