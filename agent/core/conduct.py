"""Conduct at the bays: missed calls, no-shows, strangers in held bays, and when anonymous Users must scan again.

Pure. The limits bound what an accomplice on site can do for remote friends (`threats-and-faults.md` 3.1): the check-ins
of one presence window are a cohort, and no-shows among those who never proved to be here cost the others a second scan.
"""

from agent.core import events as ev
from agent.core.layout import Now
from agent.core.queue import rank_behind
from agent.core.state import Bay, CheckIn, CheckInState, Hold, Origin, Reason, Site

BLOCKED_BEFORE_MISS = 2  # bays lost to strangers without any sign of the holder; then it counts as a miss


def missed(site: Site, hold: Hold, now: Now) -> tuple[ev.Event, ...]:
    """Return what follows when a hold ends unused: a stranger in the bay, a place further back, or the end."""
    check_in = site.check_ins[hold.check_in]
    at = now.elapsed_ms
    state = site.evse(hold.evse)
    stranger = state.bay is Bay.OCCUPIED or state.plugged is not None
    if stranger and (check_in.proven or check_in.blocked < BLOCKED_BEFORE_MISS):
        lost = ev.HoldLost(at_ms=at, check_in=check_in.id, evse=hold.evse, reason=Reason.EVSE_BLOCKED)
        return (lost, ev.BayBlocked(at_ms=at, evse=hold.evse))
    if check_in.misses < misses_allowed(site, check_in):
        rank = rank_behind(site, check_in, _requeue_behind(site))
        return (ev.CallMissed(at_ms=at, check_in=check_in.id, evse=hold.evse, rank=rank),)
    ended = ev.CheckInEnded(
        at_ms=at,
        check_in=check_in.id,
        state=CheckInState.NO_SHOW,
        reason=Reason.NOT_ARRIVED,
        evse=hold.evse,
    )
    return (ended,)


def misses_allowed(site: Site, check_in: CheckIn) -> int:
    """Return how many missed calls are forgiven: none for an anonymous User who never proved to be here."""
    if check_in.origin is Origin.PAGE and not check_in.subjects and check_in.window is not None and not check_in.proven:
        return 0
    return site.location.policy.misses_allowed if site.location else 0


def _requeue_behind(site: Site) -> int:
    return site.location.policy.requeue_behind if site.location else 0


def follow_conduct(site: Site, now: Now) -> tuple[ev.Event, ...]:
    """Return the demand for second scans that the unproven no-shows of the last while lead to, if it is new."""
    if site.location is None:
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
