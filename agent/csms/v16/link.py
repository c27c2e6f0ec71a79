"""The shell of an OCPP 1.6 station: joins socket, RPC engine, station and delivery, and does their deeds in order.

Touches no file and no core state itself: it stores through `store`, asks through the desk, tells time through
`set_clock`. One lock orders everything, so that what one frame leads to is done before the next one is looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from agent.csms.back_off import BackOff
from agent.csms.connection import Connection, Endpoint
from agent.csms.v16.crashes import Crashes
from agent.csms.v16.delivery import Delivery
from agent.csms.v16.stores import Stores
from agent.journal.turn import Write
from agent.kernel.mishaps import Stopped
from agent.kernel.outside import Outside
from agent.ocpp.effects import (
    Completed,
    Deliver,
    Dropped,
    Effects,
    LateAnswer,
    NotSent,
    Outcome,
    SendFrame,
    Unreadable,
    Why,
)
from agent.ocpp.frames import Call, CallError, Payload
from agent.ocpp.rpc import ErrorCode, Lane, Rpc
from agent.ocpp.v16 import deeds as d
from agent.ocpp.v16.messages import ACTIONS, own_request
from agent.ocpp.v16.station import Station
from agent.ocpp.v16.statuses import Status
from agent.ocpp.v16.types import IdTagInfo
from drivers.clock import until_set
from drivers.ports import Clock

log = logging.getLogger("stationmaster.csms")

NEVER_S = 365 * 24 * 3600.0  # nothing is due: wait for a deed


class ElapsedClock(Protocol):
    """The location's clock."""

    def elapsed_at(self, monotonic_s: float) -> int:
        """Return the elapsed milliseconds of an instant of the `Clock` port."""


class Desk(Protocol):
    """Who answers what the Central System wants of core and hardware."""

    async def answer(self, wanted: d.Wanted) -> tuple[Payload, Callable[[], Awaitable[None]] | None]:
        """Return the answer, and what is to be done once it was sent."""

    async def meter(self, connector_id: int | None) -> tuple[Payload, ...]:
        """Return MeterValues payloads of now."""

    async def sample(self) -> None:
        """Take the readings of running transactions that are due."""

    def sample_at(self) -> int | None:
        """Return the elapsed instant at which to call `sample`, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the link needs of the agent."""

    endpoint: Endpoint
    clock: Clock
    elapsed: ElapsedClock
    store: Callable[[tuple[Write, ...]], Awaitable[None]]
    set_clock: Callable[[int], None]  # UTC ms as the CSMS told it
    new_id: Callable[[], str]
    chance: Callable[[], float]
    password: bytes | None = field(default=None, repr=False)  # until the CSMS changes the AuthorizationKey
    pings: bool = True  # off where a test moves the clock by hand
    back_off: BackOff = field(default_factory=BackOff)
    outside: Outside = field(default_factory=Outside)


