"""How the events of the queue change the state. Pure; no choices; see `evolve.py`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agent.core import events as ev
from agent.core.change import change_check_in, change_stay, drop_hold_of, end_hold, state_in_line, with_, without
from agent.core.layout import CheckInId
from agent.core.queue import accepted_evses
from agent.core.state import (
    HOLDING,
    IN_LINE,
    MAX_OLD_CODES,
    PLACE_GAP,
    CheckIn,
    CheckInState,
    Code,
    Hold,
    LostHold,
    NoShow,
    Reason,
    Site,
)

MAX_NO_SHOWS = 64  # remembered for the cohort rules; far above both thresholds


def _checked_in(site: Site, e: ev.CheckedIn) -> Site:
    location = site.location
    if location is None:
        return site
    check_in = CheckIn(
        id=e.check_in,
        pool=e.pool,
        code=e.code,
        origin=e.origin,
        state=state_in_line(e.expected, None, e.must_show),
        rank=e.rank,
        accepts=accepted_evses(location, e.pool, e.wishes),
        since_ms=e.at_ms,
        changed_ms=e.at_ms,
        sequence=site.sequence + 1,
        wishes=e.wishes,
        subjects=e.subjects,
        device=e.device,
        groups=e.groups,
        owner=e.owner,
        more_time=e.more_time,
        expected=e.expected,
        departure_utc_ms=e.departure_utc_ms,
        vehicle=e.vehicle,
        window=e.window,
        must_scan=e.window is not None and (site.scan_all or e.window in site.scan_windows),
        must_show=e.must_show,
        quote=e.quote,
    )
    return replace(
        site,
        check_ins=with_(site.check_ins, e.check_in, check_in),
        next_check_in=max(site.next_check_in, e.check_in + 1),
        next_place=max(site.next_place, e.rank.place + PLACE_GAP),
        old_codes=tuple(c for c in site.old_codes if c.code != e.code),
    )


def _check_in_changed(site: Site, e: ev.CheckInChanged) -> Site:
    old, location = site.check_ins.get(e.check_in), site.location
    if old is None or location is None:
        return site
    after = change_check_in(
        site,
        e.check_in,
        e.at_ms,
        pool=e.pool,
        rank=e.rank,
        wishes=e.wishes,
        accepts=accepted_evses(location, e.pool, e.wishes),
        subjects=e.subjects,
        groups=e.groups,
        more_time=e.more_time,
        expected=e.expected,
        departure_utc_ms=e.departure_utc_ms,
        vehicle=e.vehicle,
        quote=e.quote,
        must_show=e.must_show,
        state=state_in_line(e.expected, old.snoozed_until_ms, e.must_show),
        reason=Reason.USER,
    )
    return replace(after, next_place=max(site.next_place, e.rank.place + PLACE_GAP))


def _arrival_updated(site: Site, e: ev.ArrivalUpdated) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None:
        return site
    in_line = old.state in IN_LINE
    state = state_in_line(e.expected, old.snoozed_until_ms, e.must_show) if in_line else old.state
    return change_check_in(
        site,
        e.check_in,
        e.at_ms,
        expected=e.expected,
        departure_utc_ms=e.departure_utc_ms,
        vehicle=e.vehicle,
        must_show=e.must_show,
        state=state,
    )


def _approached(site: Site, e: ev.Approached) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None:
        return site
    state = state_in_line(None, old.snoozed_until_ms, must_show=False)
    return change_check_in(
        site, e.check_in, e.at_ms, state=state, expected=None, must_show=False, reason=Reason.POSITION
    )


def _snoozed(site: Site, e: ev.Snoozed) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None:
        return site
    after = drop_hold_of(_noted_if_called(site, old, e.at_ms), e.check_in, e.at_ms)
    return change_check_in(
        after,
        e.check_in,
        e.at_ms,
        state=CheckInState.SNOOZED,
        snoozes=old.snoozes + 1,
        snoozed_until_ms=e.until_ms,
        reason=Reason.USER,
        evse=None,
        extended=False,
    )


def _snooze_ended(site: Site, e: ev.SnoozeEnded) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None:
        return site
    return change_check_in(
        site,
        e.check_in,
        e.at_ms,
        state=state_in_line(old.expected, None, old.must_show),
        snoozed_until_ms=None,
        reason=Reason.SNOOZE_ENDED,
    )


def _evse_assigned(site: Site, e: ev.EvseAssigned) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None or e.evse not in site.evses:
        return site
    booked = None if old.reservation is None else site.reservations.get(old.reservation)
    hold = Hold(
        evse=e.evse,
        connector=e.connector,
        check_in=e.check_in,
        since_ms=e.at_ms,
        until_ms=e.until_ms,
        due_utc_ms=None if booked is None else booked.period.begin_utc_ms,
        kept_until_utc_ms=None if booked is None else booked.kept_until_utc_ms,
    )
    return change_check_in(
        replace(site, holds=with_(site.holds, e.evse, hold)),
        e.check_in,
        e.at_ms,
        state=CheckInState.CALLED,
        rank=replace(old.rank, first=False),  # being served first is used up by this call
        evse=e.evse,
        reason=Reason.CALLED,
        extended=False,
    )


def _hold(site: Site, check_in: CheckInId, **changes: Any) -> Site:
    hold = site.hold_of(check_in)
    return site if hold is None else replace(site, holds=with_(site.holds, hold.evse, replace(hold, **changes)))


def _hold_extended(site: Site, e: ev.HoldExtended) -> Site:
    hold = site.hold_of(e.check_in)
    if hold is None:
        return site
    left = None if hold.left_ms is None else hold.left_ms + e.until_ms - hold.until_ms
    after = _hold(site, e.check_in, until_ms=e.until_ms, left_ms=left)
    return change_check_in(after, e.check_in, e.at_ms, extended=True)


def _hold_paused(site: Site, e: ev.HoldPaused) -> Site:
    after = _hold(site, e.check_in, until_ms=e.until_ms, left_ms=e.left_ms, paused=True)
    return change_check_in(after, e.check_in, e.at_ms, state=CheckInState.ARRIVED, reason=Reason.ARRIVED)


def _hold_resumed(site: Site, e: ev.HoldResumed) -> Site:
    after = _hold(site, e.check_in, until_ms=e.until_ms, left_ms=None)
    return change_check_in(after, e.check_in, e.at_ms, state=CheckInState.CALLED, reason=Reason.CALLED)


def _hold_confirmed(site: Site, e: ev.HoldConfirmed) -> Site:
    return change_check_in(_hold(site, e.check_in, confirmed=True), e.check_in, e.at_ms)


def _hold_moved(site: Site, e: ev.HoldMoved) -> Site:
    if e.check_in not in site.check_ins or e.evse not in site.evses:
        return site
    hold = Hold(
        evse=e.evse,
        connector=e.connector,
        check_in=e.check_in,
        since_ms=e.at_ms,
        until_ms=e.until_ms,
        paused=True,  # they are here: the clock has nothing to stop for
        confirmed=True,
    )
    after = drop_hold_of(site, e.check_in, e.at_ms)
    after = replace(after, holds=with_(after.holds, e.evse, hold))
    return change_check_in(
        after, e.check_in, e.at_ms, state=CheckInState.ARRIVED, evse=e.evse, reason=Reason.ARRIVED, extended=False
    )


def _hold_lost(site: Site, e: ev.HoldLost) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None:
        return site
    after = end_hold(site, e.evse, e.at_ms)
    return change_check_in(
        after,
        e.check_in,
        e.at_ms,
        state=CheckInState.WAITING,
        rank=replace(old.rank, first=True),
        evse=e.evse,
        reason=e.reason,
        lost=LostHold(evse=e.evse, at_ms=e.at_ms, reason=e.reason),
        blocked=old.blocked + (e.reason is Reason.EVSE_BLOCKED),
    )


def _call_missed(site: Site, e: ev.CallMissed) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None:
        return site
    after = end_hold(_noted_if_called(site, old, e.at_ms), e.evse, e.at_ms)
    after = change_check_in(
        after,
        e.check_in,
        e.at_ms,
        state=CheckInState.WAITING,
        rank=e.rank,
        misses=old.misses + 1,
        evse=e.evse,
        reason=Reason.MISSED_CALL,
        lost=LostHold(evse=e.evse, at_ms=e.at_ms, reason=Reason.MISSED_CALL),
    )
    return replace(after, next_place=max(site.next_place, e.rank.place + PLACE_GAP))


def _noted_if_called(site: Site, check_in: CheckIn, at_ms: int) -> Site:
    """A hold that lapses or is given up by somebody who never showed that they are here counts for their cohort.

    Else friends of an accomplice could leave or snooze at the last second of each hold and never be counted.
    """
    if check_in.state not in HOLDING or not check_in.unproven or check_in.window is None:
        return site
    notes = (*site.no_shows, NoShow(at_ms=at_ms, window=check_in.window))
    return replace(site, no_shows=notes[-MAX_NO_SHOWS:])


def _presence_proven(site: Site, e: ev.PresenceProven) -> Site:
    return change_check_in(site, e.check_in, e.at_ms, proven=True, must_scan=False)


def _scan_demanded(site: Site, e: ev.ScanDemanded) -> Site:
    def judged(c: CheckIn) -> CheckIn:
        hit = c.open and c.unproven and e.window in (None, c.window)
        return replace(c, must_scan=True) if hit else c

    windows = site.scan_windows if e.window is None else (*site.scan_windows, e.window)[-MAX_NO_SHOWS:]
    scan_all = site.scan_all or e.window is None
    check_ins = {k: judged(c) for k, c in site.check_ins.items()}
    return replace(site, check_ins=check_ins, scan_windows=windows, scan_all=scan_all)


def _scan_relaxed(site: Site, _: ev.ScanRelaxed) -> Site:
    return replace(site, scan_all=False, scan_windows=(), no_shows=())


def _check_in_ended(site: Site, e: ev.CheckInEnded) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None:
        return site
    counts = e.state in (CheckInState.NO_SHOW, CheckInState.CHECKED_OUT)
    after = drop_hold_of(_noted_if_called(site, old, e.at_ms) if counts else site, e.check_in, e.at_ms)
    if e.state is CheckInState.FULFILLED and e.evse is not None:
        after = change_stay(after, e.evse, check_in=e.check_in)
    after = replace(after, old_codes=(*after.old_codes, Code(code=old.code, ended_ms=e.at_ms))[-MAX_OLD_CODES:])
    return change_check_in(
        after,
        e.check_in,
        e.at_ms,
        state=e.state,
        reason=e.reason,
        ended_ms=e.at_ms,
        evse=e.evse if e.evse is not None else old.evse,
        stay=e.stay,
    )


def _check_out_undone(site: Site, e: ev.CheckOutUndone) -> Site:
    old = site.check_ins.get(e.check_in)
    if old is None:
        return site
    after = replace(site, old_codes=tuple(c for c in site.old_codes if c.code != old.code))
    state = state_in_line(old.expected, old.snoozed_until_ms, old.must_show)
    return change_check_in(after, e.check_in, e.at_ms, state=state, ended_ms=None, reason=Reason.USER, evse=None)


def _check_in_forgotten(site: Site, e: ev.CheckInForgotten) -> Site:
    return replace(site, check_ins=without(site.check_ins, e.check_in))


APPLY_QUEUE: Mapping[type[ev.Event], Callable[[Site, Any], Site]] = {
    ev.CheckedIn: _checked_in,
    ev.CheckInChanged: _check_in_changed,
    ev.ArrivalUpdated: _arrival_updated,
    ev.Approached: _approached,
    ev.Snoozed: _snoozed,
    ev.SnoozeEnded: _snooze_ended,
    ev.EvseAssigned: _evse_assigned,
    ev.HoldExtended: _hold_extended,
    ev.HoldPaused: _hold_paused,
    ev.HoldResumed: _hold_resumed,
    ev.HoldConfirmed: _hold_confirmed,
    ev.HoldMoved: _hold_moved,
    ev.HoldLost: _hold_lost,
    ev.CallMissed: _call_missed,
    ev.PresenceProven: _presence_proven,
    ev.ScanDemanded: _scan_demanded,
    ev.ScanRelaxed: _scan_relaxed,
    ev.CheckInEnded: _check_in_ended,
    ev.CheckOutUndone: _check_out_undone,
    ev.CheckInForgotten: _check_in_forgotten,
}
