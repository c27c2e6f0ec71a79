"""Unclean ends in a row: counted over starts without any clock, forgiven by a clean stop or good running."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.kernel.ends import FILE, GOOD_S, LINK_MUTED_S, TRY_AGAIN_S, UNCLEAN_MAX, Ends, Start, boot_of_machine
from drivers.twin.clock import ManualClock


class Crash(Exception):  # noqa: N818 - what it is
    """A bug of ours."""


class Said(Exception):  # noqa: N818 - what it is
    """What an operator can mend."""


def ends(directory: Path, boot: str = "boot 1") -> Ends:
    return Ends(directory, (Said,), boot)


def killed(directory: Path, boot: str = "boot 1") -> Start:
    """A run that is killed: it begins and is never heard of again. Return what it was allowed to do."""
    return begun(ends(directory, boot))


def begun(run: Ends) -> Start:
    """Begin a run that never ends."""
    never_ended = ExitStack()
    _NEVER_ENDED.append(never_ended)
    return never_ended.enter_context(run.counted())


_NEVER_ENDED: list[ExitStack] = []  # collected, a run would end


def stopped(directory: Path) -> Start:
    """A run that is stopped by somebody."""
    with ends(directory).counted() as start:
        return start


def crashed(directory: Path, error: BaseException, *, ready: bool = False) -> Start:
    """A run that ends by an error, before or after it was ready."""
    run = ends(directory)
    allowed: list[Start] = []

    def work() -> None:
        with run.counted() as start:
            allowed.append(start)
            if ready:
                run.ready()
            raise error

    with pytest.raises(type(error)):
        work()
    return allowed[0]


def test_after_three_kills_in_a_row_the_next_start_is_in_safe_mode_and_a_clean_stop_ends_it(tmp_path: Path) -> None:
    assert [killed(tmp_path).unclean for _ in range(UNCLEAN_MAX)] == [0, 1, 2]
    assert killed(tmp_path).paused
    assert stopped(tmp_path).paused
    assert stopped(tmp_path) == Start(0)
    assert not (tmp_path / FILE).exists(), "nothing is written down of a site that is well"


def test_each_end_that_safe_mode_did_not_prevent_takes_more_away() -> None:
    starts = [Start(n) for n in range(6)]
    assert [s.paused for s in starts] == [False, False, False, True, True, True]
    assert [s.link_after_s for s in starts] == [0.0, 0.0, 0.0, LINK_MUTED_S, None, None]
    assert [s.hardware for s in starts] == [True, True, True, True, True, False]


def test_a_clean_stop_in_between_begins_the_count_anew(tmp_path: Path) -> None:
    killed(tmp_path)
    killed(tmp_path)
    stopped(tmp_path)
    assert killed(tmp_path) == Start(0)


def test_a_crash_counts_and_a_cancelled_run_does_not(tmp_path: Path) -> None:
    crashed(tmp_path, Crash())
    assert crashed(tmp_path, BaseExceptionGroup("tasks", [Crash(), Said()])).unclean == 1
    assert crashed(tmp_path, asyncio.CancelledError()).unclean == 2
    assert killed(tmp_path) == Start(0)


def test_what_an_operator_can_mend_does_not_count_before_the_agent_is_ready_and_does_afterwards(tmp_path: Path) -> None:
    killed(tmp_path)
    for _ in range(5):
        assert crashed(tmp_path, BaseExceptionGroup("tasks", [Said()])).unclean == 1
    assert crashed(tmp_path, Said(), ready=True).unclean == 1
    assert killed(tmp_path).unclean == 2


def test_power_cuts_do_not_count_and_do_not_forgive(tmp_path: Path) -> None:
    killed(tmp_path, "boot 1")
    killed(tmp_path, "boot 1")
    assert [killed(tmp_path, f"boot {n}").unclean for n in range(2, 9)] == [1] * 7
    assert [killed(tmp_path, "boot 8").unclean for _ in range(2)] == [2, 3]
    assert killed(tmp_path, "boot 9").paused, "a power cut does not end safe mode"


async def test_ten_minutes_of_good_running_begin_the_count_anew(tmp_path: Path) -> None:
    for seconds, unclean in ((GOOD_S - 1, 2), (GOOD_S, 1)):
        killed(tmp_path)
        run, clock = ends(tmp_path), ManualClock()
        watch = asyncio.ensure_future(run.watch(begun(run), clock, lambda: None))
        await clock.advance(seconds)
        if seconds >= GOOD_S:
            await watch
        watch.cancel()
        assert killed(tmp_path).unclean == unclean
        stopped(tmp_path)


async def test_safe_mode_tries_as_usual_after_an_hour_and_one_more_crash_brings_it_back(tmp_path: Path) -> None:
    for _ in range(UNCLEAN_MAX):
        killed(tmp_path)
    run, clock, restart = ends(tmp_path), ManualClock(), asyncio.Event()
    with run.counted() as start:
        watch = asyncio.ensure_future(run.watch(start, clock, restart.set))
        await clock.advance(TRY_AGAIN_S - 1)
        assert not restart.is_set()
        await clock.advance(1)
        await watch
        assert restart.is_set()
    assert not killed(tmp_path).paused
    assert killed(tmp_path).paused


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"unclean": -1, "boot": null}', b'{"unclean": "3", "boot": "x"}'])
def test_a_count_that_cannot_be_read_is_none(tmp_path: Path, said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_bytes(said)
    assert stopped(tmp_path) == Start(0)
    assert "ends=unreadable" in caplog.text


def test_a_disk_that_takes_no_count_keeps_nobody_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "ends.new").mkdir()
    with ends(tmp_path).counted() as start:
        assert start == Start(0)
    assert "ends=not_kept" in caplog.text


def test_boots_are_told_apart_by_the_folder_of_the_run_that_none_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    first = boot_of_machine()
    assert boot_of_machine() == first
    (tmp_path / "boot").unlink()
    assert boot_of_machine() != first
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "missing"))
    assert boot_of_machine() == "unknown"
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    assert boot_of_machine() == boot_of_machine()
