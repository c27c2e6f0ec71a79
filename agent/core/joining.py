"""Joining a queue, and changing pool or wishes in one step.

Pure. Everything that can be wrong with a CheckIn is found here, before anything changes; the old CheckIn of a refused
change stands untouched.
"""

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.codes import pick_code
from agent.core.hours import booking_required, is_open, next_close_utc_ms
from agent.core.layout import (
    DAY_MIN,
    MINUTE_MS,
    ChargingLocation,
    ChargingPool,
    CheckInId,
    EvseId,
    Now,
    PartnerPresence,
    arrival_window_ms,
)
from agent.core.queue import accepted_evses, in_service, last_rank, queue_length
from agent.core.state import HOLDING, CheckIn, Expected, Origin, Rank, Site

FAR_AWAY_MS = DAY_MIN * MINUTE_MS  # beyond the longest wait: no call before the clock is set
MAX_OPEN = 500  # CheckIns of one location in line or called; reaching it is "the queue is full"


def join(site: Site, location: ChargingLocation, request: i.JoinQueue, now: Now) -> tuple[ev.Event, ...] | i.Refused:
    """Return the CheckedIn or CheckInChanged that follows from a request to join, or why not."""
    if site.paused:
        return i.Refused(reason=i.Refusal.PAUSED)
    old: CheckIn | None = None
    if request.replaces is not None:
        old = site.check_ins.get(request.replaces)
        refused = _changeable(old)
        if refused is not None:
            return refused
    pool = location.pool(request.pool)
    if pool is None:
        return i.Refused(reason=i.Refusal.POOL_UNKNOWN)
    refused = _who(site, pool, request, old) or _when(location, pool, request, now)
    if refused is not None:
        return refused
    evses = accepted_evses(location, request.pool, request.wishes)
    refused = _where(site, pool, evses, old)
    if refused is not None:
        return refused
    window = arrival_window_ms(location.policy, request.more_time)
    expected = expected_arrival(request.expected_utc_ms, request.expected_in_ms, window, now)
    if old is not None:
        return (_changed(site, old, request, evses, expected, now),)
    return (
        ev.CheckedIn(
            at_ms=now.elapsed_ms,
            check_in=CheckInId(site.next_check_in),
            pool=request.pool,
            code=pick_code(site, request.draw, now.elapsed_ms),
            origin=request.origin,
            rank=last_rank(site),
            wishes=request.wishes,
            subjects=request.subjects,
            device=request.device,
            groups=request.groups,
            owner=request.owner,
            more_time=request.more_time,
            expected=expected,
            departure_utc_ms=request.departure_utc_ms,
            vehicle=request.vehicle,
            window=request.window,
            quote=request.quote,
            must_show=asks_to_show(site, request.origin),
        ),
    )


def asks_to_show(site: Site, origin: Origin) -> bool:
    """Return whether the User of a CheckIn of this origin counts as on the road until they are seen on site."""
    policy = site.location.policy if site.location else None
    return origin is Origin.PARTNER and policy is not None and policy.partner_presence is PartnerPresence.SCAN


def must_show_again(site: Site, check_in: CheckIn, expected: Expected | None) -> bool:
    """Return whether somebody in line still has to be seen on site: they never were, or say now that they are away."""
    return asks_to_show(site, check_in.origin) and (check_in.must_show or expected is not None)


def expected_arrival(utc_ms: int | None, in_ms: int | None, window_ms: int, now: Now) -> Expected | None:
    """Return when somebody on the road is expected, or None for who is here or arrives within the window."""
    expected = arrival(utc_ms, in_ms, now)
    return expected if expected is not None and expected.elapsed_ms - now.elapsed_ms > window_ms else None


def arrival(utc_ms: int | None, in_ms: int | None, now: Now) -> Expected | None:
    """Return the arrival somebody told, or None if they told none.

    A time of day means nothing while the wall clock is untrusted: they count as far away, and the first trusted clock
    puts that right (`ClockSet`); until then a scan or token on site does.
    """
    if utc_ms is not None and now.utc_ms is not None:
        return Expected(elapsed_ms=now.elapsed_ms + utc_ms - now.utc_ms, utc_ms=utc_ms)
    if in_ms is not None:
        return Expected(elapsed_ms=now.elapsed_ms + in_ms)
    return None if utc_ms is None else Expected(elapsed_ms=now.elapsed_ms + FAR_AWAY_MS, utc_ms=utc_ms)


