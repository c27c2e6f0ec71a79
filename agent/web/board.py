"""The public board: who is called where, who is next, what is free. Codes, bays and words, nothing about persons.

Pure but for the catalogue. Rendered in every language of the site; the script alternates them and measures what fits,
for neither fonts nor screens are known here. The six digits stand on it only for a browser on this machine: whoever
could read them elsewhere would not have to be on site.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import segno
from aiohttp import web

from agent.core.board import BayRow, PoolStatus, PoolView, board_view
from agent.core.layout import MINUTE_MS
from agent.core.shown import EvseShown
from agent.texts.formats import Language
from agent.texts.waits import WaitForm
from agent.web.guard import PEER
from agent.web.parts import Parts
from agent.web.render import respond
from agent.web.streams import Streams
from agent.web.words import Words

CALLED_MAX = 3
NEAR_M = 10  # the style sheet's own distance
FAR_FROM_M = 13.5  # read from farther away, a call at its size needs the whole width: the rest is left out
DAY_BEGINS_H, DAY_ENDS_H = 7, 19  # white ground is for a screen that the sun shines on
LOOK_S = 2.0  # the minutes left and the clock move; the board says so when it hears nothing for 10 s
_SHORT = re.compile(r"^(.+?), \D+(\d[\d.,]* kW)$")  # "CCS, up to 300 kW" is "CCS 300 kW" from 10 m

_BAY_WORDS: Mapping[EvseShown, str] = {
    EvseShown.FREE: "board.bay_free",
    EvseShown.FREE_UNKNOWN: "board.bay_free",
    EvseShown.TAKEN: "board.bay_taken",
    EvseShown.QUEUE: "board.bay_taken",
    EvseShown.HELD: "board.bay_kept",
    EvseShown.ARRIVED: "board.bay_taken",
    EvseShown.WRONG_CAR: "board.bay_kept",
    EvseShown.RESERVED_NOW: "board.bay_reserved",
    EvseShown.AUTHORISE: "board.bay_taken",
    EvseShown.PREPARING: "board.bay_charges",
    EvseShown.CHARGING: "board.bay_charges",
    EvseShown.PAUSED: "board.bay_charges",
    EvseShown.FINISHED: "board.bay_move",
    EvseShown.PLEASE_MOVE: "board.bay_move",
    EvseShown.BLOCKED: "board.bay_move",
    EvseShown.FAULT: "board.bay_fault",
    EvseShown.DANGER: "board.bay_fault",
    EvseShown.OUT_OF_ORDER: "board.bay_fault",
    EvseShown.CLOSED: "board.closed",
    EvseShown.STARTING: "board.bay_starting",
}


class BoardPages:
    """The board and its stream."""

    def __init__(self, parts: Parts, streams: Streams) -> None:
        self._parts = parts
        self._streams = streams

    async def show(self, request: web.Request) -> web.Response:
        """Answer the board."""
        language = self._parts.language(request)
        scale, options = metres(request.query.get("metres")), self._parts.context.options.board
        far = scale * NEAR_M > FAR_FROM_M
        fields = {
            **self._fields(request, language),
            **self._now(request),
            "shape": "far" if far else "big-qr" if "big_qr" in request.query else "",
            "chime": _switch(request.query.get("chime"), options.chime),
            "events": f"/board/events?{request.query_string}",
            "metres": scale,
        }
        return respond(request, self._parts.renderer.html("board.html", self._parts.site, language, fields))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Answer the board's stream."""
        return await self._streams.serve(request, lambda: self._now(request), look_s=LOOK_S)

    @property
    def _languages(self) -> tuple[Language, ...]:
        return self._parts.context.options.languages

    def _words(self, language: Language) -> Words:
        return self._parts.renderer.words(self._parts.site, language)

    def _now(self, request: web.Request) -> dict[str, Any]:
        """Return all of the board that changes: its body, what to say of it when it is stale, and the light."""
        options = self._parts.context.options.board
        faces = {one: self._words(one) for one in self._languages}
        now_utc_ms = self._parts.now().utc_ms
        local = next(iter(faces.values())).local(now_utc_ms)
        sun = _switch(request.query.get("sun"), options.direct_sun)
        return {
            "words": self._by_language(request),
            "stale": {one.value: words("board.stale", since=words.local(now_utc_ms)) for one, words in faces.items()},
            "light": light(local, sun=sun, night_min=options.night_min),
        }

    def _by_language(self, request: web.Request) -> dict[str, str]:
        """Return the board's body as HTML, by language."""
        render, site = self._parts.renderer.html, self._parts.site
        return {one.value: render("board_body.html", site, one, self._fields(request, one)) for one in self._languages}

    def _fields(self, request: web.Request, language: Language) -> dict[str, Any]:
        parts = self._parts
        words, now = self._words(language), parts.now()
        view = board_view(parts.site, now, parts.context.waits())
        local = request[PEER].local
        digits = parts.context.presence.code(parts.context.monotonic()) if local else None
        return {
            "called": [
                {"code": row.code, "bay": row.bay, "minutes": -(-row.left_ms // MINUTE_MS)}
                for row in view.called[:CALLED_MAX]
            ],
            "next": " ".join(view.next) if parts.context.options.board.next else "",
            "pools": [_pool(words, pool) for pool in view.pools],
            "bays": [_bay(words, row) for row in view.bays],
            "digits": digits,
            "qr": self._qr(digits),
            "clock": _clock(words.local(now.utc_ms)),
        }

    def _qr(self, digits: str | None) -> str | None:
        """Return the code to scan as a data address, or None where nobody has said what phones open."""
        base = self._parts.context.options.public_url.rstrip("/").upper()
        if not base:
            return None
        return segno.make(f"{base}/{digits or ''}", error="m", micro=False).svg_data_uri(border=4, dark="#000")


def metres(text: str | None) -> float:
    """Return the factor by which the board's signs are larger for a reading distance; 10 m is 1."""
    try:
        wanted = float(text or NEAR_M)
    except ValueError:
        return 1.0
    return min(max(wanted, 3.0), 20.0) / NEAR_M if math.isfinite(wanted) else 1.0


def light(local: datetime | None, *, sun: bool, night_min: tuple[int, int] | None) -> str:
    """Return the light that the board stands in: "day" for direct sun, "night", or "" while nobody can tell."""
    if local is None:
        return ""
    if sun and DAY_BEGINS_H <= local.hour < DAY_ENDS_H:
        return "day"
    if night_min is None:
        return ""
    begin, end = night_min
    minute = local.hour * 60 + local.minute
    dark = begin <= minute < end if begin <= end else minute >= begin or minute < end
    return "night" if dark else ""


def _switch(text: str | None, usual: bool) -> bool:
    """Return what the address of one screen says, or what is usual on this site."""
    return usual if text not in ("0", "1") else text == "1"


def _pool(words: Words, view: PoolView) -> dict[str, str]:
    name = _SHORT.sub(r"\1 \2", words.pool_name(view))
    if view.status is PoolStatus.CLOSED:
        line, kind = words("board.closed"), "closed"
    elif view.status is PoolStatus.PAUSED:
        line, kind = words("board.paused"), "closed"
    elif view.evses_in_service == 0:
        line, kind = words("board.out_of_order"), "closed"
    elif view.evses_free:
        line, kind = words("board.free", count=view.evses_free), "free"
    else:
        wait = words.wait(view.wait, WaitForm.BOARD)
        bare = words("check_in.waiting", count=view.queue_length)
        line, kind = words("board.waiting", count=view.queue_length, wait=wait) if wait else bare, "waiting"
    return {"name": name, "line": line, "kind": kind}


def _bay(words: Words, row: BayRow) -> dict[str, str]:
    key = _BAY_WORDS[row.state]
    said = words(key, code=row.code) if row.code else words(key)
    return {"label": row.label, "sign": row.sign.value, "word": said or words("board.bay_reserved")}


def _clock(at: datetime | None) -> str:
    return f"{at:%H:%M}" if at else ""
