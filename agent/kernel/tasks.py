"""The tasks of an agent, and the order in which they end.

Decides nothing about what they do. The first that fails ends all; a clean stop loses nothing that was seen.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from enum import Enum
from typing import Any

from agent.kernel.mishaps import Stopped

log = logging.getLogger("stationmaster")

STOP_S = 5.0  # for each stage of a stop; the unit waits for all four, see TimeoutStopSec


class Stage(Enum):
    """When a task ends: outputs before inputs, so that what stopping does is still seen; the runner last."""

    OTHERS = "others"
    INPUTS = "inputs"
    RUNNER = "runner"


class Tasks:
    """The tasks of an agent: the first that fails ends all."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: dict[Stage, list[asyncio.Task[None]]] = {stage: [] for stage in Stage}
        self.drain: Callable[[], Awaitable[None]] | None = None  # before the runner ends

    def start(self, work: Coroutine[Any, Any, None], stage: Stage = Stage.OTHERS) -> None:
        """Run a coroutine until the agent stops."""
        task = self._group.create_task(_beside_the_runner(work))
        task.add_done_callback(lambda _: work.close())  # cancelled before its first step, it has not begun
        self._running[stage].append(task)

    async def stop(self) -> None:
        """Stop stage by stage, each when the one before has ended or its time is over."""
        await self._end(Stage.OTHERS)
        await self._end(Stage.INPUTS)
        if self.drain is not None and not any(task.done() for task in self._running[Stage.RUNNER]):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.drain(), STOP_S)
        await self._end(Stage.RUNNER)

    async def _end(self, stage: Stage) -> None:
        tasks = self._running[stage]
        for task in reversed(tasks):
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_S)
            for task in late:
                log.error("state=stopping late=%r", task.get_coro())


@contextlib.asynccontextmanager
async def task_group() -> AsyncIterator[Tasks]:
    """Lend a group of tasks; leaving it stops them in order."""
    async with asyncio.TaskGroup() as group:
        tasks = Tasks(group)
        try:
            yield tasks
        finally:
            await tasks.stop()


async def _beside_the_runner(work: Coroutine[Any, Any, None]) -> None:
    """Run a task; that the runner has ended before it is the runner's reason, not one more."""
    with contextlib.suppress(Stopped):
        await work
