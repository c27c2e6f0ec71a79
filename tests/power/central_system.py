"""A Central System in a thread of the test: the `ocpp` package answers, frames are noted, and it goes away at times.

Now and then it forgets to answer and hangs up, or is not there at all; some message ids it never takes. A transaction
message that comes again under its id gets the answer it got before, as OCPP-J 1.6 erratum 3.1 lets a CSMS do.
"""

import asyncio
import contextlib
import json
import random
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ocpp.routing import on  # type: ignore[import-untyped]
from ocpp.v16 import ChargePoint, call_result  # type: ignore[import-untyped]
from websockets import Subprotocol
from websockets.asyncio.server import Server, ServerConnection, serve

from agent.ocpp.instants import render_instant

TRANSACTIONS = ("StartTransaction", "MeterValues", "StopTransaction")
THERE_S, AWAY_S = (0.3, 1.5), (0.1, 0.6)
FORGETS = 0.05  # of the answers to transaction messages
REFUSES_ONE_IN = 16  # of the message ids
FIRST_TRANSACTION = 100
THREAD_LIMIT_S = 30.0

Handler = TypeVar("Handler", bound=Callable[..., Any])


def _on(action: str) -> Callable[[Handler], Handler]:
    """The package's decorator, with types."""
    decorated: Callable[[Handler], Handler] = on(action)
    return decorated


def refused(message_id: str) -> bool:
    """Whether the Central System never takes a message."""
    return int(message_id, 16) % REFUSES_ONE_IN == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A transaction message as it came in."""

    message_id: str
    action: str
    payload: dict[str, Any]


class Session(ChargePoint):  # type: ignore[misc]
    """One connection."""

    office: "CentralSystem"

    async def route_message(self, raw_msg: str) -> None:
        """Note a transaction message; refuse it, repeat its answer, or let the package answer it."""
        kind, message_id, *rest = json.loads(raw_msg)
        if kind == 2 and rest[0] in TRANSACTIONS:
            self.office.heard.append(Heard(message_id=message_id, action=rest[0], payload=rest[1]))
            if refused(message_id):
                await self._send(json.dumps([4, message_id, "InternalError", "", {}]))
                return
            before = self.office.answers.get(message_id)
            if before is not None:
                await self._send(before)
                return
        await super().route_message(raw_msg)

    async def _send(self, message: str) -> None:
        kind, message_id, *_ = json.loads(message)
        if kind == 3:
            self.office.answers[message_id] = message
        if self.office.forgets():
            await self._connection.close()
        else:
            await super()._send(message)

    @_on("BootNotification")
    def on_boot(self, **_: Any) -> Any:
        """Register."""
        return call_result.BootNotification(current_time=render_instant(0), interval=300, status="Accepted")

    @_on("Heartbeat")
    def on_heartbeat(self) -> Any:
        """Tell the time."""
        return call_result.Heartbeat(current_time=render_instant(0))

    @_on("StatusNotification")
    def on_status(self, **_: Any) -> Any:
        """Take a status."""
        return call_result.StatusNotification()

    @_on("Authorize")
    def on_authorize(self, **_: Any) -> Any:
        """Everybody may charge."""
        return call_result.Authorize(id_tag_info={"status": "Accepted"})

    @_on("DataTransfer")
    def on_transfer(self, **_: Any) -> Any:
        """Know no vendor."""
        return call_result.DataTransfer(status="UnknownVendorId")

    @_on("StartTransaction")
    def on_start(self, **_: Any) -> Any:
        """Give a transaction id that was never given before."""
        self.office.last_transaction += 1
        accepted = {"status": "Accepted"}
        return call_result.StartTransaction(transaction_id=self.office.last_transaction, id_tag_info=accepted)

    @_on("MeterValues")
    def on_meter(self, **_: Any) -> Any:
        """Take a reading."""
        return call_result.MeterValues()

    @_on("StopTransaction")
    def on_stop(self, **_: Any) -> Any:
        """Take the end."""
        return call_result.StopTransaction()


class CentralSystem:
    """The Central System; use as a context manager, read `heard` and `answers` from anywhere."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._steady = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="central-system")
        self.heard: list[Heard] = []
        self.answers: dict[str, str] = {}
        self.last_transaction = FIRST_TRANSACTION
        self.absences = 0
        self._port = 0

    def __enter__(self) -> "CentralSystem":
        self._thread.start()
        assert self._ready.wait(THREAD_LIMIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(THREAD_LIMIT_S)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"ws://127.0.0.1:{self._port}/ocpp"

    def stay(self) -> None:
        """Neither go away nor forget any more."""
        self._steady.set()

    def forgets(self) -> bool:
        """Whether the next answer is forgotten."""
        return not self._steady.is_set() and self._chance.random() < FORGETS

    async def _live(self) -> None:
        while not self._stop.is_set():
            async with self._listening():
                await self._pass(self._chance.uniform(*THERE_S))
                if self._steady.is_set():
                    await asyncio.to_thread(self._stop.wait)
            self.absences += 1
            await self._pass(self._chance.uniform(*AWAY_S))

    async def _pass(self, seconds: float) -> None:
        """Let real time pass, but no longer than until the end."""
        await asyncio.to_thread(self._stop.wait, seconds)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[Server]:
        async with serve(
            self._serve, "127.0.0.1", self._port, subprotocols=[Subprotocol("ocpp1.6")], ping_interval=None
        ) as server:
            self._port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            yield server

    async def _serve(self, socket: ServerConnection) -> None:
        session = Session("NORD-1", socket)
        session.office = self
        with contextlib.suppress(Exception):  # the connection ends as it likes
            await session.start()
