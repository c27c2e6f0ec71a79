"""The runner: what is said was recorded, what is due happens, and a failing disk is admitted."""

import asyncio
from pathlib import Path

import pytest
from kernel_fixtures import join, location, running
from shared_fixtures import FailingJournal, open_journal, replayed

from agent.core.events import CheckedIn, EvseAssigned
from agent.core.inputs import (
    BaySeen,
    ContactorSeen,
    Input,
    JoinQueue,
    MakeReserveNow,
    PluggedIn,
    Refusal,
    Refused,
    SnoozeCheckIn,
    SuspensionSeen,
    Unplugged,
)
from agent.core.layout import CheckInId, ConnectorId, EvseId, SubjectRef
from agent.core.state import Bay, CheckInState
from agent.journal.turn import PutRecord
from agent.kernel.inbox import INBOX_MAX, Busy, Conclusion, Inbox, Item
from agent.kernel.runner import Published
from agent.kernel.storing import PROVISIONAL_CHECK_INS_MAX
from drivers.twin.clock import ManualClock


async def test_an_acknowledged_check_in_is_in_the_journal(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        answer = await runner.ask(join("phone"))
        assert answer.step is not None
        assert [type(e) for e in answer.step.events] == [CheckedIn, EvseAssigned]
        assert not answer.provisional
        assert replayed(journal) == runner.site
    journal.close()


async def test_nobody_hears_before_the_commit(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    heads: list[tuple[int, int]] = []

    def heard(published: Published) -> None:
        stored = len(journal.events(0, 1000))
        heads.append((published.site.sequence, stored))

    async with running(journal, ManualClock()) as runner:
        runner.listen(heard)
        await asyncio.gather(*(runner.ask(join(f"phone-{n}", n)) for n in range(20)))
    assert heads
    assert all(stored >= sequence for sequence, stored in heads)
    journal.close()


async def test_requests_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    turns = 0

    def heard(_: Published) -> None:
        nonlocal turns
        turns += 1

    async with running(journal, ManualClock()) as runner:
        runner.listen(heard)
        await asyncio.gather(*(runner.ask(join(f"phone-{n}", n)) for n in range(60)))
        assert turns <= 3
        assert len(runner.site.check_ins) == 60
    journal.close()


async def test_a_hold_lapses_when_its_time_comes(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    clock = ManualClock()
    async with running(journal, clock, evses=1) as runner:
        await runner.ask(join("first"))
        await runner.ask(join("second"))
        await runner.idle()
        await clock.advance(301)
        await runner.idle()
        first, second = (runner.site.check_ins[CheckInId(n)] for n in (1, 2))
        assert first.state is CheckInState.WAITING
        assert first.misses == 1
        assert second.state is CheckInState.CALLED
    journal.close()


async def test_a_refused_request_changes_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        head, before = journal.head, runner.site
        answer = await runner.ask(SnoozeCheckIn(check_in=CheckInId(99), minutes=10))
        assert answer.step is not None
        assert answer.step.refused == Refused(reason=Refusal.CHECKIN_UNKNOWN)
        assert (journal.head, runner.site) == (head, before)
    journal.close()


async def test_repeated_readings_write_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with running(journal, ManualClock()) as runner:
        head = journal.head
        for _ in range(50):
            await runner.tell(BaySeen(evse=EvseId(1), bay=Bay.FREE))
        assert journal.head == head
    journal.close()


async def test_rows_of_a_conclusion_are_in_the_same_commit(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    row = PutRecord(store="page", key="a", value=b"1")
    async with running(journal, ManualClock()) as runner:
        answer = await runner.ask(join("phone"), lambda step, _: Conclusion(step.events[0], (row,)))
        assert isinstance(answer.reply, CheckedIn)
        assert journal.record("page", "a") == b"1"
        await runner.store((PutRecord(store="page", key="b", value=b"2"),))
        assert journal.record("page", "b") == b"2"
    journal.close()


async def test_a_restart_continues_where_the_journal_ended(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    clock = ManualClock()
    async with running(journal, clock, evses=1) as runner:
        await runner.ask(join("first"))
        await runner.ask(join("second"))
        await runner.idle()
        await clock.advance(200)
    journal.close()
    journal = open_journal(tmp_path)
    clock = ManualClock()
    async with running(journal, clock, replayed(journal), evses=1, boot=2) as runner:
        hold = runner.site.holds[EvseId(1)]
        assert hold.check_in == CheckInId(1)
        assert hold.until_ms - runner.now().elapsed_ms == location(1).policy.arrival_window_ms
        assert runner.site.check_ins[CheckInId(2)].state is CheckInState.WAITING
    journal.close()


async def test_a_failing_disk_is_admitted_and_what_was_kept_in_memory_is_stored_later(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    failing = FailingJournal(journal)
    clock = ManualClock()
    async with running(failing, clock) as runner:
        failing.broken = True
        answer = await runner.ask(join("phone"))
        assert answer.provisional
        assert runner.provisional
        failing.broken = False
        await runner.idle()
        await clock.advance(6)
        await runner.idle()
        assert not runner.provisional
        assert replayed(journal) == runner.site
        assert not (await runner.ask(join("other"))).provisional
    journal.close()


async def test_promises_without_a_disk_are_few_and_never_reservations(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    failing = FailingJournal(journal)
    async with running(failing, ManualClock()) as runner:
        failing.broken = True
        for n in range(PROVISIONAL_CHECK_INS_MAX):
            assert (await runner.ask(join(f"phone-{n}", n))).provisional
        full = await runner.ask(join("one more"))
        assert full.step is not None
        assert full.step.refused == Refused(reason=Refusal.CANNOT_STORE)
        reserve = MakeReserveNow(id=1, evse=EvseId(2), subject=SubjectRef("card"), for_ms=60_000)
        refused = await runner.ask(reserve)
        assert refused.step is not None
        assert refused.step.refused == Refused(reason=Refusal.CANNOT_STORE)
    journal.close()


async def test_readings_fold_only_where_the_order_at_their_evse_stays_true() -> None:
    inbox = Inbox()
    plug = PluggedIn(evse=EvseId(1), connector=ConnectorId(1))
    there, gone = BaySeen(evse=EvseId(1), bay=Bay.OCCUPIED), BaySeen(evse=EvseId(1), bay=Bay.FREE)
    seen: list[Input] = [there, plug, plug, there, plug, Unplugged(evse=EvseId(1)), gone, plug]
    for given in seen:
        inbox.put(Item(given, None, (), None))
    assert [item.given for item in inbox.take()] == [there, plug, Unplugged(evse=EvseId(1)), gone, plug]
    inbox.put(Item(gone, None, (), None))
    assert [item.given for item in inbox.take()] == [gone]


async def test_a_device_that_repeats_itself_without_end_takes_no_room() -> None:
    inbox = Inbox()
    for _ in range(100_000):
        inbox.put(Item(PluggedIn(evse=EvseId(1), connector=ConnectorId(1)), None, (), None))
        inbox.put(Item(ContactorSeen(evse=EvseId(1), energised=False), None, (), None))
        inbox.put(Item(SuspensionSeen(evse=EvseId(1), by_ev=False), None, (), None))
    assert len(inbox) == 3


def _item(given: JoinQueue | BaySeen) -> Item:
    return Item(given, None, (), None)


async def test_a_full_inbox_refuses_requests_and_folds_readings() -> None:
    inbox = Inbox()
    for n in range(INBOX_MAX):
        inbox.put(_item(join(f"phone-{n}")))
    with pytest.raises(Busy):
        inbox.put(_item(join("one more")))
    inbox.put(_item(BaySeen(evse=EvseId(1), bay=Bay.FREE)))
    inbox.put(_item(BaySeen(evse=EvseId(1), bay=Bay.OCCUPIED)))
    inbox.put(_item(BaySeen(evse=EvseId(2), bay=Bay.FREE)))
    assert len(inbox) == INBOX_MAX + 2
    taken: list[Item] = []
    while more := inbox.take():
        taken += more
    assert [i.given for i in taken[-2:]] == [
        BaySeen(evse=EvseId(1), bay=Bay.OCCUPIED),
        BaySeen(evse=EvseId(2), bay=Bay.FREE),
    ]
