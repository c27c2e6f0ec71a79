"""What is decided on a Request: events, or a refusal with its reason. A refusal changes nothing.

Pure. `decide` is the one door; joining and changing live in `joining.py`, energy in `permit.py` and `starting.py`.
"""

from typing import assert_never

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.assigning import endangered_by, planned_before
from agent.core.calendar import cancel, reserve, update_arrival
from agent.core.conduct import believed, blocked, plugged_elsewhere, proof_of_presence, shown_on_site
from agent.core.joining import arrival, expected_arrival, join, leaves_too_soon, must_show_again
from agent.core.layout import MINUTE_MS, AdHocStart, EvseId, Now, Policy, arrival_window_ms
from agent.core.permit import Asker, Denied, permit
from agent.core.queue import in_service, rivals
from agent.core.starting import authorise, stop
from agent.core.state import (
    Bay,
    CheckIn,
    CheckInState,
    EndOfEnergy,
    Expected,
    Means,
    Origin,
    Reason,
    ReserveNow,
    Site,
    Stay,
    Vehicle,
)

Decision = tuple[ev.Event, ...] | i.Refused


def decide(site: Site, request: i.Request, now: Now) -> Decision:
    """Return what follows from a Request: events (none: nothing to change) or a refusal."""
    location = site.location
    if location is None:
        return i.Refused(reason=i.Refusal.STARTING)
    match request:
        case i.JoinQueue():
            return join(site, location, request, now)
        case i.Reserve():
            return reserve(site, location, request, now)
        case i.CancelReservation():
            return cancel(site, request, now)
        case i.UpdateBookedArrival():
            return update_arrival(site, location, request, now)
        case i.RemoteStart():
            return _remote_start(site, request, now)
        case i.StopStay():
            return _stop_stay(site, request.evse, request.why, now)
        case i.SetAvailability():
            return _set_availability(site, request, now)
        case i.MakeReserveNow():
            return _make_reserve_now(site, request, now)
        case i.CancelReserveNow():
            return _cancel_reserve_now(site, request, now)
        case _:
            return _of_check_in(site, location.policy, request, now)


_OwnRequest = (
    i.LeaveQueue
    | i.UndoLeave
    | i.SnoozeCheckIn
    | i.UpdateArrival
    | i.ExtendHold
    | i.ProvePresence
    | i.ShowPresence
    | i.StartAtPage
    | i.StopAtPage
    | i.ReportBlocked
    | i.ReportFree
    | i.UseBay
)


def _of_check_in(site: Site, policy: Policy, request: _OwnRequest, now: Now) -> Decision:
    """Decide what concerns one CheckIn, which must be known."""
    check_in = site.check_ins.get(request.check_in)
    if check_in is None:
        return i.Refused(reason=i.Refusal.CHECKIN_UNKNOWN)
    match request:
        case i.LeaveQueue():
            return _leave(check_in, request.origin, now)
        case i.UndoLeave():
            return _undo(site, policy, check_in, now)
        case i.StartAtPage():
            return _start_at_page(site, policy, check_in, now)
        case i.StopAtPage():
            return _stop_at_page(site, check_in, now)
    if not check_in.open:
        return i.Refused(reason=i.Refusal.CHECKIN_ENDED, check_in=check_in.id)
    match request:
        case i.SnoozeCheckIn():
            return _snooze(policy, check_in, request.minutes, now)
        case i.UpdateArrival():
            return _update_arrival(site, policy, check_in, request, now)
        case i.ExtendHold():
            return _extend(site, check_in, policy.extension_ms, now)
        case i.ProvePresence():
            return _prove_presence(site, check_in, now)
        case i.ShowPresence():
            return shown_on_site(check_in, now)
        case i.ReportBlocked():
            return _report_blocked(site, check_in, now)
        case i.ReportFree():
            return _report_free(site, check_in, now)
        case i.UseBay():
            return _use_bay(site, policy, check_in, now)
        case _:
            assert_never(request)


def _leave(check_in: CheckIn, origin: Origin, now: Now) -> Decision:
    if check_in.state is CheckInState.CHECKED_OUT:
        return ()  # leaving twice is leaving
    if not check_in.open:
        return i.Refused(reason=i.Refusal.CHECKIN_ENDED, check_in=check_in.id)
    reason = {Origin.PARTNER: Reason.PARTNER, Origin.OPERATOR: Reason.OPERATOR}.get(origin, Reason.USER)
    ended = ev.CheckInEnded(
        at_ms=now.elapsed_ms, check_in=check_in.id, state=CheckInState.CHECKED_OUT, reason=reason, evse=check_in.evse
    )
    return (ended,)


