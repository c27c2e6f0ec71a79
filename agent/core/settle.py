"""What follows by itself: deadlines that are over and assignments that are due.

Pure. One consequence at a time, oldest deadline first, evolving in between and acting at the instant of the deadline,
so that a late wake gives the same events as a punctual one.
"""

from agent.core import events as ev
from agent.core.assigning import next_call
from agent.core.coming_due import follow_bookings
from agent.core.conduct import follow_conduct
from agent.core.deadlines import canceled, earliest, lapse
from agent.core.evolve import evolve
from agent.core.layout import EvseId, Now
from agent.core.observe import ad_hoc_allowed
from agent.core.permit import Asker, Granted, permit
from agent.core.queue import in_service
from agent.core.remembered import remembered
from agent.core.starting import authorise
from agent.core.state import (
    IN_LINE,
    CheckIn,
    CheckInState,
    EndOfEnergy,
    Means,
    Reason,
    Site,
    Stay,
)

_ROUNDS_EACH = 4
_ROUNDS_BASE = 64


def settle(site: Site, now: Now) -> tuple[Site, tuple[ev.Event, ...]]:
    """Return the state and events after everything that follows by itself up to now.

    The time of day is what the site knows (`ClockSet`): a clock that was stepped meanwhile must be observed first.
    """
    if site.location is None:
        return site, ()
    out: list[ev.Event] = []
    here = site.at(min(site.elapsed_ms, now.elapsed_ms))
    claims = len(site.evses) + len(site.check_ins) + len(site.reserved) + len(site.reservations)
    limit = _ROUNDS_BASE + _ROUNDS_EACH * claims * 4
    for _ in range(limit):
        events = follow(site, here)
        if not events:
            # All that is due at this instant lapses before a bay is given: an arrival or a demand for scans counts.
            due = earliest(site)
            if due is not None and due[0] <= here.elapsed_ms:
                events = lapse(site, due, here)
            else:
                events = assign(site, here)
                if not events:
                    if due is None or due[0] > now.elapsed_ms:
                        return site, tuple(out)
                    here = site.at(due[0])
        for event in events:
            site = evolve(site, event)
        out.extend(events)
    raise AssertionError(f"settle did not come to rest within {limit} rounds; last {out[-3:]}")


def wake(site: Site) -> int | None:
    """Return the elapsed instant at which something happens by itself if nothing else does, or None."""
    due = earliest(site)
    return None if due is None else due[0]


def follow(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """Return the next consequence that is due at once, or nothing. The order of the rules is the order of duty."""
    for rule in (_layout_rules, _outages, follow_bookings, _stay_rules, follow_conduct):
        events = rule(site, now)
        if events:
            return events
    return ()


# --- consequences


def _layout_rules(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """What no longer fits the adopted layout ends with a reason; who is called may still come."""
    first = _stranded(site)
    return () if first is None else (canceled(first, Reason.POOL_REMOVED, now),)


@remembered
def _stranded(site: Site) -> CheckIn | None:
    stranded = (c for c in site.check_ins.values() if not c.accepts and c.state in IN_LINE)
    return min(stranded, key=lambda c: c.id, default=None)


def _outages(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """A fault takes energy and holds with it; out of operation takes holds, but a running charge goes to its end."""
    at = now.elapsed_ms
    out = sorted(e for e, state in site.evses.items() if site.faults or state.faults or not state.operative)
    for evse in out:
        faulted = bool(site.evse(evse).faults or site.faults)
        stay = site.stays.get(evse)
        if faulted and stay is not None and stay.wants_energy:
            return (ev.EnergyEnded(at_ms=at, evse=evse, why=EndOfEnergy.FAULT),)
        reason = Reason.EVSE_FAULT if faulted else Reason.EVSE_UNAVAILABLE
        hold = site.holds.get(evse)
        if hold is not None:
            return (ev.HoldLost(at_ms=at, check_in=hold.check_in, evse=evse, reason=reason),)
        reserve = site.reserved.get(evse)
        if reserve is not None:
            return (ev.ReserveNowEnded(at_ms=at, id=reserve.id, evse=evse, reason=reason),)
    return ()


def _stay_rules(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """The plug uses up a confirmed hold; an authorised plugged stay gets energy; ended energy starts the grace."""
    if site.reconciling_until_ms is not None:
        return ()
    for evse, stay in sorted(site.stays.items()):
        events = _of_stay(site, evse, stay, now)
        if events:
            return events
    return ()


def _of_stay(site: Site, evse: EvseId, stay: Stay, now: Now) -> tuple[ev.Event, ...]:
    at = now.elapsed_ms
    hold = site.holds.get(evse)
    plugged = site.evse(evse).plugged is not None
    if hold is not None and hold.confirmed and plugged and stay.check_in is None and stay.authorised_ms is None:
        fulfilled = ev.CheckInEnded(
            at_ms=at,
            check_in=hold.check_in,
            state=CheckInState.FULFILLED,
            reason=Reason.SESSION_STARTED,
            evse=evse,
            stay=stay.id,
        )
        return (fulfilled,)
    if stay.authorised_ms is None and plugged and ad_hoc_allowed(site, evse):
        asker = Asker(check_in=stay.check_in)
        answer = permit(site, evse, asker, now)
        if isinstance(answer, Granted):
            return authorise(site, evse, asker, answer, Means.FREE, now)
    ready = stay.authorised_ms is not None and stay.permitted_ms is None and stay.end_of_energy is None
    if ready and plugged and in_service(site, evse):
        return (ev.EnergyPermitted(at_ms=at, evse=evse),)
    if stay.end_of_energy is not None and stay.finished_ms is None and plugged:
        return (ev.ChargingFinished(at_ms=at, evse=evse),)
    return ()


def assign(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """Return the next call that is due, or nothing."""
    if site.paused or site.reconciling_until_ms is not None:
        return ()
    return next_call(site, now)
