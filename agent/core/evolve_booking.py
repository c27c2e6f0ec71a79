"""How the events of bookings and of what is learned change the state. Pure; no choices; see `evolve.py`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agent.core import events as ev
from agent.core.booking import Plan, Reservation, ReservationId, ReservationStatus
from agent.core.change import change_check_in, with_, without
from agent.core.history import history
from agent.core.queue import accepted_evses
from agent.core.state import MAX_OLD_CODES, PLACE_GAP, CheckIn, CheckInState, Code, Rank, Site


def _made(site: Site, e: ev.ReservationMade) -> Site:
    location = site.location
    if location is None:
        return site
    made = Reservation(
        id=e.reservation,
        pool=e.pool,
        code=e.code,
        origin=e.origin,
        status=ReservationStatus.RESERVED,
        period=e.period,
        agreed_utc_ms=e.period.begin_utc_ms,
        terms=e.terms,
        accepts=accepted_evses(location, e.pool, e.wishes),
        planned=None,
        made_ms=e.at_ms,
        changed_ms=e.at_ms,
        sequence=site.sequence + 1,
        wishes=e.wishes,
        subjects=e.subjects,
        device=e.device,
        groups=e.groups,
        owner=e.owner,
        reference=e.reference,
        expected_utc_ms=e.expected_utc_ms,
        departure_utc_ms=e.departure_utc_ms,
        vehicle=e.vehicle,
    )
    after = replace(
        site,
        reservations=with_(site.reservations, e.reservation, made),
        next_reservation=max(site.next_reservation, e.reservation + 1),
        old_codes=tuple(c for c in site.old_codes if c.code != e.code),
    )
    return _planned(after, e.plan)


def _changed(site: Site, e: ev.ReservationChanged) -> Site:
    location = site.location
    if location is None:
        return site
    after = _change(
        site,
        e.reservation,
        e.at_ms,
        pool=e.pool,
        period=e.period,
        agreed_utc_ms=e.period.begin_utc_ms,
        check_in=None,
        terms=e.terms,
        wishes=e.wishes,
        accepts=accepted_evses(location, e.pool, e.wishes),
        subjects=e.subjects,
        groups=e.groups,
        expected_utc_ms=e.expected_utc_ms,
        departure_utc_ms=e.departure_utc_ms,
        vehicle=e.vehicle,
        moved=False,
        reason=e.reason,
    )
    return _planned(after, e.plan)


def _arrival_updated(site: Site, e: ev.ReservationArrivalUpdated) -> Site:
    return _change(
        site,
        e.reservation,
        e.at_ms,
        expected_utc_ms=e.expected_utc_ms,
        departure_utc_ms=e.departure_utc_ms,
        vehicle=e.vehicle,
    )


def _plan_changed(site: Site, e: ev.ReservationsPlanned) -> Site:
    return _planned(site, e.plan)


def _looked_at(site: Site, e: ev.ReservationLookedAt) -> Site:
    old = site.reservations.get(e.reservation)
    if old is None:
        return site
    looked = site.at(e.at_ms).utc_ms
    if e.reason is not None:
        return _planned(_change(site, e.reservation, e.at_ms, looked_utc_ms=looked, reason=e.reason), e.plan)
    same = replace(old, looked_utc_ms=looked)  # nothing that anybody is told
    return _planned(replace(site, reservations=with_(site.reservations, e.reservation, same)), e.plan)


def _moved(site: Site, e: ev.ReservationMoved) -> Site:
    looked = site.at(e.at_ms).utc_ms
    after = _change(site, e.reservation, e.at_ms, period=e.period, moved=True, looked_utc_ms=looked, reason=e.reason)
    return _planned(after, e.plan)


def _due(site: Site, e: ev.ReservationDue) -> Site:
    old = site.reservations.get(e.reservation)
    if old is None:
        return site
    check_in = CheckIn(
        id=e.check_in,
        pool=old.pool,
        code=old.code,
        origin=old.origin,
        state=CheckInState.WAITING,
        rank=Rank(place=e.place, first=True),
        accepts=old.accepts,
        since_ms=e.at_ms,
        changed_ms=e.at_ms,
        sequence=site.sequence + 1,
        wishes=old.wishes,
        subjects=old.subjects,
        device=old.device,
        groups=old.groups,
        owner=old.owner,
        reservation=old.id,
        departure_utc_ms=old.departure_utc_ms,
        vehicle=old.vehicle,
    )
    after = replace(
        site,
        check_ins=with_(site.check_ins, e.check_in, check_in),
        next_check_in=max(site.next_check_in, e.check_in + 1),
        next_place=max(site.next_place, e.place + PLACE_GAP),
    )
    return _change(after, e.reservation, e.at_ms, check_in=e.check_in)


def _ended(site: Site, e: ev.ReservationEnded) -> Site:
    old = site.reservations.get(e.reservation)
    if old is None:
        return site
    after = _change(
        site,
        e.reservation,
        e.at_ms,
        status=e.status,
        reason=e.reason,
        canceler=e.canceler,
        ended_ms=e.at_ms,
        planned=None,
    )
    check_in = None if old.check_in is None else site.check_ins.get(old.check_in)
    if check_in is not None and check_in.open:  # it waits on like everybody else
        return change_check_in(after, check_in.id, e.at_ms, reservation=None)
    if check_in is not None:  # the end of its CheckIn has given the code back
        return after
    return replace(after, old_codes=(*after.old_codes, Code(code=old.code, ended_ms=e.at_ms))[-MAX_OLD_CODES:])


def _forgotten(site: Site, e: ev.ReservationForgotten) -> Site:
    return replace(site, reservations=without(site.reservations, e.reservation))


def _fee_arose(site: Site, e: ev.FeeArose) -> Site:
    return replace(site, next_fee=max(site.next_fee, e.fee_id + 1))


def _reservation_restated(site: Site, e: ev.ReservationRestated) -> Site:
    return replace(site, reservations=with_(site.reservations, e.reservation.id, e.reservation))


def _stays_restated(site: Site, e: ev.StaysRestated) -> Site:
    return replace(site, learned=with_(site.learned, e.kind, history(e.kind, e.seconds)))


def _counters_restated(site: Site, e: ev.BookingCountersRestated) -> Site:
    return replace(site, next_reservation=e.next_reservation, next_fee=e.next_fee, known_utc_ms=e.known_utc_ms)


def _change(site: Site, reservation: ReservationId, at_ms: int, **changes: Any) -> Site:
    """Change a reservation and stamp it with the counter, so that partners can order what they hear."""
    old = site.reservations.get(reservation)
    if old is None:
        return site
    new = replace(old, sequence=site.sequence + 1, changed_ms=at_ms, **changes)
    return replace(site, reservations=with_(site.reservations, reservation, new))


def _planned(site: Site, plan: Plan) -> Site:
    """Plan reservations elsewhere; nobody is told, so they keep their stamp."""
    moved = {k: replace(old, planned=evse) for k, evse in plan if (old := site.reservations.get(k)) is not None}
    return replace(site, reservations={**site.reservations, **moved})


APPLY_BOOKING: Mapping[type[ev.Event], Callable[[Site, Any], Site]] = {
    ev.ReservationMade: _made,
    ev.ReservationChanged: _changed,
    ev.ReservationArrivalUpdated: _arrival_updated,
    ev.ReservationsPlanned: _plan_changed,
    ev.ReservationLookedAt: _looked_at,
    ev.ReservationMoved: _moved,
    ev.ReservationDue: _due,
    ev.ReservationEnded: _ended,
    ev.ReservationForgotten: _forgotten,
    ev.FeeArose: _fee_arose,
    ev.ReservationRestated: _reservation_restated,
    ev.StaysRestated: _stays_restated,
    ev.BookingCountersRestated: _counters_restated,
}