def _undo(site: Site, policy: Policy, check_in: CheckIn, now: Now) -> Decision:
    """Take the leaving back: only shortly after, and only while nobody was called in between."""
    if check_in.open:
        return ()
    ended = check_in.ended_ms
    late = i.Refused(reason=i.Refusal.UNDO_TOO_LATE, check_in=check_in.id)
    if check_in.state is not CheckInState.CHECKED_OUT or ended is None or check_in.reservation is not None:
        return late
    if now.elapsed_ms - ended > policy.undo_ms:
        return late
    called_since = any(h.since_ms >= ended and h.evse in check_in.accepts for h in site.holds.values())
    if called_since or site.open_with((*check_in.subjects, *((check_in.device,) if check_in.device else ()))):
        return late
    return (ev.CheckOutUndone(at_ms=now.elapsed_ms, check_in=check_in.id),)


def _snooze(policy: Policy, check_in: CheckIn, minutes: int, now: Now) -> Decision:
    if check_in.state is CheckInState.ARRIVED or check_in.reservation is not None:
        return i.Refused(reason=i.Refusal.CHANGE_REFUSED, check_in=check_in.id, evse=check_in.evse)
    if minutes <= 0:
        snoozed = check_in.state is CheckInState.SNOOZED
        return (ev.SnoozeEnded(at_ms=now.elapsed_ms, check_in=check_in.id),) if snoozed else ()
    if check_in.snoozes >= policy.snooze_limit:
        return i.Refused(reason=i.Refusal.SNOOZE_LIMIT, check_in=check_in.id)
    until = now.elapsed_ms + min(minutes, policy.snooze_max_min) * MINUTE_MS
    return (ev.Snoozed(at_ms=now.elapsed_ms, check_in=check_in.id, until_ms=until),)


def _update_arrival(site: Site, policy: Policy, check_in: CheckIn, request: i.UpdateArrival, now: Now) -> Decision:
    """In line: the place is kept. Called: the hold is lengthened, once, to the new arrival or by the extension."""
    departure = check_in.departure_utc_ms if request.departure_utc_ms is None else request.departure_utc_ms
    vehicle = check_in.vehicle if request.vehicle is None else request.vehicle
    hold = site.hold_of(check_in.id)
    if hold is None:
        if request.departure_utc_ms != check_in.departure_utc_ms and leaves_too_soon(request, now):
            return i.Refused(reason=i.Refusal.DEPARTURE_TOO_SOON, check_in=check_in.id)
        window = arrival_window_ms(policy, check_in.more_time)
        expected = expected_arrival(request.expected_utc_ms, request.expected_in_ms, window, now)
        return (_arrival_updated(site, check_in, expected, departure, vehicle, now),)
    told: tuple[ev.Event, ...] = ()
    if departure != check_in.departure_utc_ms or vehicle != check_in.vehicle:
        told = (_arrival_updated(site, check_in, None, departure, vehicle, now),)
    arrives = arrival(request.expected_utc_ms, request.expected_in_ms, now)
    if arrives is None or arrives.elapsed_ms <= hold.until_ms:
        return told
    extended = _extend(site, check_in, min(arrives.elapsed_ms - hold.until_ms, policy.extension_ms), now)
    return extended if isinstance(extended, i.Refused) else (*told, *extended)


def _arrival_updated(
    site: Site, check_in: CheckIn, expected: Expected | None, departure_utc_ms: int | None, vehicle: Vehicle, now: Now
) -> ev.ArrivalUpdated:
    return ev.ArrivalUpdated(
        at_ms=now.elapsed_ms,
        check_in=check_in.id,
        expected=expected,
        departure_utc_ms=departure_utc_ms,
        vehicle=vehicle,
        must_show=must_show_again(site, check_in, expected),
    )


def _extend(site: Site, check_in: CheckIn, by_ms: int, now: Now) -> Decision:
    hold = site.hold_of(check_in.id)
    if hold is None:
        return i.Refused(reason=i.Refusal.NOT_CALLED, check_in=check_in.id)
    if check_in.extended:
        return i.Refused(reason=i.Refusal.EXTENSION_USED, check_in=check_in.id)
    return (ev.HoldExtended(at_ms=now.elapsed_ms, check_in=check_in.id, until_ms=hold.until_ms + by_ms),)


def _prove_presence(site: Site, check_in: CheckIn, now: Now) -> Decision:
    proof = proof_of_presence(check_in, now)
    hold = site.hold_of(check_in.id)
    if hold is None or hold.confirmed:
        return proof
    return (*proof, ev.HoldConfirmed(at_ms=now.elapsed_ms, check_in=check_in.id))