def _changeable(old: CheckIn | None) -> i.Refused | None:
    if old is None:
        return i.Refused(reason=i.Refusal.CHECKIN_UNKNOWN)
    if not old.open:
        return i.Refused(reason=i.Refusal.CHECKIN_ENDED, check_in=old.id)
    if old.state in HOLDING or old.reservation is not None:
        return i.Refused(reason=i.Refusal.CHANGE_REFUSED, check_in=old.id, evse=old.evse)
    return None


def _who(site: Site, pool: ChargingPool, request: i.JoinQueue, old: CheckIn | None) -> i.Refused | None:
    """One open CheckIn per id and per device; token groups where the pool has them."""
    ids = (*request.subjects, *((request.device,) if request.device else ()))
    other = site.open_with(ids, but=old)
    if other is not None:
        return i.Refused(reason=i.Refusal.ALREADY_CHECKED_IN, check_in=other.id)
    if pool.token_groups and frozenset(pool.token_groups).isdisjoint(request.groups):
        return i.Refused(reason=i.Refusal.TOKEN_UNKNOWN)
    return None


def _when(location: ChargingLocation, pool: ChargingPool, request: i.JoinQueue, now: Now) -> i.Refused | None:
    """Opening hours, and whether the wait that was forecast fits before closing and before the departure."""
    if not is_open(location, pool, now.utc_ms):
        return i.Refused(reason=i.Refusal.LOCATION_CLOSED)
    if booking_required(location, pool, now.utc_ms):
        return i.Refused(reason=i.Refusal.RESERVATION_REQUIRED)
    if request.quote is None or now.utc_ms is None:
        return None
    close = next_close_utc_ms(location, pool, now.utc_ms)
    if close is not None and now.utc_ms + request.quote.p10_min * MINUTE_MS > close:
        return i.Refused(reason=i.Refusal.TOO_LATE_TODAY)
    if leaves_too_soon(request, now) and not request.departure_accepted:
        return i.Refused(reason=i.Refusal.DEPARTURE_TOO_SOON)
    return None


def leaves_too_soon(request: i.JoinQueue | i.UpdateArrival, now: Now) -> bool:
    """Return whether the wait that was forecast may outlast the departure that is told."""
    leaves, quote = request.departure_utc_ms, request.quote
    if leaves is None or quote is None or now.utc_ms is None:
        return False
    return now.utc_ms + quote.p90_min * MINUTE_MS > leaves


def _where(site: Site, pool: ChargingPool, evses: tuple[EvseId, ...], old: CheckIn | None) -> i.Refused | None:
    """An EVSE that fits, one of them in service, and room in the queue."""
    if not evses:
        return i.Refused(reason=i.Refusal.NO_EVSE_FITS)
    if not any(in_service(site, e) for e in evses):
        return i.Refused(reason=i.Refusal.NONE_IN_SERVICE)
    stays = old is not None and old.pool == pool.id
    known = len(site.check_ins)  # fewer than a limit, and there is nothing to count
    if not stays and known >= pool.queue_limit and queue_length(site, pool.id) >= pool.queue_limit:
        return i.Refused(reason=i.Refusal.POOL_FULL)
    if old is None and known >= MAX_OPEN and sum(1 for c in site.check_ins.values() if c.open) >= MAX_OPEN:
        return i.Refused(reason=i.Refusal.POOL_FULL)
    return None


def _changed(
    site: Site,
    old: CheckIn,
    request: i.JoinQueue,
    evses: tuple[EvseId, ...],
    expected: Expected | None,
    now: Now,
) -> ev.CheckInChanged:
    """The place is kept if the pool is the same and no EVSE is accepted that was not before (`sequere.md` 3.1)."""
    keeps = old.pool == request.pool and frozenset(evses) <= frozenset(old.accepts)
    rank: Rank = old.rank if keeps else last_rank(site)
    return ev.CheckInChanged(
        at_ms=now.elapsed_ms,
        check_in=old.id,
        pool=request.pool,
        rank=rank,
        wishes=request.wishes,
        subjects=request.subjects or old.subjects,
        groups=request.groups or old.groups,
        more_time=request.more_time,
        expected=expected,
        departure_utc_ms=request.departure_utc_ms,
        vehicle=request.vehicle,
        quote=request.quote,
        must_show=must_show_again(site, old, expected),
    )
