"""The part of the twin panel that works on the whole site: its time, its power, its line to the outside, a day.

Passes orders on to the clock and to a `Simulation`, which knows what can be done; says why something cannot.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Literal, TypeVar

import msgspec
from aiohttp import web

from agent.texts.twin import Unable
from agent.web.forms import BODY_S
from agent.web.parts import Parts
from agent.web.simulated import Simulation
from agent.web.words import Words
from drivers.twin.clock import ScaledClock

SPEEDS = (1, 10, 60, 600)
DARK_S = 5  # long enough to see it on phone and panel
DARK_S_MAX = 600  # who waits longer has forgotten why nothing answers


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    """What the panel asks of time."""

    rate: float | None = None
    paused: bool | None = None
    next: Literal[True] | None = None
    step_h: Literal[-1, 1] | None = None
    trusted: bool | None = None


class _Power(msgspec.Struct, forbid_unknown_fields=True):
    dark_s: float = DARK_S


class _Internet(msgspec.Struct, forbid_unknown_fields=True):
    cut: bool


class _Replay(msgspec.Struct, forbid_unknown_fields=True):
    day: str | None  # None ends the day


T = TypeVar("T", bound=msgspec.Struct)


async def deed_body(request: web.Request) -> bytes:
    """Return the body of a deed. A form of another site's page has no origin that we know: refused."""
    if request.headers.get("Origin") == "null" and "Sec-Fetch-Site" not in request.headers:
        raise web.HTTPForbidden
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


class TwinSitePages:
    """The deeds that are not done at one EVSE, and what the panel shows of them."""

    def __init__(self, parts: Parts, clock: ScaledClock | None, simulation: Simulation | None) -> None:
        self._parts = parts
        self._clock = clock
        self._simulation = simulation

    def fields(self, words: Words) -> dict[str, Any]:
        """Return what the page is made with."""
        simulation = self._simulation
        return {
            "speeds": SPEEDS,
            "has_clock": self._clock is not None,
            "simulation": simulation is not None,
            "no_power": _why(words, simulation.no_power()) if simulation else None,
            "no_internet": _why(words, simulation.no_internet()) if simulation else None,
            "days": [(day, _title(source), source) for day, source in simulation.days.items()] if simulation else [],
            "dark_s": DARK_S,
            "dark_s_max": DARK_S_MAX,
        }

    def state(self, words: Words, utc_ms: int | None) -> dict[str, Any]:
        """Return time, line and day as they are now."""
        clock, simulation = self._clock, self._simulation
        local = words.local(utc_ms)
        site = (
            {
                "clock_trusted": simulation.clock_trusted,
                "internet_cut": simulation.internet_cut,
                "replaying": simulation.replaying,
            }
            if simulation
            else None
        )
        return {
            "clock": {
                "rate": clock.rate if clock else 1.0,
                "ahead": clock is not None and clock.is_ahead,
                "said": words("twin.now", at=f"{local:%H:%M:%S}") if local else words("twin.now_unknown"),
            },
            "site": site,
        }

    async def clock(self, request: web.Request) -> web.Response:
        """Let time run faster, stop it, run ahead to the next event; step the wall clock, or take its trust."""
        body = await deed_body(request)
        clock = self._clock
        if clock is None:
            return _refused("this site runs on the machine's clock")
        try:
            order = _read(body, _Clock)
            if order.rate is not None:
                clock.set_rate(order.rate)
        except ValueError as error:
            return _refused(str(error))
        if order.paused is not None:
            clock.pause() if order.paused else clock.resume()
        if (order.next, order.step_h, order.trusted) != (None, None, None):
            simulation = self._simulated()
            if order.step_h is not None:
                simulation.step_clock(order.step_h)
            if order.trusted is not None:
                simulation.trust_clock(order.trusted)
            if order.next is not None:
                return self._answer(request, simulation.next_event())
        return web.json_response({"rate": clock.rate})

    async def power(self, request: web.Request) -> web.Response:
        """Cut the controller's power. There is an answer only where that cannot be done."""
        body = await deed_body(request)
        simulation = self._simulated()
        try:
            order = _read(body, _Power)
        except ValueError as error:
            return _refused(str(error))
        if not 0 <= order.dark_s <= DARK_S_MAX:
            return _refused(f"dark_s must be from 0 to {DARK_S_MAX}, not {order.dark_s:g}")
        return self._answer(request, simulation.cut_power(order.dark_s))

    async def internet(self, request: web.Request) -> web.Response:
        """Cut the line to CSMS and partners, or mend it."""
        body = await deed_body(request)
        simulation = self._simulated()
        try:
            order = _read(body, _Internet)
        except ValueError as error:
            return _refused(str(error))
        return self._answer(request, simulation.cut_internet(order.cut))

    async def replay(self, request: web.Request) -> web.Response:
        """Start a bundled day, or end it."""
        body = await deed_body(request)
        simulation = self._simulated()
        try:
            order = _read(body, _Replay)
            unable = simulation.stop_replay() if order.day is None else simulation.start_replay(order.day)
        except ValueError as error:
            return _refused(str(error))
        return self._answer(request, unable)

    def _simulated(self) -> Simulation:
        if self._simulation is None:
            raise web.HTTPNotFound
        return self._simulation

    def _answer(self, request: web.Request, unable: Unable | None) -> web.Response:
        if unable is None:
            return web.json_response({})
        return _refused(_why(self._parts.words(request), unable) or unable.value)


def _read(body: bytes, kind: type[T]) -> T:
    """Return an order; ValueError, which msgspec's errors are, names what is wrong with it."""
    return msgspec.json.decode(body.strip() or b"{}", type=kind)


def _refused(why: str) -> web.Response:
    return web.json_response({"error": why}, status=HTTPStatus.CONFLICT)


def _why(words: Words, unable: Unable | None) -> str | None:
    return None if unable is None else words(f"twin.unable.{unable.value}")


def _title(source: str) -> str:
    """Return what a source is of: its first sentence."""
    return source.partition(".")[0]
