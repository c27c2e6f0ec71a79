"""The twin's clocks: continuous, never back, and waking whoever waits."""

import asyncio
import time

import pytest

from drivers.twin.clock import ManualClock, ScaledClock


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


def test_skipping_goes_forward_only() -> None:
    clock = ScaledClock(0)
    before_s = clock.monotonic()
    clock.skip(3600)
    assert clock.monotonic() == before_s + 3600
    with pytest.raises(ValueError, match="cannot go back"):
        clock.skip(-1)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.skip(float("nan"))


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


async def test_waiting_ends_when_time_skips_past_the_instant() -> None:
    clock = ScaledClock(0)
    waiter = asyncio.create_task(clock.until(clock.monotonic() + 60))
    await asyncio.sleep(0)
    clock.skip(61)
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
