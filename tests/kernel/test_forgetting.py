"""Forgetting: a day after nothing needs somebody, no byte of them is left in any file or log."""

import gzip
from pathlib import Path

import pytest
from kernel_fixtures import POOL, running
from shared_fixtures import open_journal, replayed

from agent.core.inputs import BaySeen, JoinQueue, LeaveQueue, PluggedIn, TokenPresented, Unplugged, Verdict
from agent.core.layout import CheckInId, ConnectorId, EvseId
from agent.core.state import Bay, Origin
from agent.journal.disk import DATABASE
from agent.journal.export import export_lines, list_lines
from agent.journal.store import Journal
from agent.journal.turn import Acknowledge, Bury, FreezeFrame, Owe, PutRecord
from agent.kernel.clock import LocationClock
from agent.kernel.forgetting import LOOK_EVERY_MS, SPAN_MS, STORE, Forgetting
from agent.kernel.inbox import Conclusion
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from drivers.twin.clock import ManualClock

KEY = SiteKey(bytes(32))
HOUR_S = 3600.0


def _janitor(runner: Runner, journal: Journal, clock: ManualClock, subjects: Subjects) -> Forgetting:
    time = LocationClock(clock, runner.now().elapsed_ms, lambda: None)
    return Forgetting(runner, time, journal, subjects, ("state",))


async def _hours(janitor: Forgetting, runner: Runner, clock: ManualClock, hours: int) -> None:
    """Let hours pass, with somebody parking in each."""
    for hour in range(hours):
        await runner.tell(BaySeen(evse=EvseId(1), bay=Bay.OCCUPIED if hour % 2 else Bay.UNKNOWN))
        await runner.idle()
        await clock.advance(LOOK_EVERY_MS / 1000)
        await janitor.look()


async def _joins(runner: Runner, subjects: Subjects, cookie: str) -> CheckInId:
    known = subjects.of("device", cookie)
    request = JoinQueue(pool=POOL, draw=len(cookie), origin=Origin.PAGE, device=known.ref)
    answer = await runner.ask(request, lambda step, _: Conclusion(max(step.site.check_ins), known.writes))
    found: CheckInId = answer.reply
    return found


async def test_who_left_is_forgotten_a_day_later_and_who_charges_is_not(tmp_path: Path) -> None:
    journal, clock = open_journal(tmp_path), ManualClock()
    subjects = Subjects(journal, KEY)
    async with running(journal, clock, evses=1) as runner:
        janitor = _janitor(runner, journal, clock, subjects)
        card = subjects.of("token", "CARD")
        await runner.tell(PluggedIn(evse=EvseId(1), connector=ConnectorId(1)))
        seen = TokenPresented(evse=EvseId(1), subject=card.ref, verdict=Verdict.ACCEPTED, draw=1)
        await runner.tell(seen, lambda _step, _now: Conclusion(None, card.writes))
        await runner.ask(LeaveQueue(check_in=await _joins(runner, subjects, "phone")))
        await _hours(janitor, runner, clock, 25)
        assert len(journal.subject_refs()) == 2
        await _hours(janitor, runner, clock, 2)
        assert journal.subject_refs() == (card.ref,)
        await runner.tell(Unplugged(evse=EvseId(1)))
        await runner.tell(BaySeen(evse=EvseId(1), bay=Bay.FREE))
        await _hours(janitor, runner, clock, 27)
        assert journal.subject_refs() == ()
        assert journal.records(STORE) == {}
        assert replayed(journal) == runner.site
    journal.close()


async def test_who_is_named_by_an_owed_message_or_a_store_is_kept_until_it_is_done(tmp_path: Path) -> None:
    journal, clock = open_journal(tmp_path), ManualClock()
    subjects = Subjects(journal, KEY)
    async with running(journal, clock) as runner:
        owed, stored = subjects.of("token", "OWED"), subjects.of("token", "STORED")
        fact = b'{"subject":"' + owed.ref.encode() + b'"}'
        await runner.store((*owed.writes, Owe(lane="x", message_id="m", kind="k", fact=fact, group=None)))
        row = PutRecord(store="state", key="tx", value=b"00" + stored.ref.encode())
        await runner.store((*stored.writes, row))
        janitor = _janitor(runner, journal, clock, subjects)
        await _hours(janitor, runner, clock, 30)
        assert set(journal.subject_refs()) == {owed.ref, stored.ref}
        await runner.store((Acknowledge(message_id="m"),))
        await _hours(janitor, runner, clock, 26)
        assert journal.subject_refs() == (stored.ref,)
    journal.close()


async def test_who_comes_back_within_the_day_begins_a_new_one(tmp_path: Path) -> None:
    journal, clock = open_journal(tmp_path), ManualClock()
    subjects = Subjects(journal, KEY)
    async with running(journal, clock) as runner:
        known = subjects.of("token", "CARD")
        await runner.store(known.writes)
        janitor = _janitor(runner, journal, clock, subjects)
        for _ in range(4):
            await _hours(janitor, runner, clock, 20)
            assert subjects.of("token", "card") == type(known)(known.ref, ())
        await _hours(janitor, runner, clock, 28)
        assert journal.subject_refs() == ()
        assert subjects.value(known.ref) is None, "nor is it in memory"
        assert subjects.of("token", "CARD").ref != known.ref
    journal.close()


async def test_restarts_do_not_put_forgetting_off(tmp_path: Path) -> None:
    journal, clock = open_journal(tmp_path), ManualClock()
    async with running(journal, clock) as runner:
        await runner.store(Subjects(journal, KEY).of("token", "CARD").writes)
    for boot in range(2, 6):
        async with running(journal, clock, replayed(journal), boot=boot, elapsed_ms=journal.last_elapsed_ms) as runner:
            await _hours(_janitor(runner, journal, clock, Subjects(journal, KEY)), runner, clock, 7)
    assert journal.subject_refs() == ()
    journal.close()


