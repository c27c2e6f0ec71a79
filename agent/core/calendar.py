"""Booking a slot, changing and canceling it.

Pure. Everything that can be wrong with a booking is found here, before anything changes; the old slot of a refused
change stands untouched. An EVSE is never bound here: that is for when the reservation comes due.
"""

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.admission import Admission
from agent.core.booking import Canceler, Period, Plan, Reservation, ReservationId, ReservationStatus
from agent.core.codes import pick_code
from agent.core.fees import late_cancel_fee
from agent.core.hours import is_open, next_close_utc_ms
from agent.core.layout import MINUTE_MS, BookingTerms, ChargingLocation, ChargingPool, Now
from agent.core.planner import OUTAGE_MS, Slot, room_for
from agent.core.queue import accepted_evses, in_service
from agent.core.state import HOLDING, CheckInState, Origin, Reason, Site

Decision = tuple[ev.Event, ...] | i.Refused

MAX_RESERVATIONS = 2_000  # open ones of a location: 14 days of ten slots a day at 14 EVSEs; more is "taken"


def reserve(site: Site, location: ChargingLocation, asked: i.Reserve, now: Now) -> Decision:
    """Return the ReservationMade or ReservationChanged that follows from a request for a slot, or why not."""
    if now.utc_ms is None:
        return i.Refused(reason=i.Refusal.CLOCK_UNTRUSTED)
    if site.paused:
        return i.Refused(reason=i.Refusal.PAUSED)
    if site.reconciling_until_ms is not None:
        return i.Refused(reason=i.Refusal.STARTING)
    old: Reservation | None = None
    if asked.replaces is not None:
        old = site.reservations.get(asked.replaces)
        refused = _changeable(site, old, now.utc_ms)
        if refused is not None:
            return refused
    pool = location.pool(asked.pool)
    if pool is None:
        return i.Refused(reason=i.Refusal.POOL_UNKNOWN)
    terms = pool.booking
    if terms is None:
        return i.Refused(reason=i.Refusal.NOT_BOOKABLE)
    refused = (
        _who(site, pool, asked, old)
        or _when(location, pool, terms, asked, now.utc_ms)
        or _where(site, location, asked, now.utc_ms)
    )
    if refused is not None:
        return refused
    found = _room(site, pool, terms, asked, old, now)
    if isinstance(found, i.Refused):
        return found
    return _made(site, asked, terms, found, now) if old is None else _changed(site, old, asked, terms, found, now)


def cancel(site: Site, asked: i.CancelReservation, now: Now) -> Decision:
    """Return the end of a reservation by its User or partner; twice is once."""
    old = site.reservations.get(asked.reservation)
    if old is None:
        return i.Refused(reason=i.Refusal.RESERVATION_UNKNOWN)
    if old.status is ReservationStatus.CANCELED:
        return ()
    if not old.open:
        return i.Refused(reason=i.Refusal.RESERVATION_ENDED, reservation=old.id)
    reason = {Origin.PARTNER: Reason.PARTNER, Origin.OPERATOR: Reason.OPERATOR}.get(asked.origin, Reason.USER)
    canceler = Canceler.SENDER if reason is Reason.OPERATOR else Canceler.RECEIVER
    ended = ev.ReservationEnded(
        at_ms=now.elapsed_ms,
        reservation=old.id,
        status=ReservationStatus.CANCELED,
        reason=reason,
        canceler=canceler,
    )
    fee = () if canceler is Canceler.SENDER else late_cancel_fee(site, old, now)
    return (*_left_line(site, old, reason, now), ended, *fee)


