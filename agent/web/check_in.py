"""Checking in: the first page, by the printed address or by the code on a display, and its one form.

Touches presence, authoriser, subjects and the runner. Anonymous people prove that they are on site by the six digits;
who gives a contract or card that is accepted does not. One open CheckIn per device, by the one cookie we set.
"""

import secrets

from aiohttp import web

from agent.core.inputs import JoinQueue, Refusal, Refused, Verdict
from agent.core.joining import asks_to_show
from agent.core.layout import MINUTE_MS, PoolId, SubjectRef
from agent.core.site import decide
from agent.core.state import CheckIn, Origin, Quote
from agent.journal.errors import StorageFailed
from agent.journal.turn import Write
from agent.kernel.authoriser import Judged
from agent.kernel.inbox import Busy
from agent.kernel.presence import Proof, Way
from agent.texts.refusals import HTTP_STATUS, Reason, refusal_text
from agent.web.forms import JoinForm, departure_utc_ms, join_form, read_form
from agent.web.guard import PEER
from agent.web.once import Done, Forged, Reused
from agent.web.parts import NotTaken, Parts, reason_of
from agent.web.pools import PoolCard, pool_cards
from agent.web.why import why_no_place

SCOPE = "check-in"
COOKIE = "device"
COOKIE_S = 24 * 3600
COOKIE_BYTES = 16
DRAW_BITS = 31
CARD_KIND = "Central"  # OCPP 2.x IdTokenType: told by a person, no reader has seen a card
WRONG_CARDS = 5  # typed, a minute, for the whole location: numbers of cards are not to be found by trying
WRONG_CARDS_S = 60
_PROOF_REASON = {
    Proof.WRONG: Reason.PRESENCE_WRONG,
    Proof.EXPIRED: Reason.PRESENCE_EXPIRED,
    Proof.TOO_MANY: Reason.TOO_MANY_TRIES,
}
_VERDICT_REASON = {
    Verdict.BLOCKED: Reason.TOKEN_BLOCKED,
    Verdict.EXPIRED: Reason.TOKEN_BLOCKED,
    Verdict.INVALID: Reason.TOKEN_UNKNOWN,
    Verdict.CONCURRENT: Reason.TOKEN_UNKNOWN,
    Verdict.UNCHECKABLE: Reason.TOKEN_UNCHECKABLE,
}
# Which field of the form an error belongs to; the others concern the choice of the pool.
_FIELD = {
    Reason.PRESENCE_MISSING: "digits",
    Reason.PRESENCE_WRONG: "digits",
    Reason.PRESENCE_EXPIRED: "digits",
    Reason.TOO_MANY_TRIES: "digits",
    Reason.TOKEN_UNKNOWN: "contract",
    Reason.TOKEN_BLOCKED: "contract",
    Reason.TOKEN_UNCHECKABLE: "contract",
    Reason.DEPARTURE_TOO_SOON: "departure",
    Reason.NO_EVSE_FITS: "min_power",
}
_NO_FORM = join_form({})


