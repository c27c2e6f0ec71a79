"""Who is called next: the queue's order, with an EVSE given to nobody with whom a booking would be in danger.

Pure. The queue alone says who is next (`queue.py`); where there are bookings, each possible assignment is asked of the
ledger: a walk-in of `admission.py`, a booking that is due of `planner.py`, so that it takes no other's slot.
"""

from itertools import groupby
from operator import attrgetter

from agent.core import events as ev
from agent.core.admission import Admission
from agent.core.booking import Plan, ReservationId
from agent.core.layout import CheckInId, EvseId, Now, arrival_window_ms
from agent.core.planner import Slot, room_for, unbound
from agent.core.queue import Match, next_match, possible_matches
from agent.core.state import CheckIn, Site


def next_call(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """Return the next call that is due, with the plan that follows from it, or nothing."""
    if not any(r.open for r in site.reservations.values()):
        match = next_match(site, now)
        return () if match is None else (_assigned(site, match, (), now),)
    admission = Admission(site, now)
    kept_from: dict[EvseId, list[CheckInId]] = {}
    for key, found in groupby(possible_matches(site, now), key=attrgetter("check_in")):
        check_in = site.check_ins[key]
        if check_in.reservation is not None:
            options = list(found)
            called = _booked_call(site, check_in, options, kept_from, now)
            if called:
                return called
            for match in options:
                kept_from.setdefault(match.evse, []).append(key)
            continue
        for match in found:
            if _endangers(site, admission, check_in, match) is None:
                return (_assigned(site, match, tuple(kept_from.get(match.evse, ())), now),)
            kept_from.setdefault(match.evse, []).append(key)
    return ()


def _booked_call(
    site: Site, check_in: CheckIn, options: list[Match], kept_from: dict[EvseId, list[CheckInId]], now: Now
) -> tuple[ev.Event, ...]:
    """Call a booking that is due to an EVSE that no other is likely to need, else to any that the plan allows."""
    allowed = [(m, plan) for m in options if (plan := _planned(site, check_in, m.evse, now)) is not None]
    others = Admission(site, now, but=check_in.reservation)
    unneeded = (pair for pair in allowed if _endangers(site, others, check_in, pair[0]) is None)
    match, plan = next(unneeded, None) or next(iter(allowed), (None, ()))
    if match is None:
        return ()
    replanned = (ev.ReservationsPlanned(at_ms=now.elapsed_ms, plan=plan),) if plan else ()
    return (*replanned, _assigned(site, match, tuple(kept_from.get(match.evse, ())), now))


def endangered_by(site: Site, evse: EvseId, check_in: CheckIn | None, now: Now) -> ReservationId | None:
    """Return the booking that would be in danger if energy started at a free EVSE now, or None.

    Somebody whose own booking is due may have an EVSE that the plan has for nobody else.
    """
    if not any(r.open for r in site.reservations.values()):
        return None
    if check_in is not None and check_in.reservation is not None:
        return None if _planned(site, check_in, evse, now) == () else check_in.reservation
    layout = site.layout_of(evse)
    plugged = site.evse(evse).plugged
    connectors = [c for c in layout.connectors if plugged in (None, c.id)] if layout else []
    if layout is None or not connectors:
        return None
    leaves = check_in.departure_utc_ms if check_in else None
    return Admission(site, now).endangered(layout, max(connectors, key=lambda c: c.max_power_w), leaves)


def planned_before(site: Site, evse: EvseId, until_ms: int, now: Now) -> ReservationId | None:
    """Return the first reservation that is planned on an EVSE and begins before an instant, or None."""
    if now.utc_ms is None:
        return None
    until_utc_ms = now.utc_ms + until_ms - now.elapsed_ms
    here = (r for r in unbound(site) if r.planned == evse and r.period.begin_utc_ms < until_utc_ms)
    first = next(here, None)
    return None if first is None else first.id


def _endangers(site: Site, admission: Admission, check_in: CheckIn, match: Match) -> ReservationId | None:
    layout = next(e for e in (site.location.evses if site.location else ()) if e.id == match.evse)
    connector = next(c for c in layout.connectors if c.id == match.connector)
    return admission.endangered(layout, connector, check_in.departure_utc_ms)


def _planned(site: Site, check_in: CheckIn, evse: EvseId, now: Now) -> Plan | None:
    """Return who must be planned elsewhere when a booking that is due takes an EVSE, or None: another is meant for it.

    From its start on it takes whatever is free: a bay that stands empty now is worth more than a plan.
    """
    booked = None if check_in.reservation is None else site.reservations.get(check_in.reservation)
    if booked is None or booked.planned == evse:
        return ()
    plan = room_for(site, Slot(reservation=booked.id, accepts=(evse,), span=booked.claimed), now)
    if plan is not None:
        return plan
    return () if now.utc_ms is None or now.utc_ms >= booked.period.begin_utc_ms else None


def _assigned(site: Site, match: Match, kept_from: tuple[CheckInId, ...], now: Now) -> ev.EvseAssigned:
    check_in = site.check_ins[match.check_in]
    policy = site.location.policy if site.location else None
    window = arrival_window_ms(policy, check_in.more_time) if policy else 0
    until = now.elapsed_ms + window
    booked = None if check_in.reservation is None else site.reservations.get(check_in.reservation)
    if booked is not None and now.utc_ms is not None:
        until = max(until, now.elapsed_ms + booked.kept_until_utc_ms - now.utc_ms)
    return ev.EvseAssigned(
        at_ms=now.elapsed_ms,
        check_in=match.check_in,
        evse=match.evse,
        connector=match.connector,
        until_ms=until,
        passed=match.passed,
        kept_from=kept_from,
    )
