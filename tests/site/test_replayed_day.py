"""A replayed day on a site whose time only the test moves: people come, finish, and go on after a power cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from site_fixtures import SmallSite, small_site

from agent.core.state import CheckInState
from agent.simulation.days import Day, Kind, Visit, visits
from agent.simulation.replay import Replay

# Three come to two bays within a minute, and one later.
DAY = tuple(Visit(arrive_min=minute, stay_min=2, energy_wh=8_000, kind=Kind.DC_FAST) for minute in (600, 600, 601, 607))
STEP_S = 15.0
LONGEST_S = 1800.0


@asynccontextmanager
async def playing(site: SmallSite, resume_min: int | None = None) -> AsyncIterator[Replay]:
    """Let people come for the length of the block; what they were about to do is cut off at its end."""
    replay = Replay(site.runner, site.twin.control, site.clock, DAY, resume_min=resume_min)
    site.runner.listen(replay.published)
    task = asyncio.ensure_future(replay.run())
    await site.settled()
    try:
        yield replay
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def passes(site: SmallSite, seconds: float) -> None:
    """Let time pass in steps, so that everybody has their turn."""
    for _ in range(round(seconds / STEP_S)):
        await site.wait(STEP_S)


async def ends(site: SmallSite, replay: Replay) -> None:
    """Let time pass until everybody has left."""
    for _ in range(round(LONGEST_S / STEP_S)):
        if replay.over.is_set():
            return
        await site.wait(STEP_S)
    raise AssertionError(f"after {LONGEST_S} s somebody is still here")


def parked(site: SmallSite) -> int:
    """How many bays are occupied."""
    return sum(1 for row in site.twin.control.state()["evses"] if row["bay"]["occupied"])


async def test_everybody_of_the_day_comes_charges_and_leaves(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site, playing(site) as replay:
        first_s = replay.next_s
        assert first_s is not None
        assert first_s - site.clock.monotonic() < 10
        await ends(site, replay)
        assert (replay.tally.arrived, replay.tally.charged, replay.next_s) == (4, 4, None)
        assert replay.tally.said.startswith("4 came, 4 charged")
        assert parked(site) == 0


async def test_a_day_that_is_stopped_lets_those_finish_who_are_here(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site, playing(site) as replay:
        await passes(site, 120)
        assert replay.minute in (601, 602)
        replay.stop()
        await ends(site, replay)
        assert (replay.tally.arrived, replay.tally.charged) == (3, 3)
        assert parked(site) == 0


@pytest.mark.parametrize("cut_after_s", [15, 90, 105, 165, 270, 300])
async def test_after_a_power_cut_people_go_on_where_they_were_and_nobody_comes_twice(
    cut_after_s: int, tmp_path: Path
) -> None:
    async with small_site(tmp_path) as site:
        async with playing(site) as replay:
            await passes(site, cut_after_s)
            arrived, minute = replay.tally.arrived, replay.minute
        site.twin.control.power_cut()
    async with small_site(tmp_path) as site, playing(site, minute) as replay:
        await ends(site, replay)
        assert arrived + replay.tally.arrived == len(DAY)
        assert parked(site) == 0
        assert site.runner.site.stays == {}
        states = [c.state for c in site.runner.site.check_ins.values()]
        assert states == [CheckInState.FULFILLED] * len(DAY)


@pytest.mark.parametrize("day", Day)
def test_a_bundled_day_is_in_the_order_of_arrival(day: Day) -> None:
    arrivals = [visit.arrive_min for visit in visits(day)]
    assert arrivals
    assert arrivals == sorted(arrivals)
