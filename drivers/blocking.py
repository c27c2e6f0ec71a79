"""Calls that block, such as bus transfers: in threads of the drivers' own, one at a time for each device.

Touches threads. A bus that hangs for ever costs its device one thread, and nobody else anything: not the pool that web
and journal read in, not another device, and not the end of the process, which waits for no thread of these.
"""

import asyncio
import concurrent.futures
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from drivers.ports import DeviceError

THREADS_MAX = 16  # more panels than buses can be wired to one board; the unit's TasksMax=64 leaves the agent the rest

T = TypeVar("T")


class Threads:
    """Up to `limit` threads, which begin with a job and end when none waits. Jobs beyond wait for their turn."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, Callable[[], Any], concurrent.futures.Future[Any]]] = deque()
        self._running = 0

    def submit(self, name: str, job: Callable[[], T]) -> "concurrent.futures.Future[T]":
        """Take a job of a device; cancelled before it began, it is dropped. DeviceError where no thread can begin."""
        done: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            self._waiting.append((name, job, done))
            if self._running == self._limit:
                return done
            self._running += 1
        try:
            threading.Thread(target=self._work, daemon=True).start()
        except RuntimeError as error:  # the system gives no more
            with self._lock:
                self._running -= 1
            done.cancel()
            raise DeviceError(f"{name}: {error}: find out what hangs, and restart the agent") from error
        return done

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                name, job, done = self._waiting.popleft()
            if not done.set_running_or_notify_cancel():
                continue
            threading.current_thread().name = name
            try:
                result = job()
            except BaseException as error:  # whatever it is, whoever waits must hear of it
                done.set_exception(error)
            else:
                done.set_result(result)


THREADS = Threads(THREADS_MAX)
"""Those of this process: an agent that starts again within it finds what still hangs."""


class Blocking:
    """The calls of one device."""

    def __init__(self, name: str, threads: Threads = THREADS) -> None:
        """`name` is the device's, for errors and in lists of threads."""
        self._name = name
        self._threads = threads
        self._turn = asyncio.Lock()
        self._last: concurrent.futures.Future[Any] | None = None

    async def call(self, job: Callable[[], T]) -> T:
        """Return what `job` returns, once the job before it has ended, also one that nobody waits for any more.

        A caller who is cancelled leaves the job running: a thread cannot be ended. Has no time limit of its own.
        """
        async with self._turn:
            await self._quiet()
            self._last = done = self._threads.submit(self._name, job)
            return await asyncio.wrap_future(done)

    async def _quiet(self) -> None:
        if self._last is None or self._last.done():
            return
        waiter = asyncio.wrap_future(self._last)
        try:
            await asyncio.wait([waiter])
        finally:
            if not waiter.cancel() and not waiter.cancelled():
                waiter.exception()  # of a caller who has gone
