"""When what is owed to the CSMS becomes a frame, and what a restart knows of a register without a row for each note."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from csms_fixtures import UTC_MS, Agent, Office, agent, eventually

from agent.csms.v16.projection import LANE
from agent.csms.v16.stores import TRANSACTIONS
from agent.ocpp.v16.transactions import Started, Stopped
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


def owed_at_once(one: Agent) -> list[tuple[str, bool]]:
    """Return a list to which each turn adds what is owed when it is durable: kind, and whether its frame is fixed."""
    found: list[tuple[str, bool]] = []
    one.runner.listen(
        lambda _: found.extend((row.kind, row.frame is not None) for row in one.journal.owed(LANE, limit=10))
    )
    return found


async def test_message_that_needs_nothing_more_is_fixed_in_the_commit_that_owes_it(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await one.swipe(1, "ANNA")
        owed = owed_at_once(one)
        await one.plug(1, 1_000)
        await one.wait(60)
        await one.unplug(1, 3_000)
        assert set(owed) == {("StartTransaction", True), ("StopTransaction", True)}
    start, stop = (payload for _, payload in office.told("StartTransaction", "StopTransaction"))
    assert (start["id_tag"], start["meter_start"]) == ("ANNA", 1_000)
    assert (stop["transaction_id"], stop["meter_stop"]) == (101, 3_000)


async def test_message_owed_without_a_line_stays_a_fact_until_it_is_sent(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await office.close()
        await eventually(lambda: not one.csms.link.online, "the loss of the line was noticed")
        owed = owed_at_once(one)
        await one.plug(1, 1_000)
        assert set(owed) == {("StartTransaction", False)}
        await office.open()
        await one.online()
        await one.wait(30)
        assert [payload["id_tag"] for _, payload in office.told("StartTransaction")] == ["ANNA"]


async def test_stop_is_final_only_when_its_start_has_a_number(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    start = Started(stay=7, connector_id=1, at_ms=0, boot=1, register_wh=0, subject=None, reserve_id=None)
    stop = Stopped(stay=7, connector_id=1, at_ms=0, boot=1, register_wh=0, reason="Local", subject=None)
    async with agent(tmp_path, clock, office.port) as one:
        assert one.csms.delivery.final(start) is None, "there is no line yet"
        await one.online()
        assert one.csms.delivery.final(start) is not None
        assert one.csms.delivery.final(stop) is None


async def test_noting_a_register_writes_no_row_besides_its_event(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, 1_000)
        rows = one.journal.records(TRANSACTIONS)
        await one.metered(1, 2_000)
        assert one.journal.records(TRANSACTIONS) == rows != {}


@pytest.mark.parametrize(
    ("first_wh", "noted_wh", "told_wh"),
    [
        pytest.param(1_000, (2_000, 3_000), (1_000, 3_000), id="a meter that counts"),
        pytest.param(1_000, (3_000, 2_500), (1_000, 3_000), id="a meter that runs backwards"),
        pytest.param(None, (7_000, 7_500), (0, 500), id="a meter that was silent at first"),
    ],
)
async def test_registers_that_were_only_noted_are_known_after_a_restart(
    tmp_path: Path,
    clock: ManualClock,
    office: Office,
    first_wh: int | None,
    noted_wh: tuple[int, ...],
    told_wh: tuple[int, int],
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await one.swipe(1, "ANNA")
        await one.plug(1, first_wh)
        for register_wh in noted_wh:
            await one.metered(1, register_wh)
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        await one.unplug(1, None)
        await one.wait(30)
    start, stop = (payload for _, payload in office.told("StartTransaction", "StopTransaction"))
    assert (start["meter_start"], stop["meter_stop"]) == told_wh
