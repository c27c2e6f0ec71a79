"""What the twin panel does to a whole site, over HTTP on the whole agent: every deed is the real one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from agent_fixtures import charging, demo_config, demo_options, events_of, until

from agent.app import Running, running
from agent.config.types import Config
from agent.core.events import CallMissed, CheckedIn, ClockSet, DeEnergised, Event
from agent.core.inputs import JoinQueue
from agent.core.state import CheckInState, Origin
from agent.opening import Options
from agent.simulation.days import Day
from agent.simulation.site import Cut, Supply
from drivers.twin.clock import AHEAD_RATE

HOUR_MS = 3_600_000
STEP_MS = 60_000  # a step is told from the seconds that pass meanwhile


@dataclass(slots=True)
class Panel:
    """A running site and its panel."""

    agent: Running
    _session: aiohttp.ClientSession

    async def post(self, path: str, body: object) -> int:
        """Press a button; return the status of the answer."""
        async with self._session.post(f"/twin/{path}", json=body) as answer:
            await answer.read()
            return answer.status

    async def state(self) -> Any:
        """What the panel shows."""
        async with self._session.get("/twin/state") as answer:
            return await answer.json()

    def events(self, kind: type[Event]) -> list[Any]:
        """The events of a kind in the journal."""
        return [event for event in events_of(self.agent) if isinstance(event, kind)]

    async def joins(self) -> None:
        """Somebody checks in to the first pool."""
        location = self.agent.runner.site.location
        assert location is not None
        await self.agent.runner.ask(JoinQueue(pool=location.pools[0].id, draw=1, origin=Origin.PAGE))


@asynccontextmanager
async def panel(options: Options) -> AsyncIterator[Panel]:
    """Run a site for the length of the block."""
    async with running(options) as agent:
        await until(agent, lambda s: s.reconciling_until_ms is None)
        base = f"http://127.0.0.1:{agent.served.port}"
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(base, timeout=timeout) as session:
            yield Panel(agent, session)


async def test_a_step_of_the_wall_clock_and_its_loss_are_read_and_recorded_like_real_ones(tmp_path: Path) -> None:
    async with panel(demo_options(tmp_path, demo_config())) as one:
        (first,) = one.events(ClockSet)
        assert await one.post("clock", {"step_h": 1}) == 200
        await until(one.agent, lambda _: len(one.events(ClockSet)) == 2)
        stepped = one.events(ClockSet)[1]
        assert abs(stepped.utc_minus_elapsed_ms - first.utc_minus_elapsed_ms - HOUR_MS) < STEP_MS
        assert await one.post("clock", {"trusted": False}) == 200
        await until(one.agent, lambda s: s.utc_minus_elapsed_ms is None)
        state = await one.state()
        assert (state["clock"]["said"], state["site"]["clock_trusted"]) == ("Site time not known", False)
        assert await one.post("clock", {"trusted": True}) == 200
        assert await one.post("clock", {"step_h": -1}) == 200
        await until(one.agent, lambda _: len(one.events(ClockSet)) == 5)
        assert abs(one.events(ClockSet)[4].utc_minus_elapsed_ms - first.utc_minus_elapsed_ms) < STEP_MS


async def test_a_restart_does_not_turn_the_time_back_of_a_site_that_has_run_ahead_of_ours(tmp_path: Path) -> None:
    async with panel(demo_options(tmp_path, demo_config())) as one:
        assert await one.post("clock", {"step_h": 1}) == 200
        await until(one.agent, lambda _: len(one.events(ClockSet)) == 2)
        await one.joins()
        ahead_ms = one.agent.runner.now().utc_ms
    async with panel(demo_options(tmp_path, demo_config())) as one:
        again_ms = one.agent.runner.now().utc_ms
        assert ahead_ms is not None
        assert again_ms is not None
        assert again_ms > ahead_ms - STEP_MS


async def test_the_next_event_is_the_end_of_a_hold_and_time_stands_still_again_when_it_is_over(tmp_path: Path) -> None:
    async with panel(demo_options(tmp_path, demo_config(1))) as one:
        assert await one.post("clock", {"next": True}) == 409
        await one.joins()
        await until(one.agent, lambda s: any(c.state is CheckInState.CALLED for c in s.open_check_ins()))
        (hold,) = one.agent.runner.site.holds.values()
        assert await one.post("clock", {"paused": True}) == 200
        assert await one.post("clock", {"next": True}) == 200
        assert (await one.state())["clock"]["rate"] in (AHEAD_RATE, 0)
        await until(one.agent, lambda _: bool(one.events(CallMissed)))
        assert one.events(CallMissed)[0].at_ms == hold.until_ms
        clock = (await one.state())["clock"]
        assert (clock["rate"], clock["ahead"]) == (0, False)


async def test_a_car_charges_on_while_time_runs_ahead_until_it_is_full(tmp_path: Path) -> None:
    async with panel(demo_options(tmp_path, demo_config(1))) as one:
        charger = await charging(one.agent)
        assert await one.post("clock", {"next": True}) == 200
        await until(one.agent, lambda s: any(stay.suspended_by_ev for stay in s.stays.values()))
        assert one.events(DeEnergised) == []
        assert charger.evse is not None
        (row,) = [e for e in (await one.state())["evses"] if e["car"] is not None]
        assert row["car"]["soc_percent"] == row["car"]["target_soc_percent"]


async def test_a_bundled_day_is_started_shown_and_ended_from_the_panel(tmp_path: Path) -> None:
    async with panel(demo_options(tmp_path, demo_config(600))) as one:
        assert await one.post("replay", {"day": None}) == 409
        assert await one.post("replay", {"day": "epfl"}) == 200
        assert (await one.state())["site"]["replaying"] == "epfl"
        assert await one.post("replay", {"day": "dundee"}) == 409
        await until(one.agent, lambda _: bool(one.events(CheckedIn)))
        assert await one.post("replay", {"day": None}) == 200
        assert (await one.state())["site"]["replaying"] is None
        await until(one.agent, lambda s: not s.open_check_ins() and not s.stays)
        assert await one.post("replay", {"day": "dundee"}) == 200


async def test_a_cut_of_the_power_leaves_the_world_as_it_is_and_tells_what_goes_on(tmp_path: Path) -> None:
    cuts: list[Cut] = []
    world: list[Any] = []

    def cut(told: Cut) -> None:
        cuts.append(told)
        world.append(json.loads((tmp_path / "twin.json").read_text()))

    options = replace(demo_options(tmp_path, demo_config(7)), supply=Supply(cut=cut))
    async with panel(options) as one:
        await charging(one.agent)
        assert await one.post("replay", {"day": "epfl"}) == 200
        await one.post("clock", {"paused": True})
        before = (await one.state())["evses"]
        await one.post("power", {"dark_s": 3})
    (told,) = cuts
    assert (told.dark_s, told.speed, told.day) == (3, 7, Day.EPFL)
    assert [int(e["register_wh"]) for e in world[0]["evses"]] == [e["meter"]["register_wh"] for e in before]
    assert [e["plugged"] for e in world[0]["evses"]] == [(e["plug"] or {}).get("connector") for e in before]


async def test_without_anybody_outside_or_a_supply_there_is_nothing_to_cut(tmp_path: Path) -> None:
    async with panel(demo_options(tmp_path, demo_config())) as one:
        assert await one.post("internet", {"cut": True}) == 409
        assert await one.post("power", {}) == 409


async def test_beside_a_real_device_there_is_no_way_to_the_whole_site_or_its_time(tmp_path: Path) -> None:
    async with panel(demo_options(tmp_path, _with_a_real_lamp(demo_config()))) as one:
        assert one.agent.simulation is None
        assert await one.post("clock", {"rate": 60}) == 409
        assert await one.post("power", {}) == 404


def _with_a_real_lamp(config: Config) -> Config:
    """The demo site with EVSE 1 without its simulated devices but a lamp that is not simulated."""
    lamp = next(d for d in config.device if d.evse == 1 and d.port == "status_light")
    options = {"green": 17, "red": 27, "blue": 22}
    real = replace(lamp, driver="gpio", options=options)
    return replace(config, device=(real, *(d for d in config.device if d.evse != 1)))