def update_arrival(site: Site, location: ChargingLocation, asked: i.UpdateBookedArrival, now: Now) -> Decision:
    """Note a new arrival within the kept time, or move the slot as a whole to a later one if that is free."""
    old = site.reservations.get(asked.reservation)
    if old is None:
        return i.Refused(reason=i.Refusal.RESERVATION_UNKNOWN)
    if not old.open:
        return i.Refused(reason=i.Refusal.RESERVATION_ENDED, reservation=old.id)
    departure = old.departure_utc_ms if asked.departure_utc_ms is None else asked.departure_utc_ms
    vehicle = old.vehicle if asked.vehicle is None else asked.vehicle
    if asked.expected_utc_ms <= old.kept_until_utc_ms:
        noted = ev.ReservationArrivalUpdated(
            at_ms=now.elapsed_ms,
            reservation=old.id,
            expected_utc_ms=asked.expected_utc_ms,
            departure_utc_ms=departure,
            vehicle=vehicle,
        )
        return (noted,)
    step = old.terms.increment_min * MINUTE_MS
    moved = i.Reserve(
        pool=old.pool,
        period=old.period.moved_to(asked.expected_utc_ms - asked.expected_utc_ms % step),
        draw=0,
        origin=old.origin,
        wishes=old.wishes,
        expected_utc_ms=asked.expected_utc_ms,
        departure_utc_ms=departure,
        vehicle=vehicle,
        replaces=old.id,
    )
    return reserve(site, location, moved, now)


# --- what can be wrong


def _changeable(site: Site, old: Reservation | None, utc_ms: int) -> i.Refused | None:
    if old is None:
        return i.Refused(reason=i.Refusal.RESERVATION_UNKNOWN)
    if not old.open:
        return i.Refused(reason=i.Refusal.RESERVATION_ENDED, reservation=old.id)
    check_in = None if old.check_in is None else site.check_ins.get(old.check_in)
    if check_in is not None and check_in.state in HOLDING:
        return i.Refused(reason=i.Refusal.CHANGE_REFUSED, reservation=old.id, evse=check_in.evse)
    if not old.moved and utc_ms > old.period.begin_utc_ms - old.terms.change_until_min * MINUTE_MS:
        return i.Refused(reason=i.Refusal.CHANGE_DEADLINE, reservation=old.id)
    return None


def _who(site: Site, pool: ChargingPool, asked: i.Reserve, old: Reservation | None) -> i.Refused | None:
    """One open reservation per id and per device; token groups where the pool has them."""
    ids = frozenset((*asked.subjects, *((asked.device,) if asked.device else ())))
    others = (r for r in site.reservations.values() if r.open and (old is None or r.id != old.id))
    same = (r.id for r in others if r.device in ids or not ids.isdisjoint(r.subjects))
    other = min(same, default=None)
    if other is not None:
        return i.Refused(reason=i.Refusal.ONE_RESERVATION, reservation=other)
    groups = asked.groups or (() if old is None else old.groups)
    if pool.token_groups and frozenset(pool.token_groups).isdisjoint(groups):
        return i.Refused(reason=i.Refusal.TOKEN_UNKNOWN)
    return None


def _when(
    location: ChargingLocation, pool: ChargingPool, terms: BookingTerms, asked: i.Reserve, utc_ms: int
) -> i.Refused | None:
    """Length, increment and advance as the terms have them, and open for the whole slot."""
    begin, end = asked.period.begin_utc_ms, asked.period.end_utc_ms
    step = terms.increment_min * MINUTE_MS
    length_min, rest = divmod(asked.period.length_ms, MINUTE_MS)
    if rest or not terms.shortest_min <= length_min <= terms.longest_min:
        return i.Refused(reason=i.Refusal.BAD_LENGTH)
    if not asked.from_now:
        if begin % step or asked.period.length_ms % step:
            return i.Refused(reason=i.Refusal.BAD_LENGTH)
        if begin < utc_ms + terms.min_advance_min * MINUTE_MS:
            return i.Refused(reason=i.Refusal.TOO_EARLY)
    if begin > utc_ms + terms.max_advance_min * MINUTE_MS:
        return i.Refused(reason=i.Refusal.TOO_LATE)
    close = next_close_utc_ms(location, pool, begin) if is_open(location, pool, begin) else begin
    if close is not None and close < end:
        return i.Refused(reason=i.Refusal.LOCATION_CLOSED)
    return None


def _where(site: Site, location: ChargingLocation, asked: i.Reserve, utc_ms: int) -> i.Refused | None:
    evses = accepted_evses(location, asked.pool, asked.wishes)
    if not evses:
        return i.Refused(reason=i.Refusal.NO_EVSE_FITS)
    soon = asked.period.begin_utc_ms <= utc_ms + OUTAGE_MS
    if soon and not any(in_service(site, e) for e in evses):
        return i.Refused(reason=i.Refusal.NONE_IN_SERVICE)
    return None


