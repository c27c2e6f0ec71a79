"""Everything that happens by itself at an instant, and what it leads to.

Pure. `_due` lists the deadlines of a state, `_LAPSE` is the table of what each kind leads to. Opening hours are
instants of the day: they need a trusted clock and are turned into elapsed time by the clock relation the site knows.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum

from agent.core import events as ev
from agent.core.admission import UNTRUSTED_MS
from agent.core.coming_due import come_due, due_utc_ms, forget, look, look_utc_ms, over, over_utc_ms
from agent.core.conduct import missed, scan_relaxed_at
from agent.core.hours import next_close_utc_ms
from agent.core.layout import CheckInId, EvseId, Now, PartnerPresence, Policy, arrival_window_ms
from agent.core.planner import is_bound
from agent.core.remembered import remembered
from agent.core.state import HOLDING, IN_LINE, Bay, CheckIn, CheckInState, Hold, Reason, Site, Stay

FORGET_AT_ONCE = 256  # far below what one turn of the journal takes; the next ones have a turn of their own


class Kind(IntEnum):
    """What is due; the number orders what is due at the same instant."""

    RECONCILED = 0
    HOLD = 1
    RESERVE_NOW = 2
    SNOOZE = 3
    ARRIVAL = 4
    CLOSING = 5
    LONGEST_WAIT = 6
    PLUG_TIMEOUT = 7
    PAUSE = 8
    MOVE_GRACE = 9
    BLOCKED = 10
    UNBLOCKED = 11
    FORGET = 12
    SCAN_RELAXED = 13
    BOOKING_LOOK = 14
    BOOKING_DUE = 15
    BOOKING_OVER = 16
    BOOKING_FORGET = 17


FORGET_PART = (
    24  # who ended within so small a part of the time that is kept is forgotten in one commit: of a day, an hour
)

Due = tuple[int, Kind, int]  # elapsed ms, kind, id of the EVSE, CheckIn or pool it is about


@remembered
def earliest(site: Site) -> Due | None:
    """Return what is due first, or None."""
    return min(_due(site), default=None)


def lapse(site: Site, due: Due, now: Now) -> tuple[ev.Event, ...]:
    """Return the events a deadline leads to."""
    return _LAPSE[due[1]](site, due[2], now)


def canceled(check_in: CheckIn, reason: Reason, now: Now) -> ev.CheckInEnded:
    """Return the end of a CheckIn that the site cannot serve any more."""
    return ev.CheckInEnded(
        at_ms=now.elapsed_ms, check_in=check_in.id, state=CheckInState.CANCELED, reason=reason, evse=check_in.evse
    )


def _due(site: Site) -> Iterator[Due]:
    if site.location is None:
        return
    if site.reconciling_until_ms is not None:
        yield site.reconciling_until_ms, Kind.RECONCILED, 0
        return  # nothing else may lapse before the inputs are read
    policy = site.location.policy
    if not site.paused:  # lamps and displays are dark: no clock runs against anybody
        for evse, hold in site.holds.items():
            yield _lapses_ms(site, hold), Kind.HOLD, evse
        yield from _of_check_ins(site, policy)
        yield from _closings(site)
        yield from _of_reservations(site, policy)
    for evse, reserve in site.reserved.items():
        yield reserve.until_ms, Kind.RESERVE_NOW, evse
    for stay in site.stays.values():
        yield from _of_stay(site, stay, policy)
    yield from _of_bays(site, policy)
    relaxed = scan_relaxed_at(site)
    if relaxed is not None:
        yield relaxed, Kind.SCAN_RELAXED, 0


def _lapses_ms(site: Site, hold: Hold) -> int:
    """Return when a hold lapses; a booked one hours later while the clock is untrusted, for it may be far from due."""
    blind = hold.kept_until_utc_ms is not None and site.utc_minus_elapsed_ms is None
    return hold.until_ms + UNTRUSTED_MS if blind else hold.until_ms


def _of_check_ins(site: Site, policy: Policy) -> Iterator[Due]:
    """Who just waits has one deadline, the longest wait, and of those only the first counts; who is called has none."""
    waits = CheckInState.WAITING  # a local name: looked at for each of 500
    first: CheckIn | None = None
    for check_in in site.check_ins.values():
        if check_in.state is waits:
            since_ms = check_in.since_ms
            if first is None or since_ms < first.since_ms or (since_ms == first.since_ms and check_in.id < first.id):
                first = check_in
        elif check_in.state not in HOLDING:
            yield _of_check_in(check_in, policy)
    if first is not None:
        yield first.since_ms + policy.longest_wait_ms, Kind.LONGEST_WAIT, first.id


def _of_check_in(check_in: CheckIn, policy: Policy) -> Due:
    """Who has ended, snoozes or is on the road has exactly one next deadline."""
    if check_in.ended_ms is not None:
        kept_ms = policy.keep_ended_ms + policy.keep_ended_ms // FORGET_PART
        return check_in.ended_ms + kept_ms, Kind.FORGET, check_in.id
    longest = (check_in.since_ms + policy.longest_wait_ms, Kind.LONGEST_WAIT, check_in.id)
    if check_in.snoozed_until_ms is not None:
        return min((check_in.snoozed_until_ms, Kind.SNOOZE, check_in.id), longest)
    if check_in.must_show and policy.partner_presence is PartnerPresence.SCAN:
        return longest  # what was told of their arrival is no sign of it
    arrives = check_in.since_ms if check_in.expected is None else check_in.expected.elapsed_ms
    window = arrival_window_ms(policy, check_in.more_time)
    return min((arrives - window, Kind.ARRIVAL, check_in.id), longest)


def _of_stay(site: Site, stay: Stay, policy: Policy) -> Iterator[Due]:
    if not site.paused and stay.authorised_ms is not None and site.evse(stay.evse).plugged is None:
        yield stay.authorised_ms + policy.plug_timeout_ms, Kind.PLUG_TIMEOUT, stay.evse
    if stay.suspended_by_ev and stay.suspended_ms is not None and stay.finished_ms is None:
        yield stay.suspended_ms + policy.pause_to_finished_ms, Kind.PAUSE, stay.evse
    if not site.paused and stay.finished_ms is not None and not stay.grace_ended:
        yield stay.finished_ms + policy.move_grace_ms, Kind.MOVE_GRACE, stay.evse


def _of_bays(site: Site, policy: Policy) -> Iterator[Due]:
    for evse, state in site.evses.items():
        if state.blocked:
            if state.bay is not Bay.OCCUPIED:  # reported, and no sensor will say when it is over
                yield state.bay_since_ms + policy.blocked_grace_ms, Kind.UNBLOCKED, evse
        elif state.bay is Bay.OCCUPIED and evse not in site.stays and evse not in site.holds:
            yield state.bay_since_ms + policy.blocked_grace_ms, Kind.BLOCKED, evse


def _closings(site: Site) -> Iterator[Due]:
    location, offset = site.location, site.utc_minus_elapsed_ms
    if location is None or offset is None:
        return
    for index, pool in enumerate(location.pools):
        if pool.opening and any(c.pool == pool.id and c.state in IN_LINE for c in site.check_ins.values()):
            close = next_close_utc_ms(location, pool, site.elapsed_ms + offset)
            if close is not None:
                yield close - offset, Kind.CLOSING, index


def _of_reservations(site: Site, policy: Policy) -> Iterator[Due]:
    """Bookings are appointments of the wall clock: without one only the past is forgotten."""
    offset = site.utc_minus_elapsed_ms
    for key, reservation in site.reservations.items():
        if reservation.ended_ms is not None:
            yield reservation.ended_ms + policy.keep_ended_ms, Kind.BOOKING_FORGET, key
        elif offset is not None:
            due, look = due_utc_ms(reservation), look_utc_ms(site, reservation)
            if due is not None:
                yield due - offset, Kind.BOOKING_DUE, key
            if not is_bound(site, reservation):
                if look is not None:
                    yield look - offset, Kind.BOOKING_LOOK, key
                yield over_utc_ms(reservation) - offset, Kind.BOOKING_OVER, key


# --- what each kind leads to


def _hold_over(site: Site, evse: int, now: Now) -> tuple[ev.Event, ...]:
    return missed(site, site.holds[EvseId(evse)], now)


def _unblocked(site: Site, evse: int, now: Now) -> tuple[ev.Event, ...]:
    """The bay counts again as what its sensor says, which is not that it is occupied."""
    return (ev.BayChanged(at_ms=now.elapsed_ms, evse=EvseId(evse), bay=site.evse(EvseId(evse)).bay),)


def _reserve_over(site: Site, evse: int, now: Now) -> tuple[ev.Event, ...]:
    reserve = site.reserved[EvseId(evse)]
    ended = ev.ReserveNowEnded(at_ms=now.elapsed_ms, id=reserve.id, evse=reserve.evse, reason=Reason.EXPIRED)
    return (ended,)


def _closed(site: Site, index: int, now: Now) -> tuple[ev.Event, ...]:
    pool = site.location.pools[index].id if site.location else None
    return tuple(canceled(c, Reason.CLOSED, now) for c in site.line() if c.pool == pool)


def _expired(site: Site, check_in: int, now: Now) -> tuple[ev.Event, ...]:
    return (canceled(site.check_ins[CheckInId(check_in)], Reason.EXPIRED, now),)


def _forgotten(site: Site, _: int, now: Now) -> tuple[ev.Event, ...]:
    """Whose time is over by now goes with who is due: nobody waits for it, and each alone would be a commit."""
    keep_ms = site.location.policy.keep_ended_ms if site.location else 0
    until_ms = now.elapsed_ms - keep_ms
    over = [c.id for c in site.check_ins.values() if c.ended_ms is not None and c.ended_ms <= until_ms]
    some = sorted(over)[:FORGET_AT_ONCE]
    return tuple(ev.CheckInForgotten(at_ms=now.elapsed_ms, check_in=check_in) for check_in in some)


_LAPSE: Mapping[Kind, Callable[[Site, int, Now], tuple[ev.Event, ...]]] = {
    Kind.RECONCILED: lambda _, __, now: (ev.Reconciled(at_ms=now.elapsed_ms),),
    Kind.HOLD: _hold_over,
    Kind.RESERVE_NOW: _reserve_over,
    Kind.SNOOZE: lambda _, key, now: (ev.SnoozeEnded(at_ms=now.elapsed_ms, check_in=CheckInId(key)),),
    Kind.ARRIVAL: lambda _, key, now: (ev.Approached(at_ms=now.elapsed_ms, check_in=CheckInId(key)),),
    Kind.CLOSING: _closed,
    Kind.LONGEST_WAIT: _expired,
    Kind.PLUG_TIMEOUT: lambda _, key, now: (ev.AuthorisationLapsed(at_ms=now.elapsed_ms, evse=EvseId(key)),),
    Kind.PAUSE: lambda _, key, now: (ev.ChargingFinished(at_ms=now.elapsed_ms, evse=EvseId(key)),),
    Kind.MOVE_GRACE: lambda _, key, now: (ev.MoveGraceEnded(at_ms=now.elapsed_ms, evse=EvseId(key)),),
    Kind.BLOCKED: lambda _, key, now: (ev.BayBlocked(at_ms=now.elapsed_ms, evse=EvseId(key)),),
    Kind.UNBLOCKED: _unblocked,
    Kind.FORGET: _forgotten,
    Kind.SCAN_RELAXED: lambda _, __, now: (ev.ScanRelaxed(at_ms=now.elapsed_ms),),
    Kind.BOOKING_LOOK: look,
    Kind.BOOKING_DUE: come_due,
    Kind.BOOKING_OVER: over,
    Kind.BOOKING_FORGET: forget,
}
