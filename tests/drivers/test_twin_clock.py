"""The twin's clocks: continuous, never back, and waking whoever waits."""

import asyncio
import time

import pytest

from drivers.twin.clock import AHEAD_RATE, ManualClock, ScaledClock, TwinWall


def test_time_is_continuous_over_changes_of_the_rate() -> None:
    clock = ScaledClock(600)
    before_s = clock.monotonic()
    real_s = time.monotonic()
    clock.set_rate(1)
    clock.set_rate(600)
    clock.pause()
    assert 0 <= clock.monotonic() - before_s <= (time.monotonic() - real_s + 0.05) * 600


def test_a_paused_clock_stands_still_and_goes_on_at_its_old_rate() -> None:
    clock = ScaledClock(60)
    clock.pause()
    assert clock.rate == 0
    assert clock.monotonic() == clock.monotonic()
    clock.resume()
    assert clock.rate == 60


async def test_running_ahead_ends_at_the_very_instant_and_time_stands_still_as_before() -> None:
    clock = ScaledClock(0)
    goal_s = clock.monotonic() + 60
    real_s = time.monotonic()
    clock.run_ahead(goal_s)
    assert (clock.rate, clock.is_ahead) == (AHEAD_RATE, True)
    await asyncio.wait_for(clock.until(goal_s), timeout=10)
    assert time.monotonic() - real_s >= 60 / AHEAD_RATE
    assert (clock.monotonic(), clock.rate, clock.is_ahead) == (goal_s, 0, False)


async def test_running_further_ahead_keeps_the_rate_to_go_on_with() -> None:
    clock = ScaledClock(0)
    clock.run_ahead(clock.monotonic() + 6000)
    goal_s = clock.monotonic() + 30
    clock.run_ahead(goal_s)
    await asyncio.wait_for(clock.until(goal_s), timeout=10)
    assert (clock.monotonic(), clock.rate) == (goal_s, 0)


def test_running_ahead_to_the_past_does_nothing_and_an_order_ends_it() -> None:
    clock = ScaledClock(7)
    for nowhere_s in (clock.monotonic() - 1, float("nan")):
        clock.run_ahead(nowhere_s)
        assert (clock.rate, clock.is_ahead) == (7, False)
    clock.run_ahead(clock.monotonic() + 6000)
    clock.pause()
    assert (clock.rate, clock.is_ahead) == (0, False)
    clock.resume()
    assert clock.rate == 7


def test_who_gave_leases_hears_how_many_times_as_fast_time_begins_to_run() -> None:
    clock = ScaledClock(1)
    heard: list[float] = []
    clock.listen(lambda factor, _now_s: heard.append(factor))
    clock.set_rate(60)
    clock.pause()
    clock.resume()
    clock.set_rate(60)
    clock.set_rate(0.5)
    assert heard == [60, 1 / 60, 60, 1 / 60]


def test_the_wall_clock_runs_with_the_location_steps_and_can_be_mistrusted() -> None:
    clock = ManualClock(5.0)
    wall = TwinWall(clock, 1_000_000)
    assert wall() == 1_000_000
    asyncio.run(clock.advance(2.5))
    assert wall() == 1_002_500
    wall.step(-3_600_000)
    assert wall() == -2_597_500
    wall.trusted = False
    assert wall() is None


@pytest.mark.parametrize("rate", [-1, 3601, float("nan")])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 3600"):
        ScaledClock(rate)


async def test_waiting_ends_sooner_when_the_rate_rises() -> None:
    clock = ScaledClock(1)
    goal_s = clock.monotonic() + 600
    waiter = asyncio.create_task(clock.until(goal_s))
    await asyncio.sleep(0)
    clock.set_rate(3600)
    await asyncio.wait_for(waiter, timeout=10)
    assert clock.monotonic() >= goal_s


async def test_waiting_outlasts_a_pause() -> None:
    clock = ScaledClock(3600)
    waiter = asyncio.create_task(clock.until(clock.monotonic() + 60))
    clock.pause()
    await asyncio.wait([waiter], timeout=0.05)
    assert not waiter.done()
    clock.resume()
    await asyncio.wait_for(waiter, timeout=10)


async def test_waiting_ends_when_time_runs_ahead_of_the_instant() -> None:
    clock = ScaledClock(0)
    waiter = asyncio.create_task(clock.until(clock.monotonic() + 60))
    await asyncio.sleep(0)
    clock.run_ahead(clock.monotonic() + 61)
    await asyncio.wait_for(waiter, timeout=10)
    await clock.until(clock.monotonic())  # an instant that has come needs no wait, even while paused


async def test_a_manual_clock_stops_at_each_instant_somebody_waits_for() -> None:
    clock = ManualClock()
    seen: list[float] = []

    async def ticking() -> None:
        for _ in range(3):
            await clock.until(clock.monotonic() + 1)
            seen.append(clock.monotonic())

    ticker = asyncio.create_task(ticking())
    await clock.advance(2.5)
    assert seen == [1, 2]
    assert clock.monotonic() == 2.5
    await clock.advance(0.5)
    assert seen == [1, 2, 3]
    await ticker
