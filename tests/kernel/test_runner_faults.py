"""The runner when something of ours is wrong: one input is lost, aloud; nothing else is."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kernel_fixtures import join, running
from shared_fixtures import FailingJournal, open_journal, replayed

from agent.core.events import Snoozed
from agent.core.inputs import BaySeen, JoinQueue
from agent.core.layout import CheckInId, EvseId
from agent.core.state import Bay, Origin
from agent.journal.errors import JournalError, StorageFailed
from agent.journal.store import Journal
from agent.journal.turn import WRITES_PER_TURN_MAX, PutReceipt, PutRecord, Turn
from agent.kernel.inbox import INBOX_MAX, Busy, Conclusion
from agent.kernel.mishaps import MISHAPS_MAX, Failed, Stopped, TooManyMishaps
from agent.kernel.replay import replay
from agent.kernel.runner import SNAPSHOT_EVERY_MS, Published
from agent.kernel.storing import BACKLOG_MAX, CannotGoOn
from drivers.twin.clock import ManualClock

BAD_REQUEST: Any = JoinQueue(pool="CCS", draw="no number", origin=Origin.PAGE)  # type: ignore[arg-type]


class _NobodyKnows:
    """An observation the core has never heard of."""


BAD_OBSERVATION: Any = _NobodyKnows()


async def test_a_request_that_breaks_the_core_is_answered_and_those_beside_it_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        outcomes = await asyncio.gather(
            runner.ask(join("one")), runner.ask(BAD_REQUEST), runner.ask(join("two")), return_exceptions=True
        )
        assert isinstance(outcomes[1], Failed)
        assert [c.device for c in runner.site.open_check_ins()] == ["one", "two"]
        assert replayed(journal) == runner.site
        assert runner.mishaps.total == 1
    assert "input=JoinQueue" in caplog.text
    assert "Traceback" in caplog.text
    journal.close()


async def test_an_observation_that_breaks_the_core_is_dropped_and_counted(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        runner.observe(BAD_OBSERVATION)
        await runner.tell(BaySeen(evse=EvseId(1), bay=Bay.OCCUPIED))
        assert runner.site.evse(EvseId(1)).bay is Bay.OCCUPIED
        assert runner.mishaps.total == 1
    journal.close()


async def test_lost_observations_without_end_end_the_agent(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock(), expected=TooManyMishaps) as runner:
        for _ in range(MISHAPS_MAX + 1):
            runner.observe(BAD_OBSERVATION)
        with pytest.raises(Stopped):
            await runner.ask(join("phone"))
    journal.close()


async def test_strangers_cannot_end_the_agent_with_requests_that_break_it(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        for _ in range(2 * MISHAPS_MAX):
            with pytest.raises(Failed):
                await runner.ask(BAD_REQUEST)
        assert (await runner.ask(join("phone"))).step is not None
    journal.close()


async def test_a_conclusion_that_fails_takes_its_input_with_it(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)

    def fails(*_: object) -> Conclusion:
        raise ZeroDivisionError

    async with running(journal, ManualClock()) as runner:
        with pytest.raises(Failed):
            await runner.ask(join("phone"), fails)
        assert runner.site.open_check_ins() == []
        assert replayed(journal) == runner.site
    journal.close()


async def test_a_listener_that_fails_keeps_nobody_else_from_hearing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    heard: list[Published] = []

    def fails(_: Published) -> None:
        raise ZeroDivisionError

    async with running(journal, ManualClock()) as runner:
        runner.listen(fails)
        runner.listen(heard.append)
        await runner.ask(join("phone"))
        assert heard[-1].site is runner.site
    journal.close()


async def test_rows_too_many_for_one_commit_are_stored_in_more(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    many = tuple(PutRecord(store="list", key=str(n), value=b"") for n in range(WRITES_PER_TURN_MAX - 10))
    more = tuple(PutRecord(store="more", key=str(n), value=b"") for n in range(20))
    async with running(journal, ManualClock()) as runner:
        await asyncio.gather(runner.store(many), runner.store(more), runner.ask(join("phone")))
        assert len(journal.records("more")) == 20
        assert len(runner.site.open_check_ins()) == 1
        assert not runner.provisional
    journal.close()


async def test_rows_that_the_journal_refuses_fail_their_own_caller_only(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    receipt = PutReceipt(source="page", request_id="1", digest=b"", answer=b"", elapsed_ms=0)
    async with running(journal, ManualClock()) as runner:
        await runner.store((receipt,))
        outcomes = await asyncio.gather(
            runner.ask(join("one")),
            runner.ask(join("two"), lambda _step, _now: Conclusion("given already", (receipt,))),
            runner.ask(join("three")),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], Failed)
        assert [c.device for c in runner.site.open_check_ins()] == ["one", "three"]
        assert replayed(journal) == runner.site
    journal.close()


class _Liar(FailingJournal):
    """A disk that says it failed, and yet keeps what it was given."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.lies = 0

    async def _lie(self, turn: Turn) -> int:
        await self._journal.append(turn)
        raise StorageFailed("cannot write: the test lies")

    def append(self, turn: Turn) -> Any:
        """Append, and deny it as often as `lies` says."""
        if not self.lies:
            return super().append(turn)
        self.lies -= 1
        return self._lie(turn)


