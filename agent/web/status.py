"""How the site is, for programs and people on this machine: health, status, explanations, metrics.

Reads views and counters; decides nothing. Only `/health` answers others, and says no more than whether all is well.
No subject, no card, no own-page address leaves here; call codes are public anyway.
"""

import asyncio
import time
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from aiohttp import web

from agent.core.board import Explanation, PoolView, QueueRow, Why, explain, pool_views, queue_view
from agent.core.layout import CheckInId
from agent.core.state import CheckIn
from agent.core.views import EvseView, evse_views
from agent.journal.errors import StorageFailed
from agent.web.context import SafeMode
from agent.web.guard import Guard
from agent.web.parts import Parts
from agent.web.sockets import Sockets
from agent.web.streams import Streams

DISTRIBUTION = "stationmaster"
GIVEN_UP_ROWS_MAX = 20  # the newest; a CSMS that takes nothing fills the table within hours
QUEUE_ROWS_MAX = 100  # the status is for reading; the rest is counted

# One sentence for each reason; `code` is who is in the way.
_SENTENCES = {
    Why.YOURS: "Bay {bay} is kept for them.",
    Why.HELD: "Bay {bay} is kept for {code}.",
    Why.CHARGING: "{code} charges at bay {bay}.",
    Why.FINISHED: "{code} has finished at bay {bay}, the car is still there.",
    Why.RESERVED: "Bay {bay} is reserved by the CSMS.",
    Why.OCCUPIED: "A car stands in bay {bay} without a plug.",
    Why.FAULT: "Bay {bay} has a fault.",
    Why.OUT_OF_OPERATION: "Bay {bay} was put out of operation.",
    Why.BEFORE_YOU: "{code} stands before them and takes bay {bay}.",
    Why.CLOSED: "Bay {bay}: the pool is closed.",
    Why.PAUSED: "Bay {bay}: the queue is paused, the agent is in safe mode.",
    Why.SNOOZED: "Bay {bay}: they let others go first.",
    Why.ON_THE_ROAD: "Bay {bay}: they are still on the road.",
    Why.MUST_SHOW: "Bay {bay}: a partner checked them in, and this site asks that they are seen here first.",
    Why.MUST_SCAN: "Bay {bay}: they have to scan a display again before they are called.",
    Why.FREE: "Bay {bay} is theirs with the next turn.",
}


