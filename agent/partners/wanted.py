"""From a partner's CheckIn to the core's JoinQueue: place, ids, wishes. Finds what is wrong before the core is asked.

Asks the authoriser and the subject table. Decides what the core cannot know: issuers, other words for the same thing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.core.forecast import newcomer_wait
from agent.core.inputs import JoinQueue, Verdict
from agent.core.layout import ChargingLocation, CheckInId, EvseId, PoolId, SubjectRef
from agent.core.state import CheckIn, Origin, Quote, Wishes
from agent.journal.turn import Write
from agent.kernel.authoriser import Judged
from agent.partners.context import Shared
from agent.partners.messages import CheckInRequest, Preferences, Token
from agent.partners.partner import CSMS_KEY, Partner
from agent.partners.poi import vehicle_types

JUDGE_S = 8.0  # partners wait 10 s for an answer; a CSMS that takes longer counts as not to be asked

_RESULTS = {Verdict.BLOCKED: "TOKEN_BLOCKED", Verdict.UNCHECKABLE: "TOKEN_UNCHECKABLE"}


class Unwanted(Exception):  # noqa: N818 - an answer to the caller
    """The CheckIn is refused with a result of `sequere.md` 5; `problem` tells a malformed one what is wrong."""

    def __init__(self, result: str, problem: str | None = None) -> None:
        """Keep why."""
        super().__init__(result)
        self.result = result
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A CheckIn ready for the core, with the rows of its ids."""

    join: JoinQueue
    writes: tuple[Write, ...]


async def wanted(parts: Shared, partner: Partner, request: CheckInRequest) -> Wanted:
    """Return what a partner's CheckIn asks of the core; raise Unwanted."""
    context = parts.context
    site, now = context.runner.site, context.runner.now()
    location = site.location
    if location is None:
        raise Unwanted("STARTING")
    if partner.key != CSMS_KEY:  # over DataTransfer it is ignored: updates come back over the same link
        check_url(partner, request.response_url)
    pool = _pool(location, request)
    _check_issuers(partner, request)
    wishes = _wishes(location, request.preferences)
    replaced = _replaced(parts, partner, request)
    judged = await _judged(parts, request.tokens or ())
    known = [context.subjects.of("token", token.uid) for token in request.tokens or ()]
    quote = await _quote(parts, pool, wishes, replaced)
    join = JoinQueue(
        pool=pool,
        draw=context.draw(),
        origin=Origin.PARTNER,
        subjects=tuple(dict.fromkeys(SubjectRef(k.ref) for k in known)),
        groups=tuple(dict.fromkeys(group for j in judged for group in j.groups)),
        owner=partner.key,
        wishes=wishes,
        more_time=request.more_time,
        expected_utc_ms=_not_past(request.expected_utc_ms, now.utc_ms),
        departure_utc_ms=request.departure_utc_ms,
        vehicle=request.vehicle,
        quote=quote,
        replaces=replaced.id if replaced else None,
    )
    return Wanted(join=join, writes=tuple(dict.fromkeys(write for k in known for write in k.writes)))


def check_url(partner: Partner, url: str | None) -> None:
    """Raise Unwanted for a response_url whose host the operator did not list for this partner (`sequere.md` 7)."""
    if url is None:
        return
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        port = parts.port
    except ValueError:
        raise Unwanted("BAD_REQUEST", "response_url: no such address") from None
    if parts.scheme != "https" and not partner.allow_http:
        raise Unwanted("BAD_REQUEST", "response_url: must be https")
    if parts.username is not None or parts.password is not None:
        raise Unwanted("BAD_REQUEST", "response_url: user and password do not belong into it")
    if port == 0 or parts.fragment or "\\" in url:
        raise Unwanted("BAD_REQUEST", "response_url: no such address")
    if host not in partner.hosts:
        raise Unwanted("BAD_REQUEST", "response_url: its host is not on the allow-list")


def _pool(location: ChargingLocation, request: CheckInRequest) -> PoolId:
    if request.location_id.casefold() != location.id.casefold():
        raise Unwanted("LOCATION_UNKNOWN")
    wanted_pool = request.pool_id.casefold()
    found = next((pool.id for pool in location.pools if pool.id.casefold() == wanted_pool), None)
    if found is None:
        raise Unwanted("POOL_UNKNOWN")
    return found


def _check_issuers(partner: Partner, request: CheckInRequest) -> None:
    if request.tokens is None:
        if not partner.sees_all:
            raise Unwanted("BAD_REQUEST", "tokens: required")
        return
    if not all(partner.may_bring(token.issuer) for token in request.tokens):
        raise Unwanted("ISSUER_NOT_ALLOWED")


def _wishes(location: ChargingLocation, preferences: Preferences) -> Wishes:
    """Return the wishes in the core's words. A kind of vehicle no bay is known to suit is a wish that is not met."""
    kinds = frozenset(preferences.vehicle_types or ())
    suited = frozenset(kind for evse in location.evses for kind in vehicle_types(evse))
    if not kinds <= suited:
        raise Unwanted("NO_EVSE_FITS")
    by_uid = {str(evse.id): evse.id for evse in location.evses}
    evses: list[EvseId] = []
    for uid in preferences.evse_uids or ():
        if uid not in by_uid:
            raise Unwanted("EVSE_UNKNOWN")
        evses.append(by_uid[uid])
    return Wishes(
        standards=preferences.connector_types or (),
        min_power_w=preferences.min_power or 0,
        accessible="DISABLED" in kinds,
        evses=tuple(sorted(frozenset(evses))),
    )


def _replaced(parts: Shared, partner: Partner, request: CheckInRequest) -> CheckIn | None:
    if request.replaces is None:
        return None
    found = parts.entries.find(parts.context.runner.site, request.replaces)
    if found is None or not partner.owns(found.owner):
        raise Unwanted("CHECKIN_UNKNOWN")
    return found


async def _judged(parts: Shared, tokens: Sequence[Token]) -> list[Judged]:
    """Return what is known of the ids that are accepted: any of them uses up the hold, so one that is will do."""
    if not tokens:
        return []
    try:
        async with asyncio.timeout(JUDGE_S):
            found = await asyncio.gather(*(parts.context.judge(token.uid, token.type) for token in tokens))
    except TimeoutError:
        raise Unwanted("TOKEN_UNCHECKABLE") from None
    good = [judged for judged in found if judged.verdict in (Verdict.ACCEPTED, Verdict.CONCURRENT)]
    if not good:
        results = [_RESULTS.get(judged.verdict, "TOKEN_UNKNOWN") for judged in found]
        raise Unwanted("TOKEN_UNCHECKABLE" if "TOKEN_UNCHECKABLE" in results else results[0])
    return good


async def _quote(parts: Shared, pool: PoolId, wishes: Wishes, replaced: CheckIn | None) -> Quote | None:
    """Return the forecast for exactly these wishes; a thread computes it, the loop goes on."""
    site, now = parts.context.runner.site, parts.context.runner.now()
    if site.reconciling_until_ms is not None:
        return None
    without: CheckInId | None = replaced.id if replaced else None
    wait = await asyncio.to_thread(newcomer_wait, site, now, pool, wishes, without=without)
    return None if wait is None else Quote(p10_min=wait.p10_min, p50_min=wait.p50_min, p90_min=wait.p90_min)


def _not_past(utc_ms: int | None, now_utc_ms: int | None) -> int | None:
    """Return an expected arrival, or None for one in the past, which means now."""
    return None if utc_ms is not None and now_utc_ms is not None and utc_ms <= now_utc_ms else utc_ms
