"""How who checked in with an app shows that they are on site: by their call code and the six digits of a display.

Touches presence and the runner. Only on sites that ask for it (`partner_presence = "scan"`). The call code is public:
naming it puts somebody into line who was on the road, and gives no right to anything of theirs.
"""

from aiohttp import web

from agent.core.inputs import ShowPresence
from agent.core.joining import asks_to_show
from agent.core.queue import position
from agent.core.state import HOLDING, CheckIn, CheckInState, Origin
from agent.journal.errors import StorageFailed
from agent.journal.turn import Write
from agent.kernel.inbox import Busy
from agent.kernel.presence import Proof, Way
from agent.texts.refusals import HTTP_STATUS, Reason, refusal_text
from agent.web.forms import CODE_DIGITS, read_form
from agent.web.guard import PEER
from agent.web.once import Forged, Reused
from agent.web.parts import NotTaken, Parts

SCOPE = "here"
WRONG_CODES = 10  # a minute, for the whole location: codes of people on the road are not to be found by trying
WRONG_CODES_S = 60
_FIELD = {Reason.CALL_CODE_UNKNOWN: "code"}


class HerePages:
    """The page and its one form."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._wrong: list[float] = []

    async def show(self, request: web.Request) -> web.Response:
        """Answer the page; a scanned display gives the digits."""
        if not asks_to_show(self._parts.site, Origin.PARTNER):
            return self._parts.failure(request, 404, "")
        return self._page(request, request.match_info.get("digits", ""), scanned=True)

    async def act(self, request: web.Request) -> web.Response:
        """Take the form: what holds for this code now, or the page again with the reason."""
        parts = self._parts
        fields = await read_form(request)
        code = fields.get("code", "").replace(" ", "").upper()
        digits = "".join(c for c in fields.get("digits", "") if c.isascii() and c.isdigit())[:CODE_DIGITS]
        scanned = fields.get("scanned") == "1"
        source = request[PEER].key

        async def asked() -> tuple[ShowPresence, tuple[Write, ...]]:
            return self._request(code, digits, Way.SCANNED if scanned else Way.TYPED, source), ()

        try:
            request_id = parts.once.check(SCOPE, fields.get("request", ""))
            done = await parts.once.obey(request_id, {"code": code, "digits": digits}, asked)
        except (Forged, Reused):
            return parts.message(request, Reason.BAD_REQUEST)
        except Busy:
            return parts.message(request, Reason.BUSY)
        except StorageFailed:
            return parts.message(request, Reason.CANNOT_STORE)
        except NotTaken as no:
            return self._page(request, digits, scanned=scanned, no=no)
        found = parts.site.check_ins.get(done.check_in) if done.check_in is not None else None
        if found is None or not found.open:
            return parts.message(request, Reason.CHECKIN_ENDED)
        words = parts.words(request)
        told = {"h1": self._told(request, found), "body": (words("here.done"),)}
        return parts.html(request, "here_done.html", {**told, "path": "/"})

    def _request(self, code: str, digits: str, way: Way, source: str) -> ShowPresence:
        """Return the Request of a form; raise NotTaken for digits that prove nothing and a code that no app has."""
        context = self._parts.context
        now_s = context.monotonic()
        if not digits:
            raise NotTaken(Reason.PRESENCE_MISSING)
        self._wrong = [at for at in self._wrong if now_s - at < WRONG_CODES_S]
        if len(self._wrong) >= WRONG_CODES:
            raise NotTaken(Reason.TOO_MANY_TRIES, count=1)
        proof, window = context.presence.judge(digits, way, now_s, source)
        if proof is not Proof.PRESENT:
            raise NotTaken(Reason(proof.value), count=2 if proof is Proof.TOO_MANY else None)
        by_partner = (c for c in self._parts.site.open_check_ins() if c.origin is Origin.PARTNER)
        found = next((c for c in by_partner if c.code == code), None)
        if found is None:
            self._wrong.append(now_s)
            raise NotTaken(Reason.CALL_CODE_UNKNOWN)
        if found.must_show:
            context.presence.joined(window)
        return ShowPresence(check_in=found.id)

    def _told(self, request: web.Request, check_in: CheckIn) -> str:
        """Return what an app would say now."""
        words, site = self._parts.words(request), self._parts.site
        hold = site.hold_of(check_in.id)
        if check_in.state in HOLDING and hold is not None:
            layout = site.layout_of(hold.evse)
            return words("partner.called", bay=layout.label if layout else str(hold.evse), code=check_in.code)
        if check_in.state is CheckInState.SNOOZED:
            return words("partner.snoozed")
        place = position(site, check_in)
        return words("partner.next") if place == 1 else words("partner.position_bare", position=place)

    def _page(self, request: web.Request, digits: str, *, scanned: bool, no: NotTaken | None = None) -> web.Response:
        parts = self._parts
        field, text = None, None
        if no is not None:
            words = parts.words(request)
            field, text = (
                _FIELD.get(no.reason, "digits"),
                refusal_text(words.catalogue, no.reason, words.language, **no.fields),
            )
        kept = "" if field == "digits" else digits  # a code that was refused is not offered again
        fields = {
            "digits": kept,
            "scanned": bool(kept) and scanned,
            "request_id": parts.once.new_id(SCOPE),
            "error": text,
            "error_field": field,
            "path": "/here",
        }
        return parts.html(request, "here.html", fields, status=HTTP_STATUS[no.reason] if no else 200)
