"""Calls that block: in threads of their own, so that a bus that hangs for ever costs its device alone."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from drivers.blocking import Blocking, Threads

WAIT_S = 10  # for a thread or a process on a busy machine


class Bus:
    """A bus that hangs until the test lets it go."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.transfers = 0

    def transfer(self) -> int:
        """Transfer, after the hang."""
        self._loop.call_soon_threadsafe(self.begun.set)
        self.free.wait()
        self.transfers += 1
        return self.transfers

    async def hang(self, calls: Blocking) -> "asyncio.Task[int]":
        """Return a transfer that hangs."""
        self.begun.clear()
        task = asyncio.ensure_future(calls.call(self.transfer))
        await asyncio.wait_for(self.begun.wait(), WAIT_S)
        return task


async def _given_up(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_call_returns_what_its_job_returns_and_raises_what_it_raises() -> None:
    calls = Blocking("panel")
    assert await calls.call(lambda: 7) == 7

    def fails() -> None:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        await calls.call(fails)
    assert await calls.call(lambda: threading.current_thread().name) == "panel"


async def test_a_device_that_hangs_delays_neither_another_device_nor_who_reads_in_the_pool_of_the_loop() -> None:
    bus, calls = Bus(), Blocking("panel-1")
    for _ in range(40):  # more than any pool has
        await asyncio.sleep(0)
        if not bus.begun.is_set():
            hung = await bus.hang(calls)
            await _given_up(hung)
        again = asyncio.ensure_future(calls.call(bus.transfer))
        await asyncio.sleep(0)
        await _given_up(again)
    async with asyncio.timeout(WAIT_S):
        assert await Blocking("panel-2").call(lambda: 2) == 2
        assert await asyncio.to_thread(lambda: 3) == 3
    bus.free.set()
    async with asyncio.timeout(WAIT_S):
        assert await calls.call(bus.transfer) == 2, "the hung one and this one: those given up meanwhile never began"


async def test_a_job_waits_for_the_one_before_it_also_when_nobody_waits_for_that_any_more() -> None:
    bus, calls = Bus(), Blocking("panel")
    await _given_up(await bus.hang(calls))
    second = asyncio.ensure_future(calls.call(bus.transfer))
    await asyncio.sleep(0)
    assert not second.done()
    bus.free.set()
    assert await asyncio.wait_for(second, WAIT_S) == 2


async def test_beyond_the_limit_a_job_waits_for_a_thread_and_is_dropped_if_its_caller_goes() -> None:
    threads, bus, ran = Threads(1), Bus(), list[str]()
    hung = await bus.hang(Blocking("panel-1", threads))

    def noted(name: str) -> Callable[[], None]:
        return lambda: ran.append(name)

    gone = asyncio.ensure_future(Blocking("panel-2", threads).call(noted("gone")))
    waits = asyncio.ensure_future(Blocking("panel-3", threads).call(noted("waits")))
    await asyncio.sleep(0)
    await _given_up(gone)
    assert ran == []
    bus.free.set()
    async with asyncio.timeout(WAIT_S):
        await waits
        assert await hung == 1
    assert ran == ["waits"]


def test_a_process_ends_though_a_device_hangs_for_ever() -> None:
    program = """
import asyncio, contextlib, threading
from drivers.blocking import Blocking
async def main():
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()
    def hang():
        loop.call_soon_threadsafe(begun.set)
        threading.Event().wait()
    task = asyncio.ensure_future(Blocking("panel").call(hang))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(print, "stopped")
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=WAIT_S, check=True)
    assert (done.stdout, done.stderr) == ("stopped\n", "")
