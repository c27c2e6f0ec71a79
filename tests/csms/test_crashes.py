"""A bug of ours in one message: the Central System gets an answer, the log a stack trace, the agent goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from csms_fixtures import UTC_MS, Office, agent
from ocpp.exceptions import InternalError  # type: ignore[import-untyped]
from ocpp.v16 import call  # type: ignore[import-untyped]

from agent.csms.v16.backlog import LOOK_EVERY_MS, READINGS_OWED_MAX, STARTS_OWED_MAX, Backlog
from agent.csms.v16.crashes import CRASHES_MAX, MUTED_MS
from drivers.twin.clock import ManualClock

SECRET = "do-not-log-me"


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


async def test_crash_at_the_desk_is_an_internal_error_and_says_nothing_of_the_payload(
    tmp_path: Path, clock: ManualClock, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "stationmaster")
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        with pytest.raises(InternalError):
            await office.ask(call.DataTransfer(vendor_id="org.broken", data=SECRET))
        assert (await office.ask(call.DataTransfer(vendor_id="org.example"))).status == "Accepted"
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("stationmaster")]
    assert any("frame=crashed action=DataTransfer error=RuntimeError" in text and "in _broken" in text for text in ours)
    assert not any(SECRET in text for text in ours)


async def test_action_that_crashes_again_and_again_is_muted_for_ten_minutes(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        list_before = one.csms.station.local
        one.csms.station.local = cast(Any, None)  # a bug of ours: the list is no list
        update = call.SendLocalList(list_version=1, update_type="Full", local_authorization_list=[])
        for _ in range(CRASHES_MAX):
            with pytest.raises(InternalError):
                await office.ask(update)
        one.csms.station.local = list_before
        with pytest.raises(InternalError):
            await office.ask(update)
        assert (await office.ask(call.GetLocalListVersion())).list_version == 0
        await one.wait(MUTED_MS / 1000 + 1)
        assert (await office.ask(update)).status == "Accepted"


async def test_answer_that_we_fail_to_handle_counts_as_not_processed(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    keys: dict[str, Any] = {"TransactionMessageAttempts": "2", "TransactionMessageRetryInterval": "60"}
    async with agent(tmp_path, clock, office.port, **keys) as one:
        await one.online()
        await one.swipe(1, "ANNA")
        cache = one.csms.station.cache
        one.csms.station.cache = cast(Any, None)
        await one.plug(1, 100)
        one.csms.station.cache = cache
        assert len(office.told("StartTransaction")) == 1
        await one.wait(70)
        assert len(office.told("StartTransaction")) == 2
        assert one.csms.delivery.stay_of(102) is not None
        assert one.journal.owed_counts() == {}


async def test_nobody_who_pays_starts_when_the_owed_lane_is_nearly_full(
    tmp_path: Path, clock: ManualClock, office: Office
) -> None:
    async with agent(tmp_path, clock, office.port) as one:
        await one.online()
        one.csms._backlog.count = STARTS_OWED_MAX
        assert await one.swipe(1, "ANNA") == "Uncheckable"
        assert (await office.ask(call.RemoteStartTransaction(id_tag="ANNA", connector_id=1))).status == "Rejected"
        await one.wait(LOOK_EVERY_MS / 1000 + 1)
        await office.ask(call.GetLocalListVersion())
        await one.rest()
        assert await one.swipe(1, "ANNA") == "Accepted"


async def test_backlog_is_looked_at_once_a_minute() -> None:
    counts = iter(({"csms": READINGS_OWED_MAX}, {"csms": STARTS_OWED_MAX}))
    backlog = Backlog()
    assert backlog.room
    await backlog.look(lambda: next(counts), 0)
    await backlog.look(lambda: next(counts), LOOK_EVERY_MS - 1)
    assert (backlog.room, backlog.full) == (False, False)
    await backlog.look(lambda: next(counts), LOOK_EVERY_MS)
    assert backlog.full