class StatusPages:
    """The routes for programs on this machine, and `/health`."""

    def __init__(self, parts: Parts, guard: Guard, sockets: Sockets, streams: Streams) -> None:
        self._parts = parts
        self._began_s = time.monotonic()
        self._metered = (parts, guard, sockets, streams)

    async def health(self, _: web.Request) -> web.Response:
        """Answer 200 while check-ins are taken and kept, else 503."""
        parts = self._parts
        if parts.site.location is None or parts.site.reconciling_until_ms is not None:
            state = "starting"
        elif parts.site.paused:
            state = "paused"
        elif parts.context.runner.provisional:
            state = "not_kept_over_a_power_cut"
        else:
            state = "ok"
        return web.json_response({"status": state}, status=200 if state == "ok" else 503)

    async def status(self, _: web.Request) -> web.Response:
        """Answer how the site, its devices, its queue and its links are."""
        parts = self._parts
        context, site, now = parts.context, parts.site, parts.now()
        location = site.location
        try:
            owed = await asyncio.to_thread(context.journal.owed_counts)
            given_up = await asyncio.to_thread(context.journal.dead_letters, GIVEN_UP_ROWS_MAX)
        except StorageFailed:
            owed, given_up = {}, ()
        devices = context.health()
        told: dict[str, Any] = {
            "site": {"id": location.id, "name": location.name} if location else None,
            "version": version(),
            "running_s": round(time.monotonic() - self._began_s),
            "boot": site.boot,
            "link": context.link() or "none",
            "owed": owed,
            "given_up": [
                {"lane": one.owed.lane, "kind": one.owed.kind, "id": one.owed.message_id, "reason": one.reason}
                for one in given_up
            ],
            "clock": {"trusted": now.utc_ms is not None, "utc_ms": now.utc_ms, "elapsed_ms": now.elapsed_ms},
            "safe_mode": _safe_mode(context.safe_mode()),
            "storage": "failing" if context.runner.provisional else "ok",
            "events": context.journal.head,
            "devices": {name: "ok" if row.ok else row.trouble or "not heard yet" for name, row in devices.items()},
            "bays": {view.label: _bay(view) for view in evse_views(site, now, context.readings)},
            "pools": [_pool(view) for view in pool_views(site, now, context.waits())],
            "queue": [_queue_row(row) for row in queue_view(site, waits=context.waits())[:QUEUE_ROWS_MAX]],
        }
        return web.json_response(told)

    async def explain(self, request: web.Request) -> web.Response:
        """Answer why somebody in line waits: by call code or by number."""
        parts = self._parts
        found = _find(parts.site.check_ins.values(), request.match_info["check_in"])
        if found is None:
            return web.json_response({"error": "nobody here has this code now"}, status=404)
        reasons = explain(parts.site, found.id, parts.now())
        told = {
            "check_in": found.id,
            "code": found.code,
            "pool": found.pool,
            "state": found.state.value,
            "reason": found.reason.value if found.reason else None,
            "bays": [{"bay": r.label, "why": r.why.value, "code": r.code} for r in reasons],
            "sentences": [sentence(r) for r in reasons] or [f"{found.code} has ended: {found.state.value}."],
        }
        return web.json_response(told)

    async def metrics(self, _: web.Request) -> web.Response:
        """Answer figures in the text format of Prometheus."""
        body = await asyncio.to_thread(self._figures)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    def _figures(self) -> bytes:
        # With the first scrape: the library takes 1 MiB, and few sites are scraped.
        from agent.web.metrics import figures

        return figures(*self._metered)


def version() -> str:
    """Return the version of the agent, or "unknown" where it runs from a checkout that was never installed."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"


def sentence(reason: Explanation) -> str:
    """Return one reason as a sentence for a technician."""
    return _SENTENCES[reason.why].format(bay=reason.label, code=reason.code or "Somebody")


def _safe_mode(mode: SafeMode | None) -> dict[str, Any] | None:
    if mode is None:
        return None
    hint = "the queue is paused; find in the log what ended the agent, then restart the service: that ends safe mode"
    return {"unclean_ends": mode.unclean_ends, "tries_by_itself_in_s": mode.left_s, "hint": hint}


def _find(check_ins: Iterable[CheckIn], name: str) -> CheckIn | None:
    """Return the CheckIn of a number, or the youngest of a call code; codes come back after a while."""
    number = CheckInId(int(name)) if name.isdecimal() else None
    found = [c for c in check_ins if c.id == number or c.code == name.upper()]
    return max(found, key=lambda c: (c.open, c.id), default=None)


def _bay(view: EvseView) -> dict[str, Any]:
    told = {
        "state": view.state.value,
        "lamp": view.lamp.value,
        "code": view.code,
        "power_w": view.power_w,
        "energy_wh": view.energy_wh,
        "faults": list(view.faults),
    }
    return {name: value for name, value in told.items() if value not in (None, [])}


def _pool(view: PoolView) -> dict[str, Any]:
    wait = view.wait
    return {
        "pool": view.pool,
        "status": view.status.value,
        "waiting": view.queue_length,
        "free": view.evses_free,
        "in_service": view.evses_in_service,
        "of": view.evses,
        "wait_min": [wait.p10_min, wait.p50_min, wait.p90_min] if wait else None,
    }


def _queue_row(row: QueueRow) -> dict[str, Any]:
    told = {"code": row.code, "pool": row.pool, "state": row.state.value, "position": row.position, "bay": row.bay}
    return {name: value for name, value in told.items() if value is not None}
