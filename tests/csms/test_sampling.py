"""Periodic readings: in memory while there is a line, on disk before they are old, in order with starts and stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from csms_fixtures import UTC_MS, Office, agent, eventually
from ocpp.v16 import call  # type: ignore[import-untyped]

from agent.core.layout import EvseId
from agent.core.shown import Reading
from agent.csms.v16.sampling import SAMPLES_MAX, SPILL_AFTER_MS, Sampling
from agent.ocpp.v16.keys import KeyTable
from agent.ocpp.v16.transactions import Tx, TxState
from drivers.twin.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def office(clock: ManualClock) -> AsyncIterator[Office]:
    made = Office(utc_ms=lambda: UTC_MS + round(clock.monotonic() * 1000))
    made.tags |= {"ANNA": "Accepted"}
    await made.open()
    yield made
    await made.close()


def values(payload: dict[str, Any]) -> dict[str, str]:
    """What a MeterValues says, by measurand."""
    (one,) = payload["meter_value"]
    return {value["measurand"]: value["value"] for value in one["sampled_value"]}


async def test_reading_that_is_answered_never_touches_the_disk(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port, MeterValueSampleInterval="60") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 1_000)
        await one.metered(1, 2_000, power_w=50_000, soc_percent=41)
        await one.wait(30)
        head, written = one.journal.head, one.journal.verify()
        await one.wait(600)
        told = [payload for _, payload in office.told("MeterValues")]
        assert len(told) == 10
        assert {payload["transaction_id"] for payload in told} == {101}
        assert values(told[-1]) == {
            "Energy.Active.Import.Register": "2000",
            "Power.Active.Import": "50000",
            "SoC": "41",
        }
        assert (one.journal.head, one.journal.verify()) == (head, written)


async def test_only_what_the_central_system_asked_for_is_told(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port, MeterValueSampleInterval="60") as one:
        await one.online()
        await office.ask(call.ChangeConfiguration(key="MeterValuesSampledData", value="Power.Active.Import"))
        await one.swipe(1, "ANNA")
        await one.plug(1, 1_000)
        await one.metered(1, 2_000, power_w=50_000, soc_percent=41)
        await one.wait(70)
        assert values(office.told("MeterValues")[-1][1]) == {"Power.Active.Import": "50000"}
        await office.ask(call.ChangeConfiguration(key="MeterValueSampleInterval", value="0"))
        office.heard.clear()
        await one.wait(600)
        assert office.told("MeterValues") == []


async def test_readings_of_an_outage_survive_a_power_cut_but_for_the_last_minute(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port, MeterValueSampleInterval="60") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 1_000)
        await office.close()
        await eventually(lambda: not one.csms.link.online, "the loss of the line was noticed")
        for minute in range(1, 11):
            one.readings[EvseId(1)] = Reading(power_w=50_000, register_wh=1_000 + minute * 800)
            await one.wait(60)
        durable = one.journal.owed_counts()["csms"]
        assert durable >= 9
        rows = one.journal.owed("csms", 100)
    assert [row.kind for row in rows] == ["MeterValues"] * durable


async def test_readings_come_before_the_stop_that_ends_them(tmp_path: Path, clock: ManualClock, office: Office) -> None:
    async with agent(tmp_path, clock, office.port, MeterValueSampleInterval="60") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 1_000)
        await office.close()
        await eventually(lambda: not one.csms.link.online, "the loss of the line was noticed")
        await one.metered(1, 2_000)
        await one.wait(200)
        await one.unplug(1, 2_100)
        await office.open()
        await one.online()
        await one.wait(30)
        told = [action for action, _ in office.transactions()]
        assert told == ["StartTransaction", *["MeterValues"] * 3, "StopTransaction"]
        times = [payload["meter_value"][0]["timestamp"] for _, payload in office.told("MeterValues")]
        assert times == sorted(set(times))


async def test_reading_that_becomes_a_row_while_its_answer_is_on_the_way_is_sent_once(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    held = asyncio.Event()
    async with agent(tmp_path, clock, office.port, MeterValueSampleInterval="60") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 1_000)
        await one.metered(1, 2_000)
        session = office.sessions[-1]
        route = session.route_map["MeterValues"]["_on_action"]

        async def slowly(**payload: Any) -> Any:
            await held.wait()
            return route(**payload)

        session.route_map["MeterValues"]["_on_action"] = slowly
        await one.wait_unanswered(61)
        assert one.csms.link.awaiting
        one.journal.owed_counts()
        unplugging = asyncio.ensure_future(one.unplug(1, 2_100))
        await eventually(lambda: one.journal.owed_counts().get("csms") == 2, "reading and stop are rows")
        held.set()
        await unplugging
        assert [action for action, _ in office.transactions()] == ["StartTransaction", "MeterValues", "StopTransaction"]
        assert one.journal.owed_counts() == {}


async def test_clean_stop_keeps_what_was_in_memory(tmp_path: Path, clock: ManualClock, office: Office) -> None:
    async with agent(tmp_path, clock, office.port, MeterValueSampleInterval="60") as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 1_000)
        await office.close()
        await eventually(lambda: not one.csms.link.online, "the loss of the line was noticed")
        await one.metered(1, 2_000)
        await one.wait(61)
        assert one.journal.owed_counts() == {}
    await office.open()
    async with agent(tmp_path, clock, office.port, MeterValueSampleInterval="60") as one:
        await one.online()
        await one.rest()
        assert len(office.told("MeterValues")) == 1


# --- without sockets


def charging(begun_ms: int = 0) -> TxState:
    return TxState(open={1: Tx(stay=7, begun=True, begun_ms=begun_ms, energised=True, register_wh=100)})


def sampling(interval_s: int = 60, room: Callable[[], bool] = lambda: True) -> Sampling:
    keys = KeyTable(stored={"MeterValueSampleInterval": str(interval_s)})
    numbers = iter(range(10_000))
    return Sampling(lambda: f"{next(numbers)}", lambda: keys, room)


READINGS = {EvseId(1): Reading(power_w=7_000, register_wh=500)}


def test_a_reading_is_due_once_an_interval_counted_from_the_start() -> None:
    one = sampling()
    for at_ms in range(5_000, 300_000, 1_000):
        one.take(charging(begun_ms=5_000), READINGS, at_ms, 1)
    assert [sample.fact.at_ms for sample in one.after(0)] == [65_000, 125_000, 185_000, 245_000]
    assert one.wake(charging(begun_ms=5_000), 299_000) == 65_000 + SPILL_AFTER_MS


def test_after_a_restart_no_readings_are_made_up_for_the_time_before_it() -> None:
    one = sampling()
    one.take(charging(), READINGS, 3_600_000, 1)
    assert one.first is None
    one.take(charging(), READINGS, 3_660_000, 1)
    assert one.first is not None


def test_memory_is_bounded_and_the_newest_reading_stays() -> None:
    one = sampling(interval_s=1)
    for second in range(3 * SAMPLES_MAX):
        one.take(charging(), READINGS, second * 1000, 1)
    waiting = one.after(0)
    assert len(waiting) <= SAMPLES_MAX
    assert waiting[-1].fact.at_ms == (3 * SAMPLES_MAX - 1) * 1000
    assert [sample.number for sample in waiting] == sorted(sample.number for sample in waiting)


def test_reading_taken_while_the_end_was_being_written_is_none() -> None:
    one = sampling()
    for at_ms in (0, 60_000, 120_000):
        one.take(charging(), READINGS, at_ms, 1)
    ended = replace(charging().open[1], ended_ms=119_000)
    one.kept(0, TxState(open={1: ended}))
    assert [sample.fact.at_ms for sample in one.after(0)] == [60_000]
    one.kept(0, TxState())
    assert one.first is None


def test_without_room_in_the_lane_readings_stay_in_memory() -> None:
    one = sampling(room=lambda: False)
    for at_ms in (0, 60_000):
        one.take(charging(), READINGS, at_ms, 1)
    assert one.after(0) == ()
    assert one.overdue(60_000 + SPILL_AFTER_MS) == {1: 500}
    assert one.overdue(60_001 + SPILL_AFTER_MS) == {}


def test_stop_does_not_keep_again_what_a_turn_is_keeping() -> None:
    one = sampling()
    for at_ms in (0, 60_000):
        one.take(charging(), READINGS, at_ms, 1)
    assert len(one.after(0)) == 1
    one.take(charging(), READINGS, 120_000, 1)
    assert [sample.fact.at_ms for sample in one.take_all()] == [120_000]
    assert one.first is None
