"""Conduct at the bays: missed calls, no-shows, strangers in held bays, and when anonymous Users must scan again.

Pure. The limits bound what an accomplice on site can do for remote friends (`threats-and-faults.md` 3.1): the check-ins
of one presence window are a cohort, and no-shows among those who never proved to be here cost the others a second scan.
"""

from agent.core import events as ev
from agent.core.fees import no_show_fee
from agent.core.layout import EvseId, Now, arrival_window_ms
from agent.core.queue import rank_behind
from agent.core.state import Bay, CheckIn, CheckInState, Hold, Reason, Site, TokenAnswer

BLOCKED_BEFORE_MISS = 2  # bays lost to strangers without any sign of the holder; then it counts as a miss


def missed(site: Site, hold: Hold, now: Now) -> tuple[ev.Event, ...]:
    """Return what follows when a hold ends unused: a stranger in the bay, a place further back, or the end."""
    check_in = site.check_ins[hold.check_in]
    at = now.elapsed_ms
    state = site.evse(hold.evse)
    stranger = state.bay is Bay.OCCUPIED or state.plugged is not None
    if stranger and (check_in.proven or check_in.blocked < BLOCKED_BEFORE_MISS):
        return blocked(site, hold, now)
    booked = None if check_in.reservation is None else site.reservations.get(check_in.reservation)
    if booked is None and check_in.misses < misses_allowed(site, check_in):
        rank = rank_behind(site, check_in)
        return (ev.CallMissed(at_ms=at, check_in=check_in.id, evse=hold.evse, rank=rank),)
    # Without a clock nobody knows whether a booked driver is late: the booking ends, and nobody pays for it.
    blind = booked is not None and now.utc_ms is None
    ended = ev.CheckInEnded(
        at_ms=at,
        check_in=check_in.id,
        state=CheckInState.CANCELED if blind else CheckInState.NO_SHOW,
        reason=Reason.EXPIRED if blind else Reason.NOT_ARRIVED,
        evse=hold.evse,
    )
    return (ended,) if booked is None or blind else (ended, *no_show_fee(site, booked, hold, now))


def blocked(site: Site, hold: Hold, now: Now) -> tuple[ev.Event, ...]:
    """Return what follows when somebody else stands in a held bay; a plugged one is a stay, not a blocked bay."""
    at = now.elapsed_ms
    lost = ev.HoldLost(at_ms=at, check_in=hold.check_in, evse=hold.evse, reason=Reason.EVSE_BLOCKED)
    plugged = site.evse(hold.evse).plugged is not None
    return (lost,) if plugged else (lost, ev.BayBlocked(at_ms=at, evse=hold.evse))


def believed(site: Site, hold: Hold) -> bool:
    """Return whether a report that the held bay is taken is believed.

    Yes where sensor or plug see somebody. Without a sensor it takes a User who is known or has proven to be here, and
    only so often: each report closes a bay for a while. Against a sensor that sees an empty bay it takes proof and
    works once, for sensors get stuck, and a page alone must not let anybody choose among bays.
    """
    check_in, state = site.check_ins[hold.check_in], site.evse(hold.evse)
    if state.bay is Bay.OCCUPIED or state.plugged is not None:
        return True
    if state.bay is Bay.FREE:
        return check_in.proven and check_in.blocked == 0
    return not check_in.unproven and check_in.blocked < BLOCKED_BEFORE_MISS


def plugged_elsewhere(site: Site, hold: Hold) -> EvseId | None:
    """Return the EVSE at which the holder of another has plugged in and shown their card since the call, or None."""
    for evse in site.evse_ids():
        last, stay = site.evse(evse).last_token, site.stays.get(evse)
        if last is None or last.answer is not TokenAnswer.OTHER_BAY or last.check_in != hold.check_in:
            continue
        # A stay that is somebody's, or that a card has authorised, began after they had shown theirs in vain.
        nobodys = stay is not None and stay.check_in is None and stay.authorised_ms is None
        if nobodys and evse != hold.evse and last.at_ms >= hold.since_ms:
            return evse
    return None


def proof_of_presence(check_in: CheckIn, now: Now) -> tuple[ev.Event, ...]:
    """Return what follows when the User of an open CheckIn is seen on site, by a fresh scan or their token."""
    out: list[ev.Event] = []
    if check_in.must_show or check_in.state is CheckInState.ON_THE_ROAD:
        out.append(ev.Approached(at_ms=now.elapsed_ms, check_in=check_in.id))
    if not check_in.proven or check_in.must_scan:
        out.append(ev.PresenceProven(at_ms=now.elapsed_ms, check_in=check_in.id))
    return tuple(out)


def shown_on_site(check_in: CheckIn, now: Now) -> tuple[ev.Event, ...]:
    """Return what follows from a sign that somebody who must be seen on site before they are called is there."""
    return (ev.Approached(at_ms=now.elapsed_ms, check_in=check_in.id),) if check_in.must_show else ()


def shown_by_car(site: Site, evse: EvseId, now: Now) -> tuple[ev.Event, ...]:
    """Return what follows when a car comes to a free bay: whom of those who must be seen on site does it show?

    The first who waits for this bay alone and is due by their own word. A car says nothing of who would go anywhere.
    """
    if site.location is None or evse in site.holds or evse in site.reserved or evse in site.stays:
        return ()
    policy = site.location.policy

    def awaited(c: CheckIn) -> bool:
        due = c.expected is None or c.expected.elapsed_ms - arrival_window_ms(policy, c.more_time) <= now.elapsed_ms
        return c.must_show and c.state is CheckInState.ON_THE_ROAD and c.accepts == (evse,) and due

    first = min(filter(awaited, site.check_ins.values()), key=lambda c: c.order, default=None)
    return () if first is None else shown_on_site(first, now)


def misses_allowed(site: Site, check_in: CheckIn) -> int:
    """Return how many missed calls are forgiven: none for an anonymous User who never proved to be here."""
    return 0 if check_in.unproven or site.location is None else site.location.policy.misses_allowed


def follow_conduct(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """Return the demand for second scans that the unproven no-shows of the last while lead to, if it is new."""
    if site.location is None or not site.no_shows:
        return ()
    policy = site.location.policy
    recent = [n for n in site.no_shows if now.elapsed_ms - n.at_ms <= policy.unproven_span_ms]
    if not site.scan_all and len(recent) > policy.unproven_no_shows:
        return (ev.ScanDemanded(at_ms=now.elapsed_ms, window=None),)
    for window in sorted({n.window for n in recent}):
        count = sum(1 for n in recent if n.window == window)
        if count >= policy.cohort_no_shows and window not in site.scan_windows:
            return (ev.ScanDemanded(at_ms=now.elapsed_ms, window=window),)
    return ()


def scan_relaxed_at(site: Site) -> int | None:
    """Return when the demand for second scans ends: a span after the last unproven no-show."""
    if site.location is None or not (site.scan_all or site.scan_windows) or not site.no_shows:
        return None
    return site.no_shows[-1].at_ms + site.location.policy.unproven_span_ms
