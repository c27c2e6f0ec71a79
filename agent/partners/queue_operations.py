"""CheckIn, CheckOut, Snooze, ArrivalUpdate: a partner's wish becomes a Request, the core's outcome an answer.

Asks the runner; the answer, its receipt and the rows of its ids are one commit with the events. Decides nothing about
the queue (`sequere.md` 3.1 to 3.4).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agent.core.decide import decide
from agent.core.events import CheckedIn
from agent.core.inputs import (
    JoinQueue,
    LeaveQueue,
    Refusal,
    Refused,
    Request,
    SnoozeCheckIn,
    UpdateArrival,
)
from agent.core.layout import CheckInId, Now
from agent.core.site import Step, step
from agent.core.state import HOLDING, CheckIn, CheckInState, Origin, Quote
from agent.core.visit import Vehicle
from agent.journal.turn import Write
from agent.kernel.inbox import Conclusion
from agent.partners.context import Shared
from agent.partners.entries import Scene, wait_minutes
from agent.partners.messages import ArrivalUpdateRequest, CheckInRequest, CheckOutRequest, SnoozeRequest
from agent.partners.partner import CSMS_KEY, Partner
from agent.partners.receipts import Asked
from agent.partners.refusal_words import refusal_fields
from agent.partners.results import RESULT_OF, Reply, accepted, refused
from agent.partners.updates import SHOW_PRESENCE, words_of
from agent.partners.wanted import Unwanted, wanted

ALTERNATIVES_MAX = 5
# Refusals after which another pool may do.
_ELSEWHERE = frozenset(
    {
        Refusal.POOL_FULL,
        Refusal.LOCATION_CLOSED,
        Refusal.TOO_LATE_TODAY,
        Refusal.NO_EVSE_FITS,
        Refusal.NONE_IN_SERVICE,
        Refusal.DEPARTURE_TOO_SOON,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A request on its way to the core: whose, the Request, what identifies it, and the rows of its acceptance."""

    partner: Partner
    request_id: str
    request: Request
    asked: Asked
    writes: Callable[[CheckInId], tuple[Write, ...]] = lambda _: ()