def _start_at_page(site: Site, policy: Policy, check_in: CheckIn, now: Now) -> Decision:
    """ "It is me, start here": a hold is confirmed; energy starts without IdToken only where the policy says so."""
    hold = site.hold_of(check_in.id)
    if hold is not None:
        if hold.confirmed:
            return _page_payment(site, policy, check_in, hold.evse, now)
        confirmed = ev.HoldConfirmed(at_ms=now.elapsed_ms, check_in=check_in.id)
        return (confirmed,)
    if check_in.open:
        return i.Refused(reason=i.Refusal.NOT_YOUR_TURN, check_in=check_in.id)
    stay = _own_stay(site, check_in)
    if stay is None:
        return i.Refused(reason=i.Refusal.CHECKIN_ENDED, check_in=check_in.id)
    if stay.authorised_ms is not None:
        return ()  # pressed twice
    return _page_payment(site, policy, check_in, stay.evse, now)


def _own_stay(site: Site, check_in: CheckIn) -> Stay | None:
    """Return the stay that a CheckIn led to, while it lasts; the EVSE may have somebody else's by now."""
    stay = site.stays.get(check_in.evse) if check_in.evse is not None else None
    return stay if stay is not None and stay.check_in == check_in.id else None


def _page_payment(site: Site, policy: Policy, check_in: CheckIn, evse: EvseId, now: Now) -> Decision:
    if policy.ad_hoc_start is AdHocStart.NONE:
        return i.Refused(reason=i.Refusal.PAYMENT_NEEDED, check_in=check_in.id, evse=evse)
    if policy.ad_hoc_start is AdHocStart.CSMS:
        return ()  # the operator's IdToken is presented from outside the core
    if site.evse(evse).plugged is None:
        return ()  # confirmed; the plug comes next
    answer = permit(site, evse, Asker(check_in=check_in.id), now)
    if not isinstance(answer, Denied):
        return ()  # it starts by itself, see settle.py
    return i.Refused(reason=answer.reason, check_in=answer.check_in, evse=evse)


def _stop_at_page(site: Site, check_in: CheckIn, now: Now) -> Decision:
    stay = _own_stay(site, check_in)
    if stay is None:
        return i.Refused(reason=i.Refusal.NOT_CHARGING, check_in=check_in.id)
    return _stop_stay(site, stay.evse, EndOfEnergy.PAGE, now)


def _stop_stay(site: Site, evse: EvseId, why: EndOfEnergy, now: Now) -> Decision:
    ended = stop(site, evse, why, now)
    return ended or i.Refused(reason=i.Refusal.NOT_CHARGING, evse=evse)


def _report_blocked(site: Site, check_in: CheckIn, now: Now) -> Decision:
    hold = site.hold_of(check_in.id)
    if hold is None:
        return i.Refused(reason=i.Refusal.NOT_CALLED, check_in=check_in.id)
    if not believed(site, hold):
        return i.Refused(reason=i.Refusal.CHANGE_REFUSED, check_in=check_in.id, evse=hold.evse)
    return blocked(site, hold, now)


def _report_free(site: Site, check_in: CheckIn, now: Now) -> Decision:
    """Unblock the bay that was lost to a stranger, unless somebody is seen in it; already unblocked is nothing new."""
    lost = check_in.lost
    if lost is None or lost.reason is not Reason.EVSE_BLOCKED or site.hold_of(check_in.id) is not None:
        return i.Refused(reason=i.Refusal.CHANGE_REFUSED, check_in=check_in.id)
    state = site.evse(lost.evse)
    if state.bay is Bay.OCCUPIED or state.plugged is not None:
        return i.Refused(reason=i.Refusal.EVSE_OCCUPIED, check_in=check_in.id, evse=lost.evse)
    return (ev.BayChanged(at_ms=now.elapsed_ms, evse=lost.evse, bay=state.bay),) if state.blocked else ()


def _use_bay(site: Site, policy: Policy, check_in: CheckIn, now: Now) -> Decision:
    """Move the hold to where its holder is plugged in, if they accept that EVSE and might have it with any card."""
    hold = site.hold_of(check_in.id)
    if hold is None:
        return i.Refused(reason=i.Refusal.NOT_CALLED, check_in=check_in.id)
    evse = plugged_elsewhere(site, hold)
    connector = None if evse is None else site.evse(evse).plugged
    if evse is None or connector is None or evse not in check_in.accepts:
        return i.Refused(reason=i.Refusal.CHANGE_REFUSED, check_in=check_in.id, evse=hold.evse)
    answer = permit(site, evse, Asker(check_in=check_in.id, groups=check_in.groups), now)
    if isinstance(answer, Denied):
        if answer.reason in (i.Refusal.HELD_FOR_OTHER, i.Refusal.STARTING):
            return i.Refused(reason=answer.reason, check_in=answer.check_in, evse=evse)
        # Whatever else forbids it, a bay is kept for them: that is what their page can tell them to do.
        return i.Refused(reason=i.Refusal.CHANGE_REFUSED, check_in=check_in.id, evse=hold.evse)
    until = now.elapsed_ms + arrival_window_ms(policy, check_in.more_time)
    moved = ev.HoldMoved(at_ms=now.elapsed_ms, check_in=check_in.id, evse=evse, connector=connector, until_ms=until)
    return (moved,)


