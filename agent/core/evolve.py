"""How each event changes the state. No choices: what is decided is decided elsewhere, before the event is written.

Pure. `APPLY` is the whole table; an event without an entry is a loud error. Events that name an EVSE or a CheckIn that
is not known any more change nothing, so that an old journal can be replayed under a new layout.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agent.core import events as ev
from agent.core.booking import Reservation
from agent.core.change import change_check_in, with_
from agent.core.evolve_booking import APPLY_BOOKING
from agent.core.evolve_queue import APPLY_QUEUE
from agent.core.evolve_stay import APPLY_STAY
from agent.core.layout import ChargingLocation, Policy, arrival_window_ms
from agent.core.queue import accepted_evses
from agent.core.state import Bay, CheckIn, CheckInState, EvseState, Expected, Hold, Reason, ReserveNow, Site, Stay

_RESTATING = (
    ev.CountersRestated,
    ev.EvseRestated,
    ev.CheckInRestated,
    ev.ReservationRestated,
    ev.StaysRestated,
    ev.BookingCountersRestated,
)


def evolve(site: Site, event: ev.Event) -> Site:
    """Return the state after an event."""
    apply = APPLY.get(type(event))
    if apply is None:
        raise TypeError(f"no entry in APPLY for {type(event).__name__}")
    after: Site = apply(site, event)
    if isinstance(event, _RESTATING):
        return after
    return replace(after, elapsed_ms=max(site.elapsed_ms, event.at_ms), sequence=site.sequence + 1)


def _layout_adopted(site: Site, e: ev.LayoutAdopted) -> Site:
    known = frozenset(evse.id for evse in e.location.evses)
    after = replace(
        site,
        location=e.location,
        digest=e.digest,
        evses={k: v for k, v in site.evses.items() if k in known},
        holds={k: v for k, v in site.holds.items() if k in known},
        stays={k: v for k, v in site.stays.items() if k in known},
        reserved={k: v for k, v in site.reserved.items() if k in known},
    )
    for evse in e.location.evses:
        if evse.id not in after.evses:
            after = replace(after, evses=with_(after.evses, evse.id, EvseState(free_since_ms=e.at_ms)))
    return replace(
        after,
        check_ins={k: _refit(c, e.location) for k, c in after.check_ins.items()},
        reservations={k: _replan(r, e.location) for k, r in after.reservations.items()},
    )


def _refit(check_in: CheckIn, location: ChargingLocation) -> CheckIn:
    return replace(check_in, accepts=accepted_evses(location, check_in.pool, check_in.wishes))


def _replan(reservation: Reservation, location: ChargingLocation) -> Reservation:
    """What is planned on an EVSE that it does not accept any more is without a plan until the ledger makes one."""
    accepts = accepted_evses(location, reservation.pool, reservation.wishes)
    planned = reservation.planned if reservation.planned in accepts else None
    return replace(reservation, accepts=accepts, planned=planned)


def _restarted(site: Site, e: ev.Restarted) -> Site:
    location = site.location
    if location is None:
        until_ms = e.at_ms + Policy().reconcile_ms
        return replace(site, boot=e.boot, paused=e.paused, reconciling_until_ms=until_ms)
    after = replace(
        site,
        boot=e.boot,
        paused=e.paused,
        reconciling_until_ms=e.at_ms + location.policy.reconcile_ms,
        # How long it was dark is unknown: bays are read anew, and instants wait until the wall clock is read.
        utc_minus_elapsed_ms=None,
        known_utc_ms=_known_utc(site, e.at_ms),
        evses={k: replace(s, bay=Bay.UNKNOWN, bay_since_ms=e.at_ms) for k, s in site.evses.items()},
        stays={k: _rearmed(s, site.evse(k), e.at_ms) for k, s in site.stays.items()},
    )
    for evse, hold in sorted(site.holds.items()):
        window = arrival_window_ms(location.policy, site.check_ins[hold.check_in].more_time)
        again = replace(hold, until_ms=e.at_ms + window, left_ms=None, paused=False)
        after = replace(after, holds=with_(after.holds, evse, again))
        after = change_check_in(after, hold.check_in, e.at_ms, state=CheckInState.CALLED, reason=Reason.RESTATED)
    return after


def _rearmed(stay: Stay, state: EvseState, at_ms: int) -> Stay:
    """Lamp, display and page were dark: the time to plug in and the time to move begin again."""
    if stay.authorised_ms is not None and state.plugged is None:
        return replace(stay, authorised_ms=at_ms)
    return stay if stay.finished_ms is None else replace(stay, finished_ms=at_ms, grace_ended=False)


def _known_utc(site: Site, at_ms: int) -> int | None:
    """Return the last instant of the wall clock that was trusted, when trust ends."""
    offset = site.utc_minus_elapsed_ms
    return site.known_utc_ms if offset is None else at_ms + offset


def _reconciled(site: Site, _: ev.Reconciled) -> Site:
    return replace(site, reconciling_until_ms=None)


def _clock_set(site: Site, e: ev.ClockSet) -> Site:
    offset = e.utc_minus_elapsed_ms
    after = replace(site, utc_minus_elapsed_ms=offset)
    if offset is None:
        return replace(after, known_utc_ms=_known_utc(site, e.at_ms))
    window = arrival_window_ms(site.location.policy, more_time=False) if site.location else 0
    return replace(
        after,
        holds={
            k: _kept_by_utc(h, offset, e.at_ms + window, blind=site.utc_minus_elapsed_ms is None)
            for k, h in after.holds.items()
        },
        check_ins={k: _expected_by_utc(c, offset) for k, c in after.check_ins.items()},
        reserved={k: _reserved_by_utc(r, offset) for k, r in after.reserved.items()},
    )


def _expected_by_utc(check_in: CheckIn, offset: int) -> CheckIn:
    expected = check_in.expected
    if expected is None or expected.utc_ms is None:
        return check_in
    return replace(check_in, expected=Expected(elapsed_ms=expected.utc_ms - offset, utc_ms=expected.utc_ms))


def _kept_by_utc(hold: Hold, offset: int, least_ms: int, *, blind: bool) -> Hold:
    """A booked hold ends by the wall clock; what a step, or the end of a `blind` time, would end at once is kept for
    a window more."""
    if hold.kept_until_utc_ms is None:
        return hold
    least = least_ms if blind else min(hold.until_ms, least_ms)
    return replace(hold, until_ms=max(hold.kept_until_utc_ms - offset, least))


def _reserved_by_utc(reserve: ReserveNow, offset: int) -> ReserveNow:
    told = reserve.until_utc_ms
    return reserve if told is None else replace(reserve, until_ms=told - offset)


def _counters_restated(site: Site, e: ev.CountersRestated) -> Site:
    return replace(
        site,
        elapsed_ms=e.at_ms,
        boot=e.boot,
        sequence=e.sequence,
        next_check_in=e.next_check_in,
        next_stay=e.next_stay,
        next_place=e.next_place,
        utc_minus_elapsed_ms=e.utc_minus_elapsed_ms,
        reconciling_until_ms=e.reconciling_until_ms,
        faults=e.faults,
        no_shows=e.no_shows,
        scan_windows=e.scan_windows,
        scan_all=e.scan_all,
        old_codes=e.old_codes,
        paused=e.paused,
    )


def _evse_restated(site: Site, e: ev.EvseRestated) -> Site:
    after = replace(site, evses=with_(site.evses, e.evse, e.state))
    if e.hold is not None:
        after = replace(after, holds=with_(after.holds, e.evse, e.hold))
    if e.stay is not None:
        after = replace(after, stays=with_(after.stays, e.evse, e.stay))
    if e.reserve is not None:
        after = replace(after, reserved=with_(after.reserved, e.evse, e.reserve))
    return after


def _check_in_restated(site: Site, e: ev.CheckInRestated) -> Site:
    return replace(site, check_ins=with_(site.check_ins, e.check_in.id, e.check_in))


_APPLY_LOCATION: Mapping[type[ev.Event], Callable[[Site, Any], Site]] = {
    ev.LayoutAdopted: _layout_adopted,
    ev.Restarted: _restarted,
    ev.Reconciled: _reconciled,
    ev.ClockSet: _clock_set,
    ev.CountersRestated: _counters_restated,
    ev.EvseRestated: _evse_restated,
    ev.CheckInRestated: _check_in_restated,
}

APPLY: Mapping[type[ev.Event], Callable[[Site, Any], Site]] = {
    **_APPLY_LOCATION,
    **APPLY_QUEUE,
    **APPLY_STAY,
    **APPLY_BOOKING,
}