def _room(
    site: Site, pool: ChargingPool, terms: BookingTerms, asked: i.Reserve, old: Reservation | None, now: Now
) -> Plan | i.Refused:
    """The share of the pool that may be booked, a plan for all, and, for a start soon, stays that end in time."""
    taken = i.Refused(reason=i.Refusal.SLOT_TAKEN)
    but = None if old is None else old.id
    if old is None and sum(1 for r in site.reservations.values() if r.open) >= MAX_RESERVATIONS:
        return taken
    slot = wanted_slot(site, pool, terms, asked, but)
    plan = room_for(site, slot, now)
    if plan is None:
        return taken
    if not Admission(site, now, asked=slot).certain():
        return taken
    if not asked.from_now and booked_at_once(site, pool, asked.period, but) >= _share(pool, terms):
        return i.Refused(reason=i.Refusal.BOOKED_SHARE)
    return plan


def wanted_slot(
    site: Site, pool: ChargingPool, terms: BookingTerms, asked: i.Reserve, but: ReservationId | None
) -> Slot:
    """Return what a request asks of the plan."""
    late_ms = terms.late_stop_min * MINUTE_MS
    span = Period(begin_utc_ms=asked.period.begin_utc_ms, end_utc_ms=asked.period.end_utc_ms + late_ms)
    evses = accepted_evses(site.location, pool.id, asked.wishes) if site.location else ()
    return Slot(reservation=ReservationId(site.next_reservation) if but is None else but, accepts=evses, span=span)


def _share(pool: ChargingPool, terms: BookingTerms) -> int:
    return max(1, len(pool.evses) * terms.share_max_percent // 100)


def booked_at_once(site: Site, pool: ChargingPool, period: Period, but: ReservationId | None) -> int:
    """Return how many reservations of a pool, at most, share an instant of a period."""
    spans = [
        r.period
        for r in site.reservations.values()
        if r.open and r.pool == pool.id and r.id != but and r.period.overlaps(period)
    ]
    starts = [max(s.begin_utc_ms, period.begin_utc_ms) for s in spans]
    return max((sum(1 for s in spans if s.begin_utc_ms <= t < s.end_utc_ms) for t in starts), default=0)


# --- what follows


def _made(site: Site, asked: i.Reserve, terms: BookingTerms, plan: Plan, now: Now) -> Decision:
    made = ev.ReservationMade(
        at_ms=now.elapsed_ms,
        reservation=ReservationId(site.next_reservation),
        pool=asked.pool,
        code=pick_code(site, asked.draw, now.elapsed_ms),
        origin=asked.origin,
        period=asked.period,
        terms=terms,
        wishes=asked.wishes,
        plan=plan,
        subjects=asked.subjects,
        device=asked.device,
        groups=asked.groups,
        owner=asked.owner,
        reference=asked.reference,
        expected_utc_ms=asked.expected_utc_ms,
        departure_utc_ms=asked.departure_utc_ms,
        vehicle=asked.vehicle,
    )
    return (made,)


def _changed(site: Site, old: Reservation, asked: i.Reserve, terms: BookingTerms, plan: Plan, now: Now) -> Decision:
    reason = Reason.PARTNER if asked.origin is Origin.PARTNER else Reason.USER
    changed = ev.ReservationChanged(
        at_ms=now.elapsed_ms,
        reservation=old.id,
        pool=asked.pool,
        period=asked.period,
        terms=terms,
        wishes=asked.wishes,
        plan=plan,
        subjects=asked.subjects or old.subjects,
        groups=asked.groups or old.groups,
        expected_utc_ms=asked.expected_utc_ms,
        departure_utc_ms=asked.departure_utc_ms,
        vehicle=asked.vehicle,
        reason=reason,
    )
    return (*_left_line(site, old, reason, now), changed)


def _left_line(site: Site, old: Reservation, reason: Reason, now: Now) -> tuple[ev.Event, ...]:
    """A reservation that was due leaves the line with its CheckIn."""
    check_in = None if old.check_in is None else site.check_ins.get(old.check_in)
    if check_in is None or not check_in.open:
        return ()
    ended = ev.CheckInEnded(
        at_ms=now.elapsed_ms,
        check_in=check_in.id,
        state=CheckInState.CHECKED_OUT,
        reason=reason,
        evse=check_in.evse,
    )
    return (ended,)
