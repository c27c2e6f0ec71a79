"""The whole agent in this process: starts, stops in order, starts again on another configuration."""

import asyncio
import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from agent_fixtures import charging, demo_config, demo_options, events_of, evse_of, until
from shared_fixtures import open_journal

from agent.app import CannotServe, running
from agent.config.location import location_of
from agent.config.types import ClockSettings
from agent.core.events import LayoutAdopted
from agent.journal.turn import Turn
from agent.kernel.mishaps import MISHAPS_MAX, TooManyMishaps

FAR_AHEAD_UTC_MS = 4_000_000_000_000  # 2096


async def test_a_start_reads_its_inputs_at_once_and_begins_in_order(tmp_path: Path) -> None:
    async with running(demo_options(tmp_path, demo_config())) as agent:
        await until(agent, lambda s: s.reconciling_until_ms is None)
        kinds = [type(e).__name__ for e in events_of(agent)]
        assert kinds[:3] == ["Restarted", "LayoutAdopted", "ClockSet"]
        reconciled = next(e for e in events_of(agent) if type(e).__name__ == "Reconciled")
        assert reconciled.at_ms < 15_000, "by the inputs, not by the 30 s that are the limit"


async def test_a_clean_stop_opens_the_contactor_is_seen_and_charging_goes_on_after_it(tmp_path: Path) -> None:
    async with running(demo_options(tmp_path, demo_config())) as agent:
        evse = evse_of(await charging(agent))
        stay = agent.runner.site.stays[evse].id
    world = json.loads((tmp_path / "twin.json").read_text())
    assert '"energised": true' not in json.dumps(world)
    async with running(demo_options(tmp_path, demo_config())) as agent:
        assert agent.journal.clean_stop
        boot = next(n for n, e in enumerate(events_of(agent)) if type(e).__name__ == "Restarted" and n)
        before = [type(e).__name__ for e in events_of(agent)[:boot]]
        assert before[-1] == "DeEnergised"
        assert "FaultRaised" not in before
        await until(agent, lambda s: s.evse(evse).energised)
        assert agent.runner.site.stays[evse].id == stay


async def test_an_evse_that_leaves_the_configuration_while_it_charges_ends_its_stay_aloud(tmp_path: Path) -> None:
    config = demo_config()
    async with running(demo_options(tmp_path, config)) as agent:
        evse = evse_of(await charging(agent))
    smaller = replace(
        config,
        evse=tuple(e for e in config.evse if e.id != evse),
        device=tuple(d for d in config.device if d.evse != evse),
        pool=tuple(replace(p, evses=tuple(n for n in p.evses if n != evse)) for p in config.pool),
    )
    async with running(demo_options(tmp_path, smaller)) as agent:
        assert evse not in agent.runner.site.stays
        assert evse not in agent.runner.site.evse_ids()
        await until(agent, lambda s: s.reconciling_until_ms is None)
    async with running(demo_options(tmp_path, config)) as agent:
        await until(agent, lambda s: s.reconciling_until_ms is None)
        assert evse in agent.runner.site.evse_ids()


async def test_options_that_cannot_work_are_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.RaisesGroup(CannotServe):
        async with running(replace(demo_options(tmp_path, demo_config()), demo=False)):
            raise AssertionError("it started")
    async with running(demo_options(tmp_path, demo_config())) as agent:
        assert agent.journal.clean_stop


async def test_a_machine_whose_clock_is_before_the_last_event_has_no_time_of_day(tmp_path: Path) -> None:
    config = replace(demo_config(), device=(), clock=ClockSettings(trust="always"))
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
        async with running(demo_options(tmp_path, config)) as agent:
            assert (agent.runner.site.utc_minus_elapsed_ms is not None) is trusted
    async with running(replace(demo_options(tmp_path, config), trust_clock=True)) as agent:
        assert agent.runner.site.utc_minus_elapsed_ms is not None, "the operator knows better"
    async with running(demo_options(tmp_path, config)) as agent:
        assert agent.runner.site.utc_minus_elapsed_ms is not None, "once is enough"


class _NobodyKnows:
    """An observation the core has never heard of."""


async def test_what_ends_a_part_ends_the_agent_with_its_reason_and_a_clean_journal(tmp_path: Path) -> None:
    with pytest.RaisesGroup(TooManyMishaps):
        async with running(demo_options(tmp_path, demo_config())) as agent:
            for _ in range(MISHAPS_MAX + 1):
                agent.runner.observe(_NobodyKnows())  # type: ignore[arg-type]
            await asyncio.Event().wait()
    async with running(demo_options(tmp_path, demo_config())) as agent:
        assert agent.journal.clean_stop
