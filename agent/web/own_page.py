"""The own page of a CheckIn: how it is shown, and the forms and links on it.

Touches the runner. The address is the key: whoever has it may act for the CheckIn, so it is never logged, never in a
referrer, and an unknown one always gets the same answer.
"""

from collections.abc import Callable, Mapping
from datetime import time
from typing import Any

from aiohttp import web

from agent.core import inputs as i
from agent.core.layout import CheckInId
from agent.core.page import Action, PageState, PageView
from agent.journal.turn import Write
from agent.kernel.inbox import Busy
from agent.kernel.presence import Proof, Way
from agent.texts.formats import Language
from agent.texts.refusals import HTTP_STATUS, Reason, refusal_text
from agent.web.calendar_file import reminder
from agent.web.forms import CODE_DIGITS, read_form
from agent.web.once import Done, Forged, Reused
from agent.web.parts import NotTaken, Parts, reason_of
from agent.web.render import respond
from agent.web.why import why_not
from agent.web.words import Words

SNOOZE_CHOICES_MIN = (10, 20, 30)
AUTO_S = 20  # `experience.md` 2.4: the page updates by itself only where the person asked for that

# What one POST does, by the name in the address.
_REQUESTS: Mapping[str, Callable[[CheckInId, Mapping[str, str]], i.Request]] = {
    Action.SNOOZE: lambda c, form: i.SnoozeCheckIn(check_in=c, minutes=_minutes(form)),
    Action.READY: lambda c, _: i.SnoozeCheckIn(check_in=c, minutes=0),
    Action.LEAVE: lambda c, _: i.LeaveQueue(check_in=c),
    Action.UNDO: lambda c, _: i.UndoLeave(check_in=c),
    Action.EXTEND: lambda c, _: i.ExtendHold(check_in=c),
    Action.WRONG_BAY: lambda c, _: i.ReportBlocked(check_in=c),
    Action.BAY_IS_FREE: lambda c, _: i.ReportFree(check_in=c),
    Action.USE_BAY: lambda c, _: i.UseBay(check_in=c),
    Action.HERE: lambda c, _: i.UpdateArrival(check_in=c),
    Action.START_CHARGING: lambda c, _: i.StartAtPage(check_in=c),
    Action.STOP_CHARGING: lambda c, _: i.StopAtPage(check_in=c),
}
PROVE = "prove"


