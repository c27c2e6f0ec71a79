"""Live pages: event streams that carry the newest view only, and how many there may be.

Touches sockets. A stream wakes after each turn and now and then; it sends when what it shows has changed. Who reads too
slowly is dropped: the page comes back by polling.
"""

import asyncio
import contextlib
import json
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web

from agent.kernel.runner import Published
from agent.web.guard import PEER, Guard
from agent.web.parts import Parts

log = logging.getLogger("stationmaster.web")

STREAMS_MAX = 128
STREAMS_OF_ADDRESS_MAX = 8
LOOK_S = 5.0  # readings and forecasts move without a turn
ALIVE_LOOKS = 2  # what stands is said again at every second look: a silent stream cannot be told from a dead one
GAP_S = 0.25  # a burst of turns is one look: 128 pages in line are not made anew for each of them
SLOW_S = 10.0  # who has not taken a few hundred bytes by then is dropped
RETRY_MS = 3000
COUNTING = frozenset({"left_ms", "as_of", "at"})  # moves by itself: no reason to send

Make = Callable[[], dict[str, Any] | None]


class Streams:
    """The open event streams of a site."""

    def __init__(self, parts: Parts, guard: Guard) -> None:
        self._parts = parts
        self._guard = guard
        self._moved: dict[int, asyncio.Event] = {}
        self._of_address: Counter[str] = Counter()
        self._next = 0
        self._closing = False
        parts.context.runner.listen(self._published)

    def __len__(self) -> int:
        return len(self._moved)

    def _published(self, published: Published) -> None:
        if published.events:
            self._wake()

    def _wake(self) -> None:
        for moved in self._moved.values():
            moved.set()

    async def close(self, _: web.Application) -> None:
        """End all streams: the agent stops."""
        self._closing = True
        self._wake()

    async def serve(self, request: web.Request, make: Make, *, look_s: float = LOOK_S) -> web.StreamResponse:
        """Answer with a stream of what `make` returns, until it returns None or the reader is gone.

        `make` is asked after each turn and every `look_s` seconds.
        """
        address = request[PEER].key
        if len(self._moved) >= STREAMS_MAX or self._of_address[address] >= STREAMS_OF_ADDRESS_MAX:
            return web.Response(status=503, text="503 Too many streams.\n", headers={"Retry-After": "30"})
        self._next += 1
        number, moved = self._next, asyncio.Event()
        self._moved[number] = moved
        self._of_address[address] += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        self._guard.dress(response)
        try:
            await response.prepare(request)
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._feed(response, moved, make, look_s)
        except Exception:
            # The head is sent already: all that can be told is the end of the stream, and the page polls.
            log.exception("stream=failed")
        finally:
            del self._moved[number]
            self._of_address[address] -= 1
            if self._of_address[address] <= 0:
                del self._of_address[address]
        return response

    async def _feed(self, response: web.StreamResponse, moved: asyncio.Event, make: Make, look_s: float) -> None:
        loop = asyncio.get_running_loop()
        await _write(response, f"retry: {RETRY_MS}\n\n")
        sent: dict[str, Any] | None = None
        spoke_s = loop.time()
        while not self._closing:
            moved.clear()
            event = make()
            if event is None:
                return
            steady = {name: value for name, value in event.items() if name not in COUNTING}
            if steady != sent or loop.time() - spoke_s >= ALIVE_LOOKS * look_s:
                await _write(response, f"data: {json.dumps(event, ensure_ascii=False)}\n\n")
                sent, spoke_s = steady, loop.time()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(look_s):
                    await asyncio.sleep(GAP_S)
                    await moved.wait()


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(SLOW_S):
        await response.write(text.encode())