class QueueOperations:
    """The operations that change the queue."""

    def __init__(self, parts: Shared) -> None:
        """Work with the shared parts."""
        self._parts = parts

    async def check_in(self, partner: Partner, request: CheckInRequest, asked: Asked) -> Reply:
        """Join a pool's queue, change an own CheckIn, or, as a dry run, tell what joining would give."""
        try:
            ready = await wanted(self._parts, partner, request)
        except Unwanted as no:
            told = no.problem
            reply = self._refused(no.result, request.request_id, told)
            return reply if request.dry_run else await self._keep(asked, reply)
        if request.dry_run:
            return self._preview(partner, request, ready.join)
        url = None if partner.key == CSMS_KEY else request.response_url

        def writes(check_in: CheckInId) -> tuple[Write, ...]:
            return (*ready.writes, *self._parts.urls.put(check_in, url))

        return await self._ask(
            _Wish(partner=partner, request_id=request.request_id, request=ready.join, asked=asked, writes=writes)
        )

    async def check_out(self, partner: Partner, request: CheckOutRequest, asked: Asked) -> Reply:
        """Leave the queue."""

        def leave(found: CheckIn) -> Request:
            return LeaveQueue(check_in=found.id, origin=_origin(partner, found))

        return await self._own(partner, request.request_id, request.check_in_id, asked, leave)

    async def snooze(self, partner: Partner, request: SnoozeRequest, asked: Asked) -> Reply:
        """Let others go first for some minutes, or, with 0, be ready again."""

        def later(found: CheckIn) -> Request:
            return SnoozeCheckIn(check_in=found.id, minutes=request.minutes)

        return await self._own(partner, request.request_id, request.check_in_id, asked, later)

    async def arrival_update(self, partner: Partner, request: ArrivalUpdateRequest, asked: Asked) -> Reply:
        """Tell a new expected arrival. There are no reservations yet, so none of them is known."""
        if request.check_in_id is None:
            return await self._keep(asked, self._refused("RESERVATION_UNKNOWN", request.request_id))
        now_utc_ms = self._parts.context.runner.now().utc_ms
        if now_utc_ms is None:
            return await self._keep(asked, self._refused("CLOCK_UNTRUSTED", request.request_id))

        def update(found: CheckIn) -> Request:
            wait = self._parts.context.scene().wait(found)
            return UpdateArrival(
                check_in=found.id,
                expected_utc_ms=request.expected_utc_ms,
                departure_utc_ms=request.departure_utc_ms,
                vehicle=found.vehicle if request.vehicle == Vehicle() else request.vehicle,
                quote=None if wait is None else Quote(p10_min=wait.p10_min, p50_min=wait.p50_min, p90_min=wait.p90_min),
            )

        return await self._own(partner, request.request_id, request.check_in_id, asked, update)

    # --- how a wish is carried out

    async def _own(
        self,
        partner: Partner,
        request_id: str,
        check_in_id: str,
        asked: Asked,
        make: Callable[[CheckIn], Request],
    ) -> Reply:
        """Ask what concerns one CheckIn. Somebody else's is answered exactly like an unknown one."""
        found = self._parts.entries.find(self._parts.context.runner.site, check_in_id)
        if found is None or not partner.owns(found.owner):
            return await self._keep(asked, self._refused("CHECKIN_UNKNOWN", request_id))
        return await self._ask(_Wish(partner=partner, request_id=request_id, request=make(found), asked=asked))

    async def _ask(self, wish: _Wish) -> Reply:
        def conclude(outcome: Step, now: Now) -> Conclusion:
            scene = self._parts.context.scene(outcome.site, now)
            if outcome.refused is not None:
                reply = self._core_refused(wish, outcome.refused, scene)
                return Conclusion(reply, (wish.asked.receipt(reply, now),) if reply.kind.decided else ())
            found = outcome.site.check_ins[_about(wish.request, outcome)]
            told = self._parts.entries.render(scene, found, reason=_reason(wish.request))
            waits_for_user = found.must_show and found.state is CheckInState.ON_THE_ROAD
            message = words_of(self._parts, scene, found, SHOW_PRESENCE if waits_for_user else None)
            reply = accepted(wish.request_id, scene.utc_ms, check_in=told, **message)
            writes = (*wish.writes(found.id), wish.asked.receipt(reply, now))
            self._parts.tell_answered(wish.partner.key, scene, found)
            return Conclusion(reply, writes)

        answer = await self._parts.context.runner.ask(wish.request, conclude)
        reply: Reply = answer.reply
        return _provisional(reply) if answer.provisional else reply

    async def _keep(self, asked: Asked, reply: Reply) -> Reply:
        """Store the answer of what was decided without the core."""
        if reply.kind.decided:
            runner = self._parts.context.runner
            await runner.store((asked.receipt(reply, runner.now()),))
        return reply

    def _refused(self, result: str, request_id: str, problem: str | None = None) -> Reply:
        context = self._parts.context
        return refused(result, context.words(), context.utc_ms(), request_id=request_id, status_message=problem)

    def _core_refused(self, wish: _Wish, no: Refused, scene: Scene) -> Reply:
        """Return the core's refusal in words, with other pools where those may do."""
        more: dict[str, Any] = {}
        if isinstance(wish.request, JoinQueue) and no.reason in _ELSEWHERE:
            found = _alternatives(scene, wish.request)
            more = {"alternatives": found} if found else {}
        return refused(
            RESULT_OF[no.reason],
            self._parts.context.words(),
            scene.utc_ms,
            request_id=wish.request_id,
            fields=refusal_fields(scene, wish.request, no, wish.partner),
            **more,
        )

    def _preview(self, partner: Partner, request: CheckInRequest, join: JoinQueue) -> Reply:
        """Step the core on the present Site and throw the outcome away."""
        runner, context = self._parts.context.runner, self._parts.context
        now = runner.now()
        outcome = step(runner.site, join, now)
        scene = context.scene(outcome.site, now)
        if outcome.refused is not None:
            wish = _Wish(
                partner=partner,
                request_id=request.request_id,
                request=join,
                asked=Asked(source="", request_id="", digest=b""),
            )
            return self._core_refused(wish, outcome.refused, scene)
        found = outcome.site.check_ins[_about(join, outcome)]
        wait = {"p10": 0, "p50": 0, "p90": 0}
        if found.state not in HOLDING:
            forecast = scene.wait(found)
            if forecast is None:
                return self._refused("STARTING", request.request_id)
            wait = wait_minutes(forecast)
        preview = {"pool_id": join.pool, "position": scene.position(found) or 1, "wait_minutes": wait}
        return accepted(request.request_id, scene.utc_ms, preview=preview)


def _about(request: Request, outcome: Step) -> CheckInId:
    """Return the CheckIn that an accepted request was about."""
    if isinstance(request, JoinQueue):
        if request.replaces is not None:
            return request.replaces
        return next(e.check_in for e in outcome.events if isinstance(e, CheckedIn))
    if isinstance(request, LeaveQueue | SnoozeCheckIn | UpdateArrival):
        return request.check_in
    raise AssertionError(f"{type(request).__name__} is not asked by partners")


def _reason(request: Request) -> str | None:
    """Return why the answer tells a CheckIn: the partner's own wish, unless it is new and has no reason yet."""
    new = isinstance(request, JoinQueue) and request.replaces is None
    return None if new else "PARTNER"


def _origin(partner: Partner, found: CheckIn) -> Origin:
    """Return who ends a CheckIn: its own partner, or the CPO, which to everybody else is the operator."""
    return Origin.PARTNER if found.owner == partner.key else Origin.OPERATOR


def _alternatives(scene: Scene, join: JoinQueue) -> list[dict[str, Any]]:
    """Return other pools that would take the same User now, the shortest wait first."""
    location = scene.site.location
    if location is None:
        return []
    found = []
    for pool in location.pools:
        wait = scene.waits.newcomer.get(pool.id)
        if pool.id == join.pool or wait is None:
            continue
        other = replace(join, pool=pool.id, quote=None)
        if not isinstance(decide(scene.site, other, scene.now), Refused):
            found.append((wait.p50_min, pool.id, wait))
    return [
        {"location_id": location.id, "pool_id": pool, "wait_minutes": wait_minutes(wait)}
        for _, pool, wait in sorted(found, key=lambda f: f[:2])[:ALTERNATIVES_MAX]
    ]


def _provisional(reply: Reply) -> Reply:
    """Return the answer with the admission that it is kept only while the power is on."""
    data = reply.envelope.get("data")
    if not isinstance(data, dict) or "check_in" not in data:
        return reply
    told = {**data, "check_in": {**data["check_in"], "provisional": True}}
    return replace(reply, envelope={**reply.envelope, "data": told})
