"""The twin panel and its control API: a simulated site from above, for people and for tests on this machine.

Only where the twin's control is on, and only for programs on this machine. Passes deeds on to `TwinControl`, which
knows what physics allows; shows what lamps and displays really show, drawn by the code of the panels.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from agent.core.lamps import AMBER, BLUE, GREEN, PURPLE, RED, WHITE
from agent.core.layout import EvseId, Now
from agent.core.state import Site
from agent.core.views import evse_view
from agent.texts.refusals import Reason
from agent.web.guard import policy
from agent.web.parts import Parts
from agent.web.simulated import Simulation
from agent.web.twin_site import TwinSitePages, deed_body
from agent.web.words import Words
from drivers.display.frames import starting_screen
from drivers.display.png import screen_png
from drivers.light.waveforms import WAVEFORMS
from drivers.ports import Face, Screen
from drivers.twin.clock import ScaledClock
from drivers.twin.control import TwinControl
from drivers.twin.world import TwinRefused

COLOURS = {GREEN: "green", PURPLE: "purple", BLUE: "blue", WHITE: "white", AMBER: "amber", RED: "red"}
TOKEN = "DEADBEEF"
# Deeds of the panel: the name of the text, the deed of the API.
DEEDS = (
    ("drive_in", "drive_in"),
    ("plug_in", "plug_in"),
    ("swipe", "swipe"),
    ("unplug", "plug_out"),
    ("drive_off", "drive_off"),
    ("fault", "fault"),
    ("clear", "clear"),
)


class TwinPages:
    """The panel, the state and the deeds."""

    def __init__(
        self, parts: Parts, twin: TwinControl, clock: ScaledClock | None, simulation: Simulation | None
    ) -> None:
        self._parts = parts
        self._twin = twin
        self._clock = clock
        self.site = TwinSitePages(parts, clock, simulation)

    async def show(self, request: web.Request) -> web.Response:
        """Answer the panel."""
        words = self._parts.words(request)
        if self._parts.site.location is None:
            return self._parts.message(request, Reason.STARTING)
        fields = {
            "bays": [self._bay(words, evse) for evse in self._twin.state()["evses"]],
            "deeds": list(_deeds(words)),
            **self.site.fields(words),
            "token": TOKEN,
            "waveforms": msgspec.json.encode(_waveforms()).decode(),
        }
        response = self._parts.html(request, "twin.html", fields)
        response.headers["Content-Security-Policy"] = policy(framed=False, frames=True)
        return response

    async def state(self, request: web.Request) -> web.Response:
        """Answer the whole simulated site: bays, plugs, cars, lamps, displays, meters, stays."""
        parts = self._parts
        words, now, site = parts.words(request), parts.now(), parts.site
        state = self._twin.state()
        for row in state["evses"]:
            row |= self._beside(words, site, now, row)
        state |= self.site.state(words, now.utc_ms)
        state["digits"] = parts.context.presence.code(parts.context.monotonic())
        return web.json_response(state)

    async def deed(self, request: web.Request) -> web.Response:
        """Do what a person, a car or nature does at an EVSE."""
        body = await deed_body(request)
        try:
            self._twin.do(int(request.match_info["evse"]), request.match_info["deed"], body)
        except TwinRefused as refused:
            return web.json_response({"error": refused.reason}, status=409)
        return web.json_response({})

    async def display(self, request: web.Request) -> web.Response:
        """Answer the display of a bay as a picture of its pixels."""
        number = int(request.match_info["evse"])
        row = next((one for one in self._twin.state()["evses"] if one["evse"] == number), None)
        if row is None:
            raise web.HTTPNotFound
        picture = screen_png(self._screen(row["screen"]), tick_s=self._tick_s())
        return web.Response(body=picture, content_type="image/png")

    def _tick_s(self) -> int:
        return int(self._clock.monotonic() if self._clock is not None else time.monotonic())

    def _screen(self, told: Mapping[str, Any] | None) -> Screen:
        if told is None:
            words = (self._parts.renderer.words(self._parts.site, one) for one in self._parts.context.options.languages)
            return starting_screen(tuple(w("face.starting.lines.1") for w in words))
        faces = tuple(
            Face(
                big=face["big"],
                lines=tuple(face["lines"]),
                qr=face["qr"],
                bar_percent=face["bar_percent"],
                icon=face["icon"],
            )
            for face in told["faces"]
        )
        return Screen(faces=faces, awake=told["awake"])

    def _beside(self, words: Words, site: Site, now: Now, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the panel shows beside the physics of an EVSE: display, lamp and stay in words."""
        evse = EvseId(row["evse"])
        view = evse_view(site, evse, now, self._parts.context.readings)
        screen = row["screen"]
        text = [line for face in (screen["faces"] if screen else ()) for line in face["text"]]
        tick = self._tick_s()
        mark = hashlib.blake2s(repr((screen, tick // 4 if text else 0)).encode(), digest_size=6).hexdigest()
        return {
            "label": view.label,
            "png": f"/twin/display/{evse}.png?{mark}",
            "display_said": words("twin.display", bay=view.label, text=", ".join(text) or "-"),
            "lamp_said": _lamp_said(words, row["lamp"]),
            "transaction": {
                "state": view.state.value,
                "code": view.code,
                "energy_wh": view.energy_wh,
                "power_w": view.power_w,
            }
            if view.stay is not None or view.code is not None
            else None,
        }

    def _bay(self, words: Words, row: Mapping[str, Any]) -> dict[str, Any]:
        evse = EvseId(row["evse"])
        layout = self._parts.site.layout_of(evse)
        label = layout.label if layout else str(evse)
        return {"evse": evse, "label": label, "title": words("twin.bay", bay=label), "connectors": row["connectors"]}


def _deeds(words: Words) -> Iterable[dict[str, str]]:
    """Yield the buttons with the letter that presses each: the first of its words that no other has."""
    used: set[str] = set()
    for text, deed in DEEDS:
        label = words(f"twin.{text}")
        at = next((n for n, sign in enumerate(label) if sign.isalpha() and sign.lower() not in used), 0)
        used.add(label[at].lower())
        yield {
            "deed": deed,
            "label": label,
            "before": label[:at],
            "key": label[at],
            "after": label[at + 1 :],
        }


def _lamp_said(words: Words, lamp: Mapping[str, Any]) -> str:
    if lamp["waveform"] == "off":
        return words("twin.lamp_off")
    colours = [_colour(words, c) for c in (lamp["colour"], lamp["second_colour"]) if c]
    return words("twin.lamp", colour=" / ".join(colours), pattern=words(f"pattern.{lamp['waveform']}"))


def _colour(words: Words, colour: str) -> str:
    """Return the name of a colour of the lamp language; a theme's own has none but its figures."""
    name = COLOURS.get(colour)
    return words(f"colour.{name}") if name else colour


def _waveforms() -> dict[str, Any]:
    return {
        form.value: {"period": pattern.period_s, "on": pattern.on, "second": pattern.second}
        for form, pattern in WAVEFORMS.items()
    }