async def test_a_turn_that_reached_the_disk_though_it_failed_is_not_written_twice(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    liar, clock = _Liar(journal), ManualClock()
    async with running(liar, clock, expected=CannotGoOn) as runner:
        liar.lies = 1
        assert (await runner.ask(join("phone"))).provisional
        await runner.idle()
        await clock.advance(6)
        with pytest.raises(Stopped):
            await runner.ask(join("later"))
    assert issubclass(CannotGoOn, JournalError)
    assert [c.device for c in replayed(journal).open_check_ins()] == ["phone"]
    journal.close()


async def test_a_disk_that_stays_dead_ends_the_agent_before_the_memory_does(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    failing = FailingJournal(journal)
    rows = tuple(PutRecord(store="x", key=str(n), value=b"") for n in range(BACKLOG_MAX // 10))
    async with running(failing, ManualClock(), expected=CannotGoOn) as runner:
        failing.broken = True
        for _ in range(10):
            await runner.store(rows)
        with pytest.raises(Stopped):
            await runner.ask(join("phone"))
    journal.close()


async def test_who_waits_when_the_runner_ends_is_told(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        waiting = asyncio.ensure_future(runner.ask(join("phone")))
        await asyncio.sleep(0)
    with pytest.raises(Stopped):
        await waiting
    runner.observe(BaySeen(evse=EvseId(1), bay=Bay.FREE))
    with pytest.raises(Stopped):
        await runner.store(())
    journal.close()


async def test_a_full_inbox_refuses_requests_but_not_rows_and_the_sign_of_life(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        asks = [asyncio.ensure_future(runner.ask(join(f"phone-{n}", n))) for n in range(INBOX_MAX + 1)]
        alive = asyncio.ensure_future(runner.store(()))
        outcomes = await asyncio.gather(*asks, return_exceptions=True)
        assert sum(isinstance(o, Busy) for o in outcomes) == 1
        await alive
    journal.close()


def _snapshots(directory: Path) -> int:
    return len(list((directory / "snapshots").glob("*")))


async def test_a_snapshot_is_kept_once_a_day_if_anything_happened_and_at_the_end(tmp_path: Path) -> None:
    journal, clock = open_journal(tmp_path), ManualClock()
    async with running(journal, clock) as runner:
        await runner.keep_snapshot()
        assert _snapshots(tmp_path) == 1
        await runner.keep_snapshot()
        assert _snapshots(tmp_path) == 1
        await clock.advance(SNAPSHOT_EVERY_MS / 1000)
        await runner.tell(BaySeen(evse=EvseId(1), bay=Bay.OCCUPIED))
        await runner.keep_snapshot()  # waits for the one that has begun
        assert _snapshots(tmp_path) == 2
    journal.close()


async def test_a_snapshot_that_fails_is_said_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        journal.close()
        with caplog.at_level(logging.WARNING):
            await runner.keep_snapshot()
        assert "snapshot=failed" in caplog.text
        assert runner.site.location is not None


async def test_an_event_about_somebody_who_was_lost_in_a_gap_changes_nobody_else(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        await runner.ask(join("phone"))
        before = runner.site
    lost = Snoozed(at_ms=0, check_in=CheckInId(99), until_ms=1)
    turn = Turn(expected_head=journal.head, boot=9, elapsed_ms=journal.last_elapsed_ms, utc_ms=None, events=(lost,))
    journal.append_now(turn)
    site, snapshot_head = replay(journal)
    assert replace(site, sequence=before.sequence) == before
    assert snapshot_head == 0
    journal.close()
