"""A station on a journal and a runner, with time in the test's hands; a Central System made of the `ocpp` package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ocpp.routing import on  # type: ignore[import-untyped]
from ocpp.v16 import ChargePoint, call_result  # type: ignore[import-untyped]
from shared_fixtures import equal_evses, open_journal, replayed
from websockets import Subprotocol
from websockets.asyncio.server import Server, ServerConnection, serve

from agent.core.inputs import (
    BaySeen,
    ClockRead,
    ContactorSeen,
    InputsRead,
    LayoutRead,
    PluggedIn,
    RegisterRead,
    Started,
    TokenPresented,
    Unplugged,
)
from agent.core.layout import ChargingLocation, Connector, ConnectorId, EvseId, PoolId
from agent.core.shown import Reading
from agent.core.state import Bay
from agent.csms.back_off import BackOff
from agent.csms.connection import Endpoint
from agent.csms.v16.build import Csms16, Settings
from agent.journal.store import Journal
from agent.kernel.authoriser import Authoriser
from agent.kernel.clock import LocationClock
from agent.kernel.inbox import Conclusion
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from agent.ocpp.instants import render_instant
from agent.ocpp.v16.station import Box
from drivers.twin.clock import ManualClock

UTC_MS = 1_795_000_000_000  # November 2026
PATIENCE_S = 20.0  # of the test, in real time: only ever waited for in full by a test that fails
STEP_S = 25.0  # less than a call's time-out, so that moving the clock never makes a healthy peer late


async def eventually(happened: Callable[[], bool], what: str) -> None:
    """Return when something has happened that comes over a real socket."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not happened():  # noqa: ASYNC110 - the peer is another program
                await asyncio.sleep(0)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


# --- the Central System ---------------------------------------------------------------------------------------------


Handler = TypeVar("Handler", bound=Callable[..., Any])


def _on(action: str) -> Callable[[Handler], Handler]:
    """The package's decorator, with types."""
    decorated: Callable[[Handler], Handler] = on(action)
    return decorated


class Session(ChargePoint):  # type: ignore[misc]
    """One connection at the Central System: the public package answers, the office notes."""

    office: Office

    def _note(self, action: str, **payload: Any) -> None:
        self.office.heard.append((action, payload))

    def _info(self, id_tag: str) -> dict[str, str]:
        return {"status": self.office.tags.get(id_tag, "Invalid")}

    def _time(self) -> str:
        return render_instant(self.office.utc_ms())

    @_on("BootNotification")
    def on_boot(self, **payload: Any) -> Any:
        """Register."""
        self._note("BootNotification", **payload)
        return call_result.BootNotification(current_time=self._time(), interval=300, status=self.office.registration)

    @_on("Heartbeat")
    def on_heartbeat(self) -> Any:
        """Tell the time."""
        self._note("Heartbeat")
        return call_result.Heartbeat(current_time=self._time())

    @_on("StatusNotification")
    def on_status(self, **payload: Any) -> Any:
        """Note a status."""
        self._note("StatusNotification", **payload)
        return call_result.StatusNotification()

    @_on("Authorize")
    def on_authorize(self, id_tag: str) -> Any:
        """Judge an id."""
        self._note("Authorize", id_tag=id_tag)
        return call_result.Authorize(id_tag_info=self._info(id_tag))

    @_on("StartTransaction")
    def on_start(self, **payload: Any) -> Any:
        """Give a transaction id."""
        self._note("StartTransaction", **payload)
        self.office.next_transaction += 1
        info = self._info(payload["id_tag"])
        return call_result.StartTransaction(transaction_id=self.office.next_transaction, id_tag_info=info)

    @_on("MeterValues")
    def on_meter(self, **payload: Any) -> Any:
        """Note a reading."""
        self._note("MeterValues", **payload)
        return call_result.MeterValues()

    @_on("StopTransaction")
    def on_stop(self, **payload: Any) -> Any:
        """Note the end."""
        self._note("StopTransaction", **payload)
        return call_result.StopTransaction()