class CheckInPages:
    """The check-in page and its form."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._wrong_cards: list[float] = []

    async def show(self, request: web.Request) -> web.Response:
        """Answer the printed address, or the one of a display, which carries the six digits."""
        digits = request.match_info.get("digits", "")
        if self._parts.site.location is None:
            return self._parts.message(request, Reason.STARTING)
        form = join_form({"digits": digits, "scanned": "1" if digits else "", "pool": request.query.get("pool", "")})
        return self._page(request, form)

    async def captive(self, request: web.Request) -> web.Response:
        """Answer inside a captive window: what there is, and where to go on; nothing that such a window would lose."""
        host = self._parts.context.options.public_url.rstrip("/").rpartition("//")[2]
        cards = self._cards(request)
        return self._parts.html(request, "captive.html", {"cards": cards, "host": host})

    async def join(self, request: web.Request) -> web.Response:
        """Take the form: 303 to the own page, or the page again with the reason."""
        parts = self._parts
        fields = await read_form(request)
        form = join_form(fields)
        device = _device(request) or self._device_of_form(fields.get("request", ""))
        try:
            request_id = parts.once.check(SCOPE, fields.get("request", ""))
            done = await parts.once.obey(request_id, form.told, lambda: self._request(form, device, request[PEER].key))
        except (Forged, Reused):
            return parts.message(request, Reason.BAD_REQUEST)
        except Busy:
            return parts.message(request, Reason.BUSY)
        except StorageFailed:
            return parts.message(request, Reason.CANNOT_STORE)
        except NotTaken as refused:
            words = parts.words(request)
            text = refusal_text(words.catalogue, refused.reason, words.language, **refused.fields)
            return self._page(request, form, refused.reason, text)
        return self._answer(request, form, device, done)

    def _answer(self, request: web.Request, form: JoinForm, device: str, done: Done) -> web.Response:
        parts = self._parts
        if done.check_in is not None:
            response = parts.see_other(request, parts.addresses.of(done.check_in))
            secure = parts.context.options.public_url.startswith("https:")
            # Lax: the address of a QR code opens from the camera, which is another site to the browser.
            response.set_cookie(COOKIE, device, max_age=COOKIE_S, httponly=True, samesite="Lax", secure=secure)
            return response
        refused = done.refused or Refused(reason=Refusal.CHECKIN_UNKNOWN)
        words, now = parts.words(request), parts.now()
        location = parts.site.location
        text = why_no_place(
            words,
            parts.site,
            now,
            refused,
            pool=form.pool,
            wishes=form.wishes,
            departure_utc_ms=departure_utc_ms(form.departure, location, now) if location else None,
            waits=parts.context.waits(),
            phone=parts.context.options.operator_phone,
        )
        link = None
        if refused.reason is Refusal.ALREADY_CHECKED_IN and refused.check_in is not None:
            open_one = parts.site.check_ins.get(refused.check_in)
            own = open_one is not None and open_one.device is not None and open_one.device == self._device_ref(device)
            link = parts.addresses.of(refused.check_in) if own else None
        return self._page(request, form, reason_of(refused), text, link=link)

    async def _request(self, form: JoinForm, device: str, source: str) -> tuple[JoinQueue, tuple[Write, ...]]:
        """Return the Request that a form asks for; raise NotTaken for what the core need not see."""
        parts = self._parts
        location, now = parts.site.location, parts.now()
        if location is None:
            raise NotTaken(Reason.STARTING)
        pool = form.pool or (location.pools[0].id if len(location.pools) == 1 else "")
        if not pool:
            raise NotTaken(Reason.NOTHING_CHOSEN)
        subjects: tuple[SubjectRef, ...] = ()
        groups: tuple[str, ...] = ()
        writes: tuple[Write, ...] = ()
        window = None
        if form.contract:
            judged, token, writes = await self._card(form.contract)
            subjects, groups = (token,), judged.groups
        if not form.contract or not judged.known:  # a number that nobody knows is as anonymous as none
            window = self._proven(form, source)
        known = parts.context.subjects.of(COOKIE, device)
        wait = parts.context.waits().newcomer.get(PoolId(pool))
        quote = Quote(p10_min=wait.p10_min, p50_min=wait.p50_min, p90_min=wait.p90_min) if wait else None
        request = JoinQueue(
            pool=PoolId(pool),
            draw=secrets.randbits(DRAW_BITS),
            origin=Origin.PAGE,
            subjects=subjects,
            device=known.ref,
            groups=groups,
            wishes=form.wishes,
            more_time=form.more_time,
            departure_utc_ms=departure_utc_ms(form.departure, location, now),
            vehicle=form.vehicle,
            departure_accepted=form.anyway,
            window=window,
            quote=quote,
        )
        if window is not None and not isinstance(decide(parts.site, request, now), Refused):
            # Counted before it is asked, so that many at once cannot share one place of the budget; a form that is
            # refused for another reason costs none.
            parts.context.presence.joined(window)
        return request, (*writes, *known.writes)

    def _proven(self, form: JoinForm, source: str) -> int:
        """Return the presence window of the digits; raise NotTaken when they prove nothing."""
        if not form.digits:
            raise NotTaken(Reason.PRESENCE_MISSING)
        context = self._parts.context
        proof, window = context.presence.judge(
            form.digits, Way.SCANNED if form.scanned else Way.TYPED, context.monotonic(), source
        )
        if proof is not Proof.PRESENT:
            raise NotTaken(_PROOF_REASON[proof], count=2 if proof is Proof.TOO_MANY else None)
        return window

    async def _card(self, contract: str) -> tuple[Judged, SubjectRef, tuple[Write, ...]]:
        """Return verdict and reference of an accepted contract or card number; raise NotTaken for any other."""
        context = self._parts.context
        now_s = context.monotonic()
        self._wrong_cards = [at for at in self._wrong_cards if now_s - at < WRONG_CARDS_S]
        if len(self._wrong_cards) >= WRONG_CARDS:
            raise NotTaken(Reason.TOO_MANY_TRIES, count=1)
        judged = await context.authoriser.judge(contract, CARD_KIND)
        if judged.verdict is not Verdict.ACCEPTED:
            self._wrong_cards.append(now_s)
            raise NotTaken(_VERDICT_REASON[judged.verdict])
        known = context.subjects.of("token", contract)
        return judged, known.ref, known.writes

    def _page(
        self,
        request: web.Request,
        form: JoinForm = _NO_FORM,
        reason: Reason | None = None,
        text: str = "",
        link: str | None = None,
    ) -> web.Response:
        parts = self._parts
        cards = self._cards(request)
        open_cards = [card for card in cards if not card.closed]
        selected = form.pool or (open_cards[0].pool if len(cards) == 1 and open_cards else "")
        own = self._own_open(request)
        # A code that was refused is not offered again: the person reads the display anew.
        field = _FIELD.get(reason, "pool") if reason else None
        digits = "" if field == "digits" else form.digits
        location = parts.site.location
        return parts.html(
            request,
            "check_in.html",
            {
                "cards": cards,
                "selected": selected,
                "any_free": any(card.free for card in cards),
                "paused": parts.site.paused,
                "form": form,
                "digits": digits,
                "scanned": bool(digits) and form.scanned,
                "own": own,
                "own_path": parts.addresses.of(own.id) if own else None,
                "prove": parts.once.new_id(parts.addresses.of(own.id)) if own and digits else None,
                "request_id": parts.once.new_id(SCOPE),
                "error": text or None,
                "error_link": link,
                "error_field": field,
                "anyway": reason is Reason.DEPARTURE_TOO_SOON,
                "has_accessible": any(e.accessible for e in location.evses) if location else False,
                "more_time_min": location.policy.long_arrival_window_ms // MINUTE_MS if location else 0,
                "here": asks_to_show(parts.site, Origin.PARTNER),
                "clock": parts.now().utc_ms is not None,
            },
            status=HTTP_STATUS[reason] if reason else 200,
        )

    def _cards(self, request: web.Request) -> tuple[PoolCard, ...]:
        parts = self._parts
        return pool_cards(parts.words(request), parts.site, parts.now(), parts.context.waits())

    def _own_open(self, request: web.Request) -> CheckIn | None:
        """Return the open CheckIn of this device, by its cookie."""
        if COOKIE not in request.cookies:
            return None
        told = _device(request)
        device = self._device_ref(told) if told is not None else None
        return self._parts.site.open_with((device,)) if device is not None else None

    def _device_of_form(self, request_id: str) -> str:
        """Return the name that a device without a cookie gets by sending a form.

        The same form gives the same name: whoever sends it twice, or again after a lost answer, is one device.
        """
        return self._parts.context.key.lookup("device of form", request_id).hex()[: 2 * COOKIE_BYTES]

    def _device_ref(self, device: str) -> SubjectRef | None:
        """Return the reference of a device, or None while nothing can be read."""
        try:
            return self._parts.context.subjects.of(COOKIE, device).ref
        except StorageFailed:
            return None


def _device(request: web.Request) -> str | None:
    """Return the name of the device in its cookie, or None."""
    told = request.cookies.get(COOKIE, "")
    known = len(told) == 2 * COOKIE_BYTES and all(c in "0123456789abcdef" for c in told)
    return told if known else None
