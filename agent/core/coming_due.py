"""What happens to a reservation by itself: it comes due, is moved, cannot be kept, ends with its CheckIn, is forgotten.

Pure. A reservation comes due as a CheckIn in front of the line; from then on the queue's own rules call, hold and start
it. Nothing here happens while the wall clock is untrusted.
"""

from collections.abc import Iterator

from agent.core import events as ev
from agent.core.admission import Admission
from agent.core.booking import Canceler, Plan, Reservation, ReservationId, ReservationStatus
from agent.core.evolve import evolve
from agent.core.fees import late_cancel_fee
from agent.core.layout import MINUTE_MS, CheckInId, Now
from agent.core.planner import OUTAGE_MS, Slot, room_for, slot_of, unbound
from agent.core.queue import in_service
from agent.core.state import CheckIn, CheckInState, Reason, Site

LOOK_AHEAD_MS = 20 * MINUTE_MS  # so long before the start it is looked at whether the previous driver stays too long
LIKELY = 0.5  # less likely than this to begin in time, and the driver had better be told
MOVE_STEP_MS = 5 * MINUTE_MS
MOVE_MAX_MS = 120 * MINUTE_MS  # a later start than this is no help: the driver is offered alternatives and may cancel

_END_OF: dict[CheckInState, tuple[ReservationStatus, Canceler | None]] = {
    CheckInState.FULFILLED: (ReservationStatus.FULFILLED, None),
    CheckInState.NO_SHOW: (ReservationStatus.NO_SHOW, None),
    CheckInState.CHECKED_OUT: (ReservationStatus.CANCELED, Canceler.RECEIVER),
    CheckInState.CANCELED: (ReservationStatus.CANCELED, Canceler.SENDER),
}


# --- instants, in UTC


def open_reservations(site: Site) -> Iterator[Reservation]:
    """Return the reservations that have not ended; in no particular order."""
    return (r for r in site.reservations.values() if r.open)


def due_utc_ms(reservation: Reservation) -> int | None:
    """Return when it enters the line, or None if it has."""
    if reservation.check_in is not None:
        return None
    return reservation.agreed_utc_ms - reservation.terms.bind_before_min * MINUTE_MS


def look_utc_ms(site: Site, reservation: Reservation) -> int | None:
    """Return when to look next whether its slot can be kept, or None: a while before the start, and at the start.

    Where its EVSE is out of service, also as soon as that is not counted on any more.
    """
    begin = reservation.period.begin_utc_ms
    broken = reservation.planned is not None and not in_service(site, reservation.planned)
    looks = (*((begin - OUTAGE_MS,) if broken else ()), begin - LOOK_AHEAD_MS, begin)
    last = reservation.looked_utc_ms
    return next((at for at in looks if last is None or last < at), None)


def over_utc_ms(reservation: Reservation) -> int:
    """Return when it is too late for it: the end of its slot, with what the terms allow after."""
    return reservation.claimed.end_utc_ms


# --- what is due


def come_due(site: Site, key: int, now: Now) -> tuple[ev.Event, ...]:
    """The start is near: the reservation enters the line in front."""
    due = ev.ReservationDue(
        at_ms=now.elapsed_ms,
        reservation=ReservationId(key),
        check_in=CheckInId(site.next_check_in),
        place=site.next_place,
    )
    return (due,)


def look(site: Site, key: int, now: Now) -> tuple[ev.Event, ...]:
    """Look once whether the slot can be kept as things stand; else move it to where it is certain, or say so."""
    reservation = site.reservations[ReservationId(key)]
    kept, plan = _kept(site, slot_of(reservation), now, LIKELY)
    at = now.elapsed_ms
    if kept:
        return (ev.ReservationLookedAt(at_ms=at, reservation=reservation.id, plan=plan, reason=None),)
    if not any(in_service(site, e) for e in reservation.accepts):  # nobody knows when that is mended
        return (ev.ReservationLookedAt(at_ms=at, reservation=reservation.id, plan=(), reason=Reason.EVSE_FAULT),)
    reason = Reason.PREVIOUS_USER_STAYS
    begin, last = reservation.period.begin_utc_ms, reservation.agreed_utc_ms + MOVE_MAX_MS
    for later in range(begin + MOVE_STEP_MS, last + 1, MOVE_STEP_MS):
        period = reservation.period.moved_to(later)
        slot = Slot(
            reservation=reservation.id,
            accepts=reservation.accepts,
            span=reservation.claimed.moved_to(later),
        )
        kept, plan = _kept(site, slot, now)
        if kept:
            return (ev.ReservationMoved(at_ms=at, reservation=reservation.id, period=period, plan=plan, reason=reason),)
    return (ev.ReservationLookedAt(at_ms=at, reservation=reservation.id, plan=(), reason=reason),)


def _kept(site: Site, slot: Slot, now: Now, enough: float | None = None) -> tuple[bool, Plan]:
    plan = room_for(site, slot, now)
    if plan is None:
        return False, ()
    return Admission(site, now, asked=slot, enough=enough).certain(), plan


def over(site: Site, key: int, now: Now) -> tuple[ev.Event, ...]:
    """The slot has passed without an EVSE: it could not be kept, nobody pays, and who waits for it waits on."""
    reservation = site.reservations[ReservationId(key)]
    ended = ev.ReservationEnded(
        at_ms=now.elapsed_ms,
        reservation=reservation.id,
        status=ReservationStatus.CANCELED,
        reason=reservation.reason or Reason.PREVIOUS_USER_STAYS,
        canceler=Canceler.SENDER,
    )
    return (ended,)


def forget(_: Site, key: int, now: Now) -> tuple[ev.Event, ...]:
    """An ended reservation leaves the state."""
    return (ev.ReservationForgotten(at_ms=now.elapsed_ms, reservation=ReservationId(key)),)


# --- what follows at once


def follow_bookings(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """A reservation ends with its CheckIn; one that nothing at this location fits any more is canceled."""
    for reservation in sorted(open_reservations(site), key=lambda r: r.id):
        check_in = _check_in(site, reservation)
        if check_in is not None and not check_in.open:
            return _ended_with(site, reservation, check_in, now)
        if not reservation.accepts and (check_in is None or not check_in.open):
            ended = ev.ReservationEnded(
                at_ms=now.elapsed_ms,
                reservation=reservation.id,
                status=ReservationStatus.CANCELED,
                reason=Reason.POOL_REMOVED,
                canceler=Canceler.SENDER,
            )
            return (ended,)
    return ()


def _ended_with(site: Site, reservation: Reservation, check_in: CheckIn, now: Now) -> tuple[ev.Event, ...]:
    status, canceler = _END_OF[check_in.state]
    ended = ev.ReservationEnded(
        at_ms=now.elapsed_ms,
        reservation=reservation.id,
        status=status,
        reason=check_in.reason or Reason.USER,
        canceler=canceler,
    )
    fee = late_cancel_fee(site, reservation, now) if canceler is Canceler.RECEIVER else ()
    return (ended, *fee)


def planned_anew(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """Return the plans that a new layout makes necessary, for those whose EVSE does not suit them any more."""
    out: list[ev.Event] = []
    for reservation in unbound(site):
        if reservation.planned is not None or not reservation.accepts:
            continue
        plan = room_for(site, slot_of(reservation), now)
        if plan is not None:
            out.append(ev.ReservationsPlanned(at_ms=now.elapsed_ms, plan=plan))
            site = evolve(site, out[-1])
    return tuple(out)


def _check_in(site: Site, reservation: Reservation) -> CheckIn | None:
    return None if reservation.check_in is None else site.check_ins.get(reservation.check_in)
