"""Changing pool or wishes from the own page: what it would do to the place is shown before it is done.

Touches the runner for the deed; the preview is the core itself, stepped on the present site and thrown away.
"""

from aiohttp import web

from agent.core.inputs import JoinQueue, Refused
from agent.core.layout import MINUTE_MS, CheckInId, PoolId
from agent.core.page import PageView, page_view
from agent.core.queue import position
from agent.core.site import step
from agent.core.state import CheckIn, Quote
from agent.journal.turn import Write
from agent.kernel.inbox import Busy
from agent.texts.refusals import HTTP_STATUS, Reason, refusal_text
from agent.texts.waits import WaitForm
from agent.web.forms import JoinForm, departure_utc_ms, join_form, read_form
from agent.web.once import Forged, Reused
from agent.web.parts import NotTaken, Parts, reason_of
from agent.web.pools import pool_cards
from agent.web.why import why_no_place
from agent.web.words import Words

DRAW = 0  # a change keeps its call code


class ChangePages:
    """The form, the preview and the deed of a change."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: web.Request) -> web.Response:
        """Answer the form, with what is wanted now."""
        old = self._old(request)
        if old is None:
            return self._parts.unknown(request)
        return self._form(request, old, _form_of(old))

    async def act(self, request: web.Request) -> web.Response:
        """Answer the preview, or, once that was confirmed, change: 303 to the own page."""
        parts, old = self._parts, self._old(request)
        if old is None:
            return parts.unknown(request)
        fields = await read_form(request)
        form = join_form(fields)
        path = parts.addresses.of(old.id)
        try:
            request_id = parts.once.check(path, fields.get("request", ""))
            if fields.get("sure") != "1":
                return self._preview(request, old, form)
            done = await parts.once.obey(request_id, form.told, lambda: self._request(old, form))
        except (Forged, Reused):
            return parts.message(request, Reason.BAD_REQUEST)
        except Busy:
            return parts.message(request, Reason.BUSY)
        except NotTaken as refused:
            words = parts.words(request)
            return self._form(
                request, old, form, refused.reason, refusal_text(words.catalogue, refused.reason, words.language)
            )
        if done.refused is not None:
            return self._refused(request, old, form, done.refused)
        return parts.see_other(request, path)

    def _old(self, request: web.Request) -> CheckIn | None:
        check_in = self._parts.addresses.find(request.match_info["address"])
        return None if check_in is None else self._parts.site.check_ins.get(check_in)

    async def _request(self, old: CheckIn, form: JoinForm) -> tuple[JoinQueue, tuple[Write, ...]]:
        return self._changed(old, form), ()

    def _changed(self, old: CheckIn, form: JoinForm) -> JoinQueue:
        """Return the Request of a change; raise NotTaken where no pool is chosen."""
        parts, location = self._parts, self._parts.site.location
        if not form.pool or location is None:
            raise NotTaken(Reason.NOTHING_CHOSEN)
        wait = parts.context.waits().newcomer.get(PoolId(form.pool))
        return JoinQueue(
            pool=PoolId(form.pool),
            draw=DRAW,
            origin=old.origin,
            subjects=old.subjects,
            device=old.device,
            groups=old.groups,
            owner=old.owner,
            wishes=form.wishes,
            more_time=form.more_time,
            departure_utc_ms=departure_utc_ms(form.departure, location, parts.now()),
            vehicle=form.vehicle,
            departure_accepted=form.anyway,
            window=old.window,
            quote=Quote(p10_min=wait.p10_min, p50_min=wait.p50_min, p90_min=wait.p90_min) if wait else None,
            replaces=old.id,
        )

    def _preview(self, request: web.Request, old: CheckIn, form: JoinForm) -> web.Response:
        """Answer what the change would do; nothing is stored, and nobody else ever sees that state."""
        parts, now = self._parts, self._parts.now()
        outcome = step(parts.site, self._changed(old, form), now)
        if outcome.refused is not None:
            return self._refused(request, old, form, outcome.refused)
        words = parts.words(request)
        after = page_view(outcome.site, old.id, now, parts.context.readings)
        same = after.position is not None and after.position == position(parts.site, old)
        kept = same and outcome.site.check_ins[old.id].rank == old.rank
        path = parts.addresses.of(old.id)
        fields = {
            "path": path,
            "request_id": parts.once.new_id(path),
            "body": self._told(words, after, form, kept=kept),
            "told": {**form.told, "sure": "1"},
            "error_field": None,
        }
        return parts.html(request, "change_sure.html", fields)

    def _told(self, words: Words, after: PageView, form: JoinForm, *, kept: bool) -> str:
        if after.position is None:
            return words("change.preview_free")
        if kept:
            return words("change.same_place")
        wait = words.wait(self._parts.context.waits().newcomer.get(PoolId(form.pool)), WaitForm.BARE)
        if wait is None:
            # The forecast for the new pool is not there yet: the place alone is told.
            return f"{words('state.waiting.h1', position=after.position)}. {words('button.change')}?"
        return words("change.preview", position=after.position, wait=wait)

    def _refused(self, request: web.Request, old: CheckIn, form: JoinForm, refused: Refused) -> web.Response:
        parts, location, now = self._parts, self._parts.site.location, self._parts.now()
        text = why_no_place(
            parts.words(request),
            parts.site,
            now,
            refused,
            pool=form.pool,
            wishes=form.wishes,
            departure_utc_ms=departure_utc_ms(form.departure, location, now) if location else None,
            waits=parts.context.waits(),
            phone=parts.context.options.operator_phone,
        )
        return self._form(request, old, form, reason_of(refused), text)

    def _form(
        self, request: web.Request, old: CheckIn, form: JoinForm, reason: Reason | None = None, text: str = ""
    ) -> web.Response:
        parts, location = self._parts, self._parts.site.location
        path = parts.addresses.of(CheckInId(old.id))
        fields = {
            "path": path,
            "request_id": parts.once.new_id(path),
            "cards": pool_cards(parts.words(request), parts.site, parts.now(), parts.context.waits()),
            "selected": form.pool,
            "form": form,
            "error": text or None,
            "error_field": "pool" if reason else None,
            "anyway": reason is Reason.DEPARTURE_TOO_SOON,
            "has_accessible": any(e.accessible for e in location.evses) if location else False,
            "more_time_min": location.policy.long_arrival_window_ms // MINUTE_MS if location else 0,
            "clock": parts.now().utc_ms is not None,
        }
        return parts.html(request, "change.html", fields, status=HTTP_STATUS[reason] if reason else 200)


def _form_of(old: CheckIn) -> JoinForm:
    """Return the form as it stands filled in for what a CheckIn wants now."""
    told = {
        "pool": str(old.pool),
        "accessible": "1" if old.wishes.accessible else "",
        "more_time": "1" if old.more_time else "",
        "min_power": str(old.wishes.min_power_w // 1000) if old.wishes.min_power_w else "",
        "soc": "" if old.vehicle.soc_percent is None else str(old.vehicle.soc_percent),
        "energy": "" if old.vehicle.energy_need_wh is None else f"{old.vehicle.energy_need_wh / 1000:g}",
    }
    return join_form(told)