class OwnPageRoutes:
    """The routes below an own page's address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages: Mapping[str, Callable[[web.Request, CheckInId], web.Response]] = {
            Action.SNOOZE: self._ask_snooze,
            Action.LEAVE: self._ask_leave,
            Action.STOP_CHARGING: self._ask_stop,
            "reminder.ics": self._reminder,
            "receipt.txt": self._receipt,
        }

    def find(self, request: web.Request) -> CheckInId | None:
        """Return the CheckIn of the address in a request, or None."""
        return self._parts.addresses.find(request.match_info["address"])

    async def show(self, request: web.Request) -> web.Response:
        """Answer the own page."""
        check_in = self.find(request)
        return self._parts.unknown(request) if check_in is None else self._page(request, check_in)

    async def state(self, request: web.Request) -> web.Response:
        """Answer what the event stream says, to whoever polls."""
        check_in = self.find(request)
        if check_in is None:
            raise web.HTTPNotFound
        page = self._parts.own.make(check_in, self._parts.addresses.of(check_in), self._parts.language(request))
        return web.json_response(page.event())

    async def ask(self, request: web.Request) -> web.Response:
        """Answer a link on the own page: a question before a deed, or a file."""
        check_in = self.find(request)
        page = self._pages.get(request.match_info["action"])
        if check_in is None or page is None:
            return self._parts.unknown(request)
        return page(request, check_in)

    async def act(self, request: web.Request) -> web.Response:
        """Do what a form on the own page says: 303 back to it, or the page with the reason why not."""
        parts, check_in, action = self._parts, self.find(request), request.match_info["action"]
        if check_in is None:
            return parts.unknown(request)
        path = parts.addresses.of(check_in)
        fields = await read_form(request)
        if action == Action.MOVING:
            return parts.see_other(request, f"{path}/thanks")
        if action not in _REQUESTS and action != PROVE:
            return parts.unknown(request)
        try:
            request_id = parts.once.check(path, fields.get("request", ""))
            told = {"action": action, **{k: v for k, v in fields.items() if k in ("minutes", "digits")}}
            done = await parts.once.obey(request_id, told, lambda: self._request(check_in, action, fields))
            if action == Action.START_CHARGING and not done.repeated:
                done = await self._start(check_in, done)
        except (Forged, Reused):
            return parts.message(request, Reason.BAD_REQUEST)
        except Busy:
            return parts.message(request, Reason.BUSY)
        except NotTaken as refused:
            words = parts.words(request)
            text = refusal_text(words.catalogue, refused.reason, words.language, **refused.fields)
            return self._page(request, check_in, refused.reason, text)
        if done.refused is not None:
            words, phone = parts.words(request), parts.context.options.operator_phone
            text = why_not(words, parts.site, parts.now(), done.refused, phone=phone)
            return self._page(request, check_in, reason_of(done.refused), text)
        return parts.see_other(request, path)

    async def thanks(self, request: web.Request) -> web.Response:
        """Answer the page after "I'm moving now": the same, with the word that it was understood."""
        check_in = self.find(request)
        return self._parts.unknown(request) if check_in is None else self._page(request, check_in, moving=True)

    async def _start(self, check_in: CheckInId, done: Done) -> Done:
        """Go on where the first tap only told that it is them: with the car plugged in, the same tap starts energy."""
        waits = self._parts.own.view(check_in).state in (PageState.AUTHORISE, PageState.NOT_AUTHORISED)
        if done.refused is not None or not waits:
            return done
        answer = await self._parts.context.runner.ask(i.StartAtPage(check_in=check_in))
        refused = answer.step.refused if answer.step is not None else None
        return Done(check_in=check_in, refused=refused, provisional=answer.provisional)

    async def _request(
        self, check_in: CheckInId, action: str, fields: Mapping[str, str]
    ) -> tuple[i.Request, tuple[Write, ...]]:
        """Return the Request of a form; raise NotTaken for digits that prove nothing."""
        if action != PROVE:
            return _REQUESTS[action](check_in, fields), ()
        digits = "".join(c for c in fields.get("digits", "") if c.isascii() and c.isdigit())[:CODE_DIGITS]
        if not digits:
            raise NotTaken(Reason.PRESENCE_MISSING)
        context = self._parts.context
        proof, _ = context.presence.judge(digits, Way.TYPED, context.monotonic())
        if proof is not Proof.PRESENT:
            raise NotTaken(Reason(proof.value))
        return i.ProvePresence(check_in=check_in), ()

    def _page(
        self,
        request: web.Request,
        check_in: CheckInId,
        reason: Reason | None = None,
        text: str = "",
        *,
        moving: bool = False,
    ) -> web.Response:
        parts = self._parts
        path = parts.addresses.of(check_in)
        page = parts.own.make(check_in, path, parts.language(request))
        fields = {
            "page": page,
            "path": path,
            "request_id": parts.once.new_id(path),
            "error": text or None,
            "error_field": None,
            "moving": moving,
            "auto": request.query.get("auto") == "1",
            "auto_s": AUTO_S,
            "midnight": time.min,  # stands in the sentence for the time that the script fills in
            "timer_words": self._timer_words(parts.language(request)),
        }
        return parts.html(request, "own.html", fields, status=HTTP_STATUS[reason] if reason else 200)

    def _timer_words(self, language: Language) -> Mapping[int, str]:
        """Return what is announced while a call runs out, by the seconds left."""
        words = self._parts.renderer.words(self._parts.site, language)
        return {seconds: words("note.left", left_s=seconds) for seconds in (120, 60, 30)}

    def _question(
        self, request: web.Request, check_in: CheckInId, template: str, fields: Mapping[str, Any]
    ) -> web.Response:
        path = self._parts.addresses.of(check_in)
        request_id = self._parts.once.new_id(path)
        view = self._parts.own.view(check_in)
        return self._parts.html(
            request, template, {"path": path, "request_id": request_id, "view": view, "error_field": None, **fields}
        )

    def _ask_leave(self, request: web.Request, check_in: CheckInId) -> web.Response:
        words, view = self._parts.words(request), self._parts.own.view(check_in)
        fields = {
            "h1": words("leave.h1"),
            "body": words("leave.body", **({} if view.position is None else {"position": view.position})),
            "action": Action.LEAVE.value,
            "yes": words("button.leave"),
            "no": words("button.stay"),
        }
        return self._question(request, check_in, "question.html", fields)

    def _ask_stop(self, request: web.Request, check_in: CheckInId) -> web.Response:
        words = self._parts.words(request)
        fields = {
            "h1": words("check_in.stop_confirm"),
            "body": "",
            "action": Action.STOP_CHARGING.value,
            "yes": words("button.stop_charging_sure"),
            "no": words("button.back"),
        }
        return self._question(request, check_in, "question.html", fields)

    def _ask_snooze(self, request: web.Request, check_in: CheckInId) -> web.Response:
        return self._question(request, check_in, "snooze.html", {"choices": SNOOZE_CHOICES_MIN})

    def _reminder(self, request: web.Request, check_in: CheckInId) -> web.Response:
        parts = self._parts
        file = reminder(parts.words(request), parts.own.view(check_in), parts.now(), parts.addresses.of(check_in))
        if file is None:
            return parts.unknown(request)
        response = respond(request, file, kind="text/calendar")
        response.headers["Content-Disposition"] = 'attachment; filename="reminder.ics"'
        return response

    def _receipt(self, request: web.Request, check_in: CheckInId) -> web.Response:
        parts = self._parts
        page = parts.own.make(check_in, parts.addresses.of(check_in), parts.language(request))
        if page.view.state is not PageState.DONE:
            return parts.unknown(request)
        words = parts.words(request)
        began = words.local(page.view.since_utc_ms)
        lines = (
            words("label.receipt_title"),
            parts.site.location.name if parts.site.location else "",
            f"{began:%Y-%m-%d}" if began else "",
            f"{words('label.bay')} {page.view.bay}" if page.view.bay else "",
            words("state.done.facts", **_receipt_fields(page.view, words)),
        )
        return respond(request, "\n".join(line for line in lines if line) + "\n", kind="text/plain")


def _receipt_fields(view: PageView, words: Words) -> dict[str, object]:
    """Return what is known for the sentence on the receipt."""
    fields = {
        "energy_wh": view.energy_wh,
        "since": words.local(view.since_utc_ms),
        "until": words.local(view.ended_utc_ms),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _minutes(fields: Mapping[str, str]) -> int:
    """Return the minutes of a snooze form; the shortest choice for what is none."""
    told = fields.get("minutes", "")
    return int(told) if told in {str(choice) for choice in SNOOZE_CHOICES_MIN} else SNOOZE_CHOICES_MIN[0]