def _files(directory: Path) -> dict[str, bytes]:
    """All files below a folder by their path in it; packed ones unpacked."""
    files = {str(path.relative_to(directory)): path for path in directory.rglob("*") if path.is_file()}
    return {
        name: gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
        for name, path in files.items()
    }


def _marked(directory: Path) -> list[str]:
    return [name for name, data in _files(directory).items() if b"MARKER" in data.upper()]


async def _busy_hour(runner: Runner, subjects: Subjects, first: int) -> None:
    """Sixty people join and sixty cards are shown; for each something is told to the CSMS, or given up."""
    for n in range(first, first + 60):
        await _joins(runner, subjects, f"MARKER-COOKIE-{n:04d}")
        card = subjects.of("token", f"MARKERCARD{n:04d}")
        seen = TokenPresented(evse=EvseId(2), subject=card.ref, verdict=Verdict.ACCEPTED, draw=n)
        await runner.tell(seen, lambda _step, _now, card=card: Conclusion(None, card.writes))  # type: ignore[misc]
        await runner.tell(Unplugged(evse=EvseId(2)))
        fact = b'{"subject":"' + card.ref.encode() + b'"}'
        await runner.store((Owe(lane="x", message_id=f"m{n}", kind="StartTransaction", fact=fact, group=None),))
        await runner.store((FreezeFrame(message_id=f"m{n}", frame=b'{"idTag":"MARKERCARD%04d"}' % n * (1 + n % 40)),))
        done = Bury(message_id=f"m{n}", reason="refused") if n % 5 == 0 else Acknowledge(message_id=f"m{n}")
        await runner.store((done,))


async def test_after_the_span_no_file_no_export_and_no_log_line_has_a_byte_of_anybody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    state, second = tmp_path / "state", tmp_path / "second"
    journal, clock = open_journal(state, second=second), ManualClock()
    async with running(journal, clock, evses=2) as runner:
        await _busy_hour(runner, Subjects(journal, KEY), 0)
    journal.close()
    database = state / "live" / DATABASE
    data = bytearray(database.read_bytes())
    data[data.index(b"CheckedIn")] ^= 1
    database.write_bytes(data)
    journal = open_journal(state, second=second)
    assert journal.recovery.rebuilt
    assert f"quarantine/0001/{DATABASE}" in _marked(state)
    subjects = Subjects(journal, KEY)
    start = replayed(journal)
    async with running(journal, clock, start, evses=2, boot=2, elapsed_ms=journal.last_elapsed_ms) as runner:
        await _busy_hour(runner, subjects, 100)
        assert f"live/{DATABASE}-wal" in _marked(state)
        janitor = _janitor(runner, journal, clock, subjects)
        for check_in in runner.site.open_check_ins():
            await runner.ask(LeaveQueue(check_in=check_in.id))
        await _hours(janitor, runner, clock, SPAN_MS // LOOK_EVERY_MS + 3)
        await runner.keep_snapshot()
        files = _files(tmp_path)
        assert {f"state/live/{DATABASE}", f"state/live/{DATABASE}-wal", "second/a.snapshot"} <= set(files)
        assert b'"kind":"CheckedIn"' in files["state/quarantine/0001/events.jsonl.gz"], "what happened is kept"
        assert _marked(tmp_path) == []
        assert len(journal.dead_letters()) == 24, "what was given up is kept, too"
    journal.close()
    said = caplog.text + "".join(list_lines(state)) + "".join(export_lines(state))
    assert "MARKER" not in said.upper()


async def test_what_was_sent_is_in_no_file_any_more_within_the_hour_though_its_person_is_still_here(
    tmp_path: Path,
) -> None:
    journal, clock = open_journal(tmp_path), ManualClock()
    async with running(journal, clock) as runner:
        janitor = _janitor(runner, journal, clock, Subjects(journal, KEY))
        for n in range(300):
            owe = Owe(lane="x", message_id=f"m{n}", kind="k", fact=b"{}", group=None)
            await runner.store((owe, FreezeFrame(message_id=f"m{n}", frame=b"MARKER" * (1 + n % 90))))
            if n >= 3:
                await runner.store((Acknowledge(message_id=f"m{n - 3}"),))
        await _hours(janitor, runner, clock, 1)
        assert f"live/{DATABASE}" in _marked(tmp_path), "three are still owed"
        await runner.store(tuple(Acknowledge(message_id=f"m{n}") for n in range(297, 300)))
        await _hours(janitor, runner, clock, 1)
        assert _marked(tmp_path) == []
    journal.close()


async def test_damaged_files_stay_as_they_are_for_a_day_and_restarts_do_not_put_their_end_off(tmp_path: Path) -> None:
    entry = tmp_path / "quarantine" / "0001"
    entry.mkdir(parents=True)
    (entry / DATABASE).write_bytes(b"MARKER, and no database")
    (entry / f"{DATABASE}-wal").write_bytes(b"MARKER, and no log")
    clock = ManualClock()
    for boot, marked in ((1, 2), (2, 2), (3, 2), (4, 0)):
        journal = open_journal(tmp_path)
        at_ms = journal.last_elapsed_ms
        async with running(journal, clock, replayed(journal), boot=boot, elapsed_ms=at_ms) as runner:
            await _hours(_janitor(runner, journal, clock, Subjects(journal, KEY)), runner, clock, 8)
            assert len(_marked(tmp_path)) == marked
        journal.close()
    assert [path.name for path in entry.iterdir()] == ["events.jsonl.gz"]
    assert not journal.quarantined()