@dataclass
class Office:
    """The Central System of a test, over real sockets."""

    utc_ms: Callable[[], int]
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=lambda: {"ADHOC": "Accepted"})
    registration: str = "Accepted"
    next_transaction: int = 100
    port: int = 0
    sessions: list[Session] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    _server: Server | None = None

    async def open(self) -> None:
        """Listen, at the port of the last time."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            subprotocols=[Subprotocol("ocpp1.6")],
            ping_interval=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        """Hang up and listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._server = None

    async def _serve(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None
        self.headers.append((request.path, request.headers))
        session = Session(request.path.rsplit("/", 1)[-1], socket)
        session.office = self
        self.sessions.append(session)
        try:
            await session.start()
        except Exception:
            return

    async def ask(self, request: Any) -> Any:
        """Ask the station something."""
        return await self.sessions[-1].call(request, suppress=False)

    def told(self, *actions: str) -> list[tuple[str, dict[str, Any]]]:
        """What was heard of some actions, in order."""
        return [one for one in self.heard if one[0] in actions]

    def transactions(self) -> list[tuple[str, dict[str, Any]]]:
        """The transaction messages, in order."""
        return self.told("StartTransaction", "MeterValues", "StopTransaction")


# --- the station ----------------------------------------------------------------------------------------------------


class Hands:
    """Hardware that obeys, and remembers what it was told."""

    def __init__(self) -> None:
        self.deeds: list[str] = []

    async def unlock(self, evse: EvseId) -> bool | None:
        """Release the plug."""
        self.deeds.append(f"unlock {evse}")
        return True

    async def restart(self, hard: bool) -> None:
        """Restart."""
        self.deeds.append("hard" if hard else "soft")

    async def de_energised(self, evse: EvseId, within_s: float) -> bool:
        """The contactor opens at once."""
        del within_s
        self.deeds.append(f"open {evse}")
        return True


@dataclass
class Agent:
    """A running station."""

    csms: Csms16
    runner: Runner
    journal: Journal
    authoriser: Authoriser
    subjects: Subjects
    clock: ManualClock
    hands: Hands
    readings: dict[EvseId, Reading]

    async def rest(self) -> None:
        """Return when runner and link have nothing to do now."""
        await self.runner.idle()
        link = self.csms.link
        await eventually(lambda: not link.busy and not link.awaiting, "the link came to rest")
        await self.runner.idle()

    async def wait(self, seconds: float) -> None:
        """Let time pass, with a healthy peer never late."""
        while seconds > 0:
            await self.rest()
            await self.clock.advance(min(seconds, STEP_S))
            seconds -= STEP_S
        await self.rest()

    async def wait_unanswered(self, seconds: float) -> None:
        """Let time pass although a call is open that nobody answers."""
        for _ in range(round(seconds)):
            await self.clock.advance(1)
            await eventually(lambda: not self.csms.link.busy, "the link did what was due")

    async def online(self) -> None:
        """Let time pass until the CSMS is there."""
        for _ in range(100):
            await self.rest()
            if self.csms.link.online:
                return
            await self.clock.advance(STEP_S)
        raise AssertionError(f"no connection: {self.csms.link.connection.last_error}")

    async def swipe(self, evse: int, id_token: str) -> str:
        """Present a card, judged as the agent would; return the verdict."""
        judged = await self.authoriser.judge(id_token, "ISO14443")
        known = self.subjects.of("token", id_token)
        seen = TokenPresented(
            evse=EvseId(evse), subject=known.ref, verdict=judged.verdict, draw=evse, group=judged.group
        )
        await self.runner.tell(seen, lambda _step, _now: Conclusion(None, known.writes))
        await self.rest()
        return judged.verdict.value

    async def plug(self, evse: int, register_wh: int | None) -> None:
        """Plug a car in; where energy is permitted, the contactor closes."""
        self.runner.observe(PluggedIn(evse=EvseId(evse), connector=ConnectorId(1)))
        await self.runner.idle()
        stay = self.runner.site.stays[EvseId(evse)]
        if stay.wants_energy:
            self.runner.observe(ContactorSeen(evse=EvseId(evse), energised=True, register_wh=register_wh))
        await self.rest()

    async def metered(self, evse: int, register_wh: int, power_w: int = 0, soc_percent: int | None = None) -> None:
        """Let a meter read this from now on, and note its register."""
        self.readings[EvseId(evse)] = Reading(power_w=power_w, register_wh=register_wh, soc_percent=soc_percent)
        self.runner.observe(RegisterRead(evse=EvseId(evse), register_wh=register_wh))
        await self.rest()

    async def unplug(self, evse: int, register_wh: int | None) -> None:
        """Pull the plug: the contactor opens by itself."""
        self.runner.observe(ContactorSeen(evse=EvseId(evse), energised=False, register_wh=register_wh))
        self.runner.observe(Unplugged(evse=EvseId(evse), register_wh=register_wh))
        await self.rest()


def location(evses: int = 2) -> ChargingLocation:
    """A location with one pool of equal EVSEs."""
    connector = Connector(id=ConnectorId(1), standard="IEC_62196_T2", max_power_w=22_000, dc=False, cable=False)
    return equal_evses(evses, PoolId("AC"), connector)


@asynccontextmanager
async def agent(
    directory: Path, clock: ManualClock, port: int, *, password: bytes | None = None, **first_keys: str
) -> AsyncIterator[Agent]:
    """A station that runs on a directory, as after a start of the program."""
    journal = open_journal(directory)
    site = replayed(journal)
    elapsed = LocationClock(clock, journal.last_elapsed_ms, lambda: UTC_MS + round(clock.monotonic() * 1000))
    settings = Settings(
        endpoint=Endpoint(url=f"ws://127.0.0.1:{port}/ocpp/", identity="NORD-1"),
        box=Box(vendor="Stationmaster", model="twin", firmware="0.1"),
        connectors=2,
        password=password,
        first_keys=first_keys,
        back_off=BackOff(wait_minimum_s=10, random_range_s=0, repeat_times=3),
        pings=False,
    )
    key = SiteKey(b"k" * 32)
    subjects = Subjects(journal, key)
    csms = Csms16(settings, journal, key, site)
    boot = journal.last_boot + 1
    runner = Runner(site=site, clock=elapsed, journal=journal, boot=boot, projections=[csms.projection])
    csms.attach(runner, 0, clock=clock, elapsed=elapsed, rows=journal, subjects=subjects, set_clock=lambda _: None)
    authoriser = Authoriser([csms.tokens])
    turning = asyncio.ensure_future(runner.run())
    runner.observe(LayoutRead(location=location(), digest="2"))
    runner.observe(Started(boot=boot))
    runner.observe(ClockRead(utc_ms=runner.now().utc_ms))
    for evse in location().evses:
        runner.observe(BaySeen(evse=evse.id, bay=Bay.FREE))
    await runner.tell(InputsRead())
    hands = Hands()
    readings: dict[EvseId, Reading] = {}
    living = asyncio.ensure_future(
        csms.run(
            subjects=subjects,
            authoriser=authoriser,
            hardware=hands,
            vendors={"org.example": _echo, "org.broken": _broken},
            readings=lambda: readings,
        )
    )
    try:
        yield Agent(csms, runner, journal, authoriser, subjects, clock, hands, readings)
    finally:
        living.cancel()
        ended = list(await asyncio.gather(living, return_exceptions=True))
        turning.cancel()
        ended += await asyncio.gather(turning, return_exceptions=True)
        journal.close()
    failures = [one for one in ended if not isinstance(one, asyncio.CancelledError)]
    assert failures == []


async def _broken(message_id: str | None, data: str | None) -> tuple[str, str | None]:
    raise RuntimeError(f"a bug with {data}")


async def _echo(message_id: str | None, data: str | None) -> tuple[str, str | None]:
    return "Accepted", f"{message_id}:{data}"
