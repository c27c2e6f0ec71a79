"""The whole agent in this process: starts, stops in order, starts again on another configuration."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from shared_fixtures import open_journal

from agent.app import CannotServe, Options, Running, running
from agent.config.load import load
from agent.config.location import location_of
from agent.config.types import ClockSettings, Config
from agent.core.events import Event, LayoutAdopted
from agent.core.inputs import JoinQueue, StartAtPage
from agent.core.layout import EvseId
from agent.core.state import CheckIn, CheckInState, Origin, Site
from agent.journal.turn import Turn
from agent.kernel.mishaps import MISHAPS_MAX, TooManyMishaps
from drivers.twin.control import Ev

SPEED = 20.0
LIMIT_S = 20.0
FAR_AHEAD_UTC_MS = 4_000_000_000_000  # 2096


def _config() -> Config:
    text = resources.files("agent.config").joinpath("demo.toml").read_text(encoding="utf-8")
    config = load(text, source="demo")
    assert isinstance(config, Config), config
    twin = replace(config.twin, control=True, speed=SPEED)
    return replace(config, twin=twin, web=replace(config.web, port=0, public_url="http://127.0.0.1:8080"))


def _options(state_dir: Path, config: Config) -> Options:
    return Options(config=config, state_dir=state_dir, demo=True)


async def _until(agent: Running, true: Callable[[Site], bool]) -> None:
    """Wait until the site is so."""
    moved = asyncio.Event()
    agent.runner.listen(lambda _: moved.set())
    async with asyncio.timeout(LIMIT_S):
        while not true(agent.runner.site):
            moved.clear()
            await moved.wait()


async def _charging(agent: Running) -> CheckIn:
    """Somebody joins, drives in, plugs in, says so, and charges."""
    site = agent.runner.site
    assert site.location is not None
    pool = site.location.pools[0].id
    await agent.runner.ask(JoinQueue(pool=pool, draw=1, origin=Origin.OPERATOR))
    await _until(agent, lambda s: any(c.state is CheckInState.CALLED for c in s.open_check_ins()))
    (called,) = agent.runner.site.open_check_ins()
    assert called.evse is not None
    assert agent.twin is not None
    agent.twin.control.drive_in(called.evse, Ev(soc_percent=20))
    agent.twin.control.plug_in(called.evse)
    await _until(agent, lambda s: s.check_ins[called.id].state is CheckInState.ARRIVED)
    await agent.runner.ask(StartAtPage(check_in=called.id))
    await _until(agent, lambda s: s.evse(_evse(called)).energised)
    return agent.runner.site.check_ins[called.id]


def _evse(check_in: CheckIn) -> EvseId:
    assert check_in.evse is not None
    return check_in.evse


def _events(agent: Running, after: int = 0) -> list[Event]:
    return [stored.event for stored in agent.journal.events(after, 10_000)]


async def test_a_start_reads_its_inputs_at_once_and_begins_in_order(tmp_path: Path) -> None:
    async with running(_options(tmp_path, _config())) as agent:
        await _until(agent, lambda s: s.reconciling_until_ms is None)
        kinds = [type(e).__name__ for e in _events(agent)]
        assert kinds[:3] == ["Restarted", "LayoutAdopted", "ClockSet"]
        reconciled = next(e for e in _events(agent) if type(e).__name__ == "Reconciled")
        assert reconciled.at_ms < 15_000, "by the inputs, not by the 30 s that are the limit"


async def test_a_clean_stop_opens_the_contactor_is_seen_and_charging_goes_on_after_it(tmp_path: Path) -> None:
    async with running(_options(tmp_path, _config())) as agent:
        evse = _evse(await _charging(agent))
        stay = agent.runner.site.stays[evse].id
    world = json.loads((tmp_path / "twin.json").read_text())
    assert '"energised": true' not in json.dumps(world)
    async with running(_options(tmp_path, _config())) as agent:
        assert agent.journal.clean_stop
        boot = next(n for n, e in enumerate(_events(agent)) if type(e).__name__ == "Restarted" and n)
        before = [type(e).__name__ for e in _events(agent)[:boot]]
        assert before[-1] == "DeEnergised"
        assert "FaultRaised" not in before
        await _until(agent, lambda s: s.evse(evse).energised)
        assert agent.runner.site.stays[evse].id == stay


async def test_an_evse_that_leaves_the_configuration_while_it_charges_ends_its_stay_aloud(tmp_path: Path) -> None:
    config = _config()
    async with running(_options(tmp_path, config)) as agent:
        evse = _evse(await _charging(agent))
    smaller = replace(
        config,
        evse=tuple(e for e in config.evse if e.id != evse),
        device=tuple(d for d in config.device if d.evse != evse),
        pool=tuple(replace(p, evses=tuple(n for n in p.evses if n != evse)) for p in config.pool),
    )
    async with running(_options(tmp_path, smaller)) as agent:
        assert evse not in agent.runner.site.stays
        assert evse not in agent.runner.site.evse_ids()
        await _until(agent, lambda s: s.reconciling_until_ms is None)
    async with running(_options(tmp_path, config)) as agent:
        await _until(agent, lambda s: s.reconciling_until_ms is None)
        assert evse in agent.runner.site.evse_ids()


async def test_options_that_cannot_work_are_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.RaisesGroup(CannotServe):
        async with running(replace(_options(tmp_path, _config()), demo=False)):
            raise AssertionError("it started")
    async with running(_options(tmp_path, _config())) as agent:
        assert agent.journal.clean_stop


async def test_a_machine_whose_clock_is_before_the_last_event_has_no_time_of_day(tmp_path: Path) -> None:
    config = replace(_config(), device=(), clock=ClockSettings(trust="always"))
    for last_ms, trusted in ((time.time_ns() // 1_000_000, True), (FAR_AHEAD_UTC_MS, False)):
        with closing(open_journal(tmp_path)) as journal:
            layout = LayoutAdopted(
                at_ms=journal.last_elapsed_ms, location=location_of(config, utc_ms=last_ms), digest=""
            )
            turn = Turn(
                expected_head=journal.head,
                boot=journal.last_boot,
                elapsed_ms=journal.last_elapsed_ms,
                utc_ms=last_ms,
                events=(layout,),
            )
            journal.append_now(turn)
        async with running(_options(tmp_path, config)) as agent:
            assert (agent.runner.site.utc_minus_elapsed_ms is not None) is trusted
    async with running(replace(_options(tmp_path, config), trust_clock=True)) as agent:
        assert agent.runner.site.utc_minus_elapsed_ms is not None, "the operator knows better"
    async with running(_options(tmp_path, config)) as agent:
        assert agent.runner.site.utc_minus_elapsed_ms is not None, "once is enough"


class _NobodyKnows:
    """An observation the core has never heard of."""


async def test_what_ends_a_part_ends_the_agent_with_its_reason_and_a_clean_journal(tmp_path: Path) -> None:
    with pytest.RaisesGroup(TooManyMishaps):
        async with running(_options(tmp_path, _config())) as agent:
            for _ in range(MISHAPS_MAX + 1):
                agent.runner.observe(_NobodyKnows())  # type: ignore[arg-type]
            await asyncio.Event().wait()
    async with running(_options(tmp_path, _config())) as agent:
        assert agent.journal.clean_stop