class CsmsLink:
    """The station as it lives: `run` it, `show` it statuses, `ask` through it."""

    def __init__(self, wiring: Wiring, station: Station, stores: Stores, delivery: Delivery) -> None:
        self._w = wiring
        self.station = station
        self.delivery = delivery
        self._stores = stores
        self._desk: Desk | None = None
        self._rpc = Rpc(actions=ACTIONS)
        self._crashes = Crashes()
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._statuses: dict[int, Status] = {}
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}
        self._owed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._restart = False
        self._listeners: list[Callable[[], None]] = []
        self.connections = 0  # made so far: two numbers tell apart what was said before and after an outage
        self.connection = Connection(
            endpoint=wiring.endpoint,
            peer=self,
            clock=wiring.clock,
            chance=wiring.chance,
            back_off=wiring.back_off,
            outside=wiring.outside,
        )

    # --- for the agent

    @property
    def online(self) -> bool:
        """Whether the CSMS can be asked now."""
        return self._rpc.linked and self.delivery.flowing

    @property
    def busy(self) -> bool:
        """Whether a connection is being made, or something is due now."""
        at_ms = self._wake()
        due = at_ms is not None and at_ms <= self._now_ms()
        waits = self._changed.is_set() or self._lock.locked() or bool(self._tasks)
        return waits or due or self.connection.trying

    @property
    def awaiting(self) -> bool:
        """Whether a call waits for the CSMS's answer."""
        return self._rpc.wake is not None

    def listen(self, listener: Callable[[], None]) -> None:
        """Call somebody each time the CSMS can be asked, or not any more, or has changed a key."""
        self._listeners.append(listener)

    def show(self, connector_id: int, status: Status) -> None:
        """Take what a connector shows now (0: the station)."""
        self._statuses[connector_id] = status
        self._changed.set()

    def owed(self) -> None:
        """Rows may have been added to the owed lane."""
        self.delivery.more()
        self._changed.set()

    async def ask(self, action: str, payload: Payload) -> Outcome:
        """Ask the CSMS something that a person waits for, on the live lane, and return how it ended."""
        return await self._ask(action, payload, Lane.LIVE)

    async def tell(self, action: str, payload: Payload, key: str) -> Outcome:
        """Tell the CSMS how something stands, after all that is owed, and return how it ended.

        A newer call with the same key takes the place of one that still waits, which ends as superseded.
        """
        return await self._ask(action, payload, Lane.STATE, key)

    async def _ask(self, action: str, payload: Payload, lane: Lane, key: str | None = None) -> Outcome:
        if not self.online:
            return NotSent(why=Why.OFFLINE)
        call = Call(message_id=self._w.new_id(), action=action, payload=own_request(action, payload))
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        async with self._lock:
            self._waiting[call.message_id] = ended
            await self._effects(self._submit(call, lane, key))
        self._changed.set()
        return await ended

    async def note(self, id_tag: str, info: IdTagInfo) -> None:
        """Remember what the CSMS said of an id."""
        async with self._lock:
            await self._deeds(self.station.noted(id_tag, info, self._now_ms()))
        self._changed.set()

    async def run(self, desk: Desk) -> None:
        """Keep the station connected and up to date until cancelled."""
        self._desk = desk
        pump = asyncio.ensure_future(self._pump())
        try:
            await asyncio.gather(pump, self.connection.run())
        finally:
            for task in (pump, *self._tasks):
                task.cancel()
            await asyncio.gather(pump, *self._tasks, return_exceptions=True)
            await self.delivery.stop()

    # --- for the connection

    def password(self) -> bytes | None:
        """Return the password: the AuthorizationKey if the CSMS ever set it (its hexadecimal form is bytes)."""
        key = self.station.keys.text("AuthorizationKey")
        return bytes.fromhex(key) if key else self._w.password

    def ping_interval_s(self) -> int:
        """Return the seconds between pings."""
        return self.station.keys.number("WebSocketPingInterval") if self._w.pings else 0

    async def opened(self) -> None:
        """The connection is up."""
        await self._under_lock(self._opened)

    async def received(self, text: str) -> None:
        """A text frame came in."""
        await self._under_lock(lambda now_ms: self._effects(self._rpc.received(text, now_ms)))

    async def closed(self) -> None:
        """The connection is gone."""
        await self._under_lock(self._closed)

    # --- inside

    @property
    def _at_desk(self) -> Desk:
        if self._desk is None:
            raise AssertionError("connected without a desk")
        return self._desk

    def _now_ms(self) -> int:
        return self._w.elapsed.elapsed_at(self._w.clock.monotonic())

    async def _under_lock(self, step: Callable[[int], Awaitable[None]]) -> None:
        async with self._lock:
            await step(self._now_ms())
        self._changed.set()
        if self._restart:
            self._restart = False
            self._spawn(self.connection.restart())

    async def _opened(self, now_ms: int) -> None:
        self.connections += 1
        await self._effects(self._rpc.connected(now_ms))
        await self._deeds(self.station.linked(now_ms))

    async def _closed(self, now_ms: int) -> None:
        if self._rpc.linked:
            await self._deeds(self.station.unlinked())
            await self._effects(self._rpc.disconnected(now_ms))

    async def _pump(self) -> None:
        """Do what is due, then wait for the next instant or deed."""
        while True:
            self._changed.clear()
            async with self._lock:
                await self._due(self._now_ms())
            at_ms = self._wake()
            wait_s = NEVER_S if at_ms is None else max(at_ms - self._now_ms(), 0) / 1000
            await until_set(self._changed, self._w.clock, self._w.clock.monotonic() + wait_s)

    async def _due(self, now_ms: int) -> None:
        """Do what is due: what is owed before what is shown, which waits behind it."""
        await self._effects(self._rpc.tick(now_ms))
        await self._at_desk.sample()
        await self.delivery.flush(now_ms)
        call = await self.delivery.next_call(now_ms)
        if call is None:
            await self._effects(self._rpc.rows_over(now_ms))
        else:
            self._owed.add(call.message_id)
            await self._effects(self._submit(call, Lane.TRANSACTION, accept_late=True))
        shown, self._statuses = self._statuses, {}
        for connector_id, status in sorted(shown.items()):
            await self._deeds(self.station.show(connector_id, status, now_ms))
        await self._deeds(self.station.tick(now_ms))

    def _wake(self) -> int | None:
        sample_at = self._desk.sample_at() if self._desk else None
        instants = (self._rpc.wake, self.station.wake, self.delivery.wake, sample_at)
        return min((at for at in instants if at is not None), default=None)

    def _submit(self, call: Call, lane: Lane, key: str | None = None, *, accept_late: bool = False) -> Effects:
        timeout_ms = self.station.keys.number("MessageTimeout") * 1000
        return self._rpc.submit(
            call, lane=lane, now_ms=self._now_ms(), timeout_ms=timeout_ms, key=key, accept_late=accept_late
        )

    async def _effects(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case SendFrame(text=text):
                    await self.connection.send(text)
                case Deliver(call=call):
                    await self._asked(call)
                case Completed(call=call, outcome=outcome) | LateAnswer(call=call, outcome=outcome):
                    await self._ended(call, outcome)
                case Dropped(reason=reason, message_id=message_id):
                    log.warning("frame=dropped reason=%r id=%r", reason, message_id)
                case _:
                    assert_never(effect)

    async def _asked(self, call: Call) -> None:
        """Let the station act on a call; an error of ours is the Central System's InternalError, not our end."""
        if self._crashes.muted(call.action, self._now_ms()):
            await self._internal_error(call.message_id)
            return
        try:
            await self._deeds(self.station.asked(call, self._now_ms()), call)
        except Stopped:
            raise
        except Exception as error:
            self._crashes.note(call.action, error, self._now_ms())
            await self._internal_error(call.message_id)

    async def _internal_error(self, message_id: str) -> None:
        frame = CallError(message_id=message_id, code=ErrorCode.INTERNAL_ERROR)
        await self._effects(self._rpc.answer(message_id, frame, self._now_ms()))

    async def _ended(self, call: Call, outcome: Outcome) -> None:
        """Act on the end of a call of ours; an answer that we fail to handle counts as one that cannot be read."""
        for taken_as in (outcome, Unreadable(reason="our own error")):
            try:
                await self._act_on_end(call, taken_as)
            except Stopped:
                raise
            except Exception as error:
                self._crashes.note(call.action, error, self._now_ms())
            else:
                return

    async def _act_on_end(self, call: Call, outcome: Outcome) -> None:
        waiting = self._waiting.pop(call.message_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)
        if call.message_id in self._owed and await self.delivery.ended(call, outcome, self._now_ms()):
            self._owed.discard(call.message_id)
            self._rpc.forget(call.message_id)
        await self._deeds(self.station.completed(call, outcome, self._now_ms()))

    async def _deeds(self, deeds: d.Deeds, asked: Call | None = None) -> None:
        for deed in deeds:
            match deed:
                case d.Tell():
                    call = Call(message_id=self._w.new_id(), action=deed.action, payload=deed.payload)
                    await self._effects(self._submit(call, deed.lane, deed.key))
                case d.Reply():
                    await self._effects(self._rpc.answer(deed.message_id, deed.payload, self._now_ms()))
                case d.Fail(message_id=message_id, fault=fault):
                    frame = CallError(message_id=message_id, code=fault.code, description=fault.description)
                    await self._effects(self._rpc.answer(message_id, frame, self._now_ms()))
                case d.Want() if asked is not None:
                    self._spawn(self._serve(asked, deed))
                case d.Want():
                    raise AssertionError("a Want without the call that wants it")
                case d.Meter(connector_id=connector_id):
                    self._spawn(self._meter(connector_id))
                case d.Keep(what=what):
                    await self._w.store(self._stores.writes(what))
                    self._tell_listeners()
                case d.SetClock(utc_ms=utc_ms):
                    self._w.set_clock(utc_ms)
                case d.Open(flowing=flowing):
                    self.delivery.flowing = flowing
                    self._tell_listeners()
                case d.Reconnect():
                    self._restart = True
                case _:
                    assert_never(deed)

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener()

    async def _serve(self, asked: Call, want: d.Want) -> None:
        """Let the desk answer; a crash there is our bug, but the Central System gets its answer."""
        follow: Callable[[], Awaitable[None]] | None = None
        try:
            payload, follow = await self._at_desk.answer(want.wanted)
            reply: d.Deed = self.station.reply(want.message_id, asked.action, payload)
        except Exception as error:
            self._crashes.note(asked.action, error, self._now_ms())
            await self._under_lock(lambda _: self._internal_error(want.message_id))
            return
        await self._under_lock(lambda _: self._deeds((reply,)))
        if follow is not None:
            await follow()

    async def _meter(self, connector_id: int | None) -> None:
        for payload in await self._at_desk.meter(connector_id):
            await self.ask("MeterValues", payload)

    def _spawn(self, work: Awaitable[None]) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