def _remote_start(site: Site, request: i.RemoteStart, now: Now) -> Decision:
    if request.verdict is not i.Verdict.ACCEPTED:
        return i.Refused(reason=i.Refusal.TOKEN_UNKNOWN, evse=request.evse)
    asker = Asker(subject=request.subject, group=request.group, groups=request.groups)
    evses = (request.evse,) if request.evse is not None else _remote_candidates(site, asker)
    refused = i.Refused(reason=i.Refusal.NOT_YOUR_TURN, evse=request.evse)
    for evse in evses:
        answer = permit(site, evse, asker, now)
        if not isinstance(answer, Denied):
            return authorise(site, evse, asker, answer, Means.REMOTE, now)
        refused = i.Refused(reason=answer.reason, check_in=answer.check_in, evse=evse)
    return refused


def _remote_candidates(site: Site, asker: Asker) -> tuple[EvseId, ...]:
    """Return the EVSEs for a remote start without one: held for them first, then with a car, then free ones."""

    def order(evse: EvseId) -> tuple[bool, bool, EvseId]:
        hold = site.holds.get(evse)
        own = hold is not None and asker.subject in site.check_ins[hold.check_in].subjects
        return (not own, site.evse(evse).plugged is None, evse)

    return tuple(sorted((e for e in site.evse_ids() if in_service(site, e)), key=order))


def _set_availability(site: Site, request: i.SetAvailability, now: Now) -> Decision:
    evses = site.evse_ids() if request.evse is None else (request.evse,)
    if any(site.layout_of(e) is None for e in evses):
        return i.Refused(reason=i.Refusal.EVSE_UNKNOWN, evse=request.evse)
    return tuple(
        ev.AvailabilitySet(at_ms=now.elapsed_ms, evse=e, operative=request.operative)
        for e in evses
        if site.evse(e).operative is not request.operative
    )


def _make_reserve_now(site: Site, request: i.MakeReserveNow, now: Now) -> Decision:
    """OCPP 1.6 5.13: a known id is replaced; faulted, unavailable and taken EVSEs are refused each with its reason."""
    evse = request.evse
    if site.reconciling_until_ms is not None:
        return i.Refused(reason=i.Refusal.STARTING, evse=evse)  # the bay may be taken: nobody has looked yet
    if site.paused:
        return i.Refused(reason=i.Refusal.PAUSED, evse=evse)
    if site.layout_of(evse) is None:
        return i.Refused(reason=i.Refusal.EVSE_UNKNOWN, evse=evse)
    if not in_service(site, evse):
        return i.Refused(reason=i.Refusal.NONE_IN_SERVICE, evse=evse)
    other = site.reserved.get(evse)
    if other is not None and other.id != request.id:
        return i.Refused(reason=i.Refusal.EVSE_OCCUPIED, evse=evse)
    taken = evse in site.holds or evse in site.stays or site.evse(evse).bay is Bay.OCCUPIED
    if taken or (other is None and rivals(site, evse, now)):
        return i.Refused(reason=i.Refusal.EVSE_OCCUPIED, evse=evse)
    until = arrival(request.until_utc_ms if now.utc_ms is not None else None, request.for_ms, now)
    if until is None:
        return i.Refused(reason=i.Refusal.CLOCK_UNTRUSTED, evse=evse)
    if until.elapsed_ms <= now.elapsed_ms:
        return i.Refused(reason=i.Refusal.RESERVATION_UNKNOWN, evse=evse)  # over before it began
    booking = planned_before(site, evse, until.elapsed_ms, now) or endangered_by(site, evse, None, now)
    if booking is not None:
        return i.Refused(reason=i.Refusal.KEPT_FOR_BOOKING, evse=evse, reservation=booking)
    reserve = ReserveNow(
        id=request.id,
        evse=evse,
        subject=request.subject,
        group=request.group,
        until_ms=until.elapsed_ms,
        until_utc_ms=until.utc_ms,
    )
    return (ev.ReserveNowMade(at_ms=now.elapsed_ms, reserve=reserve),)


def _cancel_reserve_now(site: Site, request: i.CancelReserveNow, now: Now) -> Decision:
    found = next((r for _, r in sorted(site.reserved.items()) if r.id == request.id), None)
    if found is None:
        return i.Refused(reason=i.Refusal.RESERVATION_UNKNOWN)
    return (ev.ReserveNowEnded(at_ms=now.elapsed_ms, id=found.id, evse=found.evse, reason=Reason.USER),)
