"""What follows from an Observation: it has happened and is always accepted; what it means for promises is decided here.

Pure. An observation that tells nothing new gives no event, so repeated readings cost nothing.
"""

from functools import reduce
from typing import assert_never

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.coming_due import planned_anew
from agent.core.conduct import proof_of_presence, shown_by_car
from agent.core.evolve import evolve
from agent.core.joining import join
from agent.core.layout import AdHocStart, CheckInId, EvseId, Now, StayId
from agent.core.permit import Asker, Denied, Granted, holds_elsewhere, permit
from agent.core.starting import authorise, stop
from agent.core.state import (
    Bay,
    CheckInState,
    EndOfEnergy,
    Means,
    Origin,
    Reason,
    Site,
    Stay,
    TokenAnswer,
)

CLOCK_STEP_MS = 1000  # smaller differences are the drift of two counters, not a step of the wall clock
LEAVE_AGAIN_MS = 10_000  # a card shown again within this asks "leave?"; again within this leaves


def observe(site: Site, seen: i.Observation, now: Now) -> tuple[ev.Event, ...]:
    """Return the events that follow from an Observation."""
    match seen:
        case i.LayoutRead():
            return _layout_read(site, seen, now)
        case i.Started():
            return (ev.Restarted(at_ms=now.elapsed_ms, boot=seen.boot, paused=seen.paused),)
        case i.InputsRead():
            return () if site.reconciling_until_ms is None else (ev.Reconciled(at_ms=now.elapsed_ms),)
        case i.ClockRead():
            return _clock_read(site, seen, now)
        case i.FaultSeen():
            return _fault_seen(site, seen, now)
        case _:
            return () if site.layout_of(seen.evse) is None else _at_evse(site, seen, now)


_AtEvse = (
    i.BaySeen
    | i.PluggedIn
    | i.Unplugged
    | i.ContactorSeen
    | i.SuspensionSeen
    | i.RegisterRead
    | i.TokenPresented
    | i.TransactionRefused
)


def _at_evse(site: Site, seen: _AtEvse, now: Now) -> tuple[ev.Event, ...]:
    match seen:
        case i.BaySeen():
            return _bay_seen(site, seen, now)
        case i.PluggedIn():
            return _plugged_in(site, seen, now)
        case i.Unplugged():
            return _unplugged(site, seen, now)
        case i.ContactorSeen():
            return _contactor_seen(site, seen, now)
        case i.SuspensionSeen():
            return _suspension_seen(site, seen, now)
        case i.RegisterRead():
            return _register_read(site, seen, now)
        case i.TokenPresented():
            return _token_presented(site, seen, now)
        case i.TransactionRefused():
            return _transaction_refused(site, seen, now)
        case _:
            assert_never(seen)


def _layout_read(site: Site, seen: i.LayoutRead, now: Now) -> tuple[ev.Event, ...]:
    if site.location is not None and site.digest == seen.digest:
        return ()
    removed = (e for e in site.evse_ids() if seen.location.evse(e) is None)
    ended = tuple(event for e in removed for event in _closed_down(site, e, now))
    adopted = (*ended, ev.LayoutAdopted(at_ms=now.elapsed_ms, location=seen.location, digest=seen.digest))
    if not site.reservations:
        return adopted
    return (*adopted, *planned_anew(reduce(evolve, adopted, site), now))


def _closed_down(site: Site, evse: EvseId, now: Now) -> tuple[ev.Event, ...]:
    """What is open at an EVSE that leaves the layout ends aloud: no transaction stays open, no holder is forgotten."""
    at = now.elapsed_ms
    out: list[ev.Event] = []
    if evse in site.stays:
        out.extend(stop(site, evse, EndOfEnergy.OTHER, now))
    if site.evse(evse).plugged is not None:
        out.append(ev.ConnectorFreed(at_ms=at, evse=evse, register_wh=None))
    hold, reserve = site.holds.get(evse), site.reserved.get(evse)
    if hold is not None:
        out.append(ev.HoldLost(at_ms=at, check_in=hold.check_in, evse=evse, reason=Reason.EVSE_UNAVAILABLE))
    if reserve is not None:
        out.append(ev.ReserveNowEnded(at_ms=at, id=reserve.id, evse=evse, reason=Reason.EVSE_UNAVAILABLE))
    return tuple(out)


def _clock_read(site: Site, seen: i.ClockRead, now: Now) -> tuple[ev.Event, ...]:
    offset = None if seen.utc_ms is None else seen.utc_ms - now.elapsed_ms
    known = site.utc_minus_elapsed_ms
    if offset == known or (offset is not None and known is not None and abs(offset - known) < CLOCK_STEP_MS):
        return ()
    return (ev.ClockSet(at_ms=now.elapsed_ms, utc_minus_elapsed_ms=offset),)


def _fault_seen(site: Site, seen: i.FaultSeen, now: Now) -> tuple[ev.Event, ...]:
    if seen.evse is not None and site.layout_of(seen.evse) is None:
        return ()
    active = site.faults if seen.evse is None else site.evse(seen.evse).faults
    if (seen.code in active) is seen.active:
        return ()
    if not seen.active:
        return (ev.FaultCleared(at_ms=now.elapsed_ms, evse=seen.evse, code=seen.code),)
    return (ev.FaultRaised(at_ms=now.elapsed_ms, evse=seen.evse, code=seen.code),)


def _bay_seen(site: Site, seen: i.BaySeen, now: Now) -> tuple[ev.Event, ...]:
    before = site.evse(seen.evse).bay
    if before is seen.bay:
        return ()
    changed = ev.BayChanged(at_ms=now.elapsed_ms, evse=seen.evse, bay=seen.bay)
    if seen.bay is Bay.OCCUPIED:
        # Where nobody had looked before, as after a start, the car may stand there for hours.
        came = shown_by_car(site, seen.evse, now) if before is Bay.FREE else ()
        return (changed, *_somebody_came(site, seen.evse, now), *came)
    if seen.bay is Bay.FREE and site.evse(seen.evse).plugged is None:
        return (changed, *_nobody_there(site, seen.evse, now))
    return (changed,)


def _somebody_came(site: Site, evse: EvseId, now: Now) -> tuple[ev.Event, ...]:
    """A car in a held bay, perhaps the holder's: the no-show clock stops, but only once and not for long."""
    hold = site.holds.get(evse)
    if hold is None or hold.paused or site.location is None:
        return ()
    left = max(hold.until_ms - now.elapsed_ms, 0)
    until = now.elapsed_ms + site.location.policy.arrival_pause_ms + left
    return (ev.HoldPaused(at_ms=now.elapsed_ms, check_in=hold.check_in, until_ms=until, left_ms=left),)


def _nobody_there(site: Site, evse: EvseId, now: Now) -> tuple[ev.Event, ...]:
    """The held bay is empty again: the no-show clock goes on, no later than it would have with the car."""
    hold = site.holds.get(evse)
    if hold is None or hold.left_ms is None:
        return ()
    until = min(now.elapsed_ms + hold.left_ms, hold.until_ms)
    return (ev.HoldResumed(at_ms=now.elapsed_ms, check_in=hold.check_in, until_ms=until),)


def _plugged_in(site: Site, seen: i.PluggedIn, now: Now) -> tuple[ev.Event, ...]:
    if site.evse(seen.evse).plugged is not None:
        return ()
    stay = site.stays.get(seen.evse)
    stay_id = stay.id if stay else StayId(site.next_stay)
    plugged = ev.ConnectorPlugged(at_ms=now.elapsed_ms, evse=seen.evse, connector=seen.connector, stay=stay_id)
    return (plugged, *_somebody_came(site, seen.evse, now))


def _unplugged(site: Site, seen: i.Unplugged, now: Now) -> tuple[ev.Event, ...]:
    if site.evse(seen.evse).plugged is None:
        return ()
    at = now.elapsed_ms
    out: list[ev.Event] = []
    stay = site.stays.get(seen.evse)
    if stay is not None and stay.wants_energy:
        # Seen with the first reading after a restart: the car left in the dark, so the cut ended its energy.
        dark = site.reconciling_until_ms is not None
        why = EndOfEnergy.POWER_LOSS if dark else EndOfEnergy.EV_DISCONNECTED
        out.append(ev.EnergyEnded(at_ms=at, evse=seen.evse, why=why))
    out.append(ev.ConnectorFreed(at_ms=at, evse=seen.evse, register_wh=seen.register_wh))
    if site.evse(seen.evse).bay is not Bay.OCCUPIED:
        out.extend(_nobody_there(site, seen.evse, now))
    return tuple(out)


def _contactor_seen(site: Site, seen: i.ContactorSeen, now: Now) -> tuple[ev.Event, ...]:
    if site.evse(seen.evse).energised is seen.energised:
        return ()
    if seen.energised:
        return (ev.Energised(at_ms=now.elapsed_ms, evse=seen.evse, register_wh=seen.register_wh),)
    return (ev.DeEnergised(at_ms=now.elapsed_ms, evse=seen.evse, register_wh=seen.register_wh),)


def _suspension_seen(site: Site, seen: i.SuspensionSeen, now: Now) -> tuple[ev.Event, ...]:
    stay = site.stays.get(seen.evse)
    if stay is None or stay.suspended_by_ev is seen.by_ev or not stay.wants_energy:
        return ()
    if seen.by_ev:
        return (ev.ChargingPaused(at_ms=now.elapsed_ms, evse=seen.evse),)
    return (ev.ChargingResumed(at_ms=now.elapsed_ms, evse=seen.evse),)


def _register_read(site: Site, seen: i.RegisterRead, now: Now) -> tuple[ev.Event, ...]:
    stay = site.stays.get(seen.evse)
    if stay is None or stay.energised_ms is None or stay.register_wh == seen.register_wh:
        return ()
    return (ev.RegisterNoted(at_ms=now.elapsed_ms, evse=seen.evse, register_wh=seen.register_wh),)


def _transaction_refused(site: Site, seen: i.TransactionRefused, now: Now) -> tuple[ev.Event, ...]:
    stay = site.stays.get(seen.evse)
    if stay is None or stay.subject != seen.subject:
        return ()
    return stop(site, seen.evse, EndOfEnergy.DE_AUTHORIZED, now)


# --- a card at the reader


def _token_presented(site: Site, seen: i.TokenPresented, now: Now) -> tuple[ev.Event, ...]:
    stay = site.stays.get(seen.evse)
    if stay is not None and _same(stay, seen):
        return _own_card_again(site, stay, seen, now)
    if seen.verdict is not i.Verdict.ACCEPTED:
        return (_shown(seen, TokenAnswer.NOT_ACCEPTED, now),)
    asker = Asker(subject=seen.subject, group=seen.group, groups=seen.groups)
    answer = permit(site, seen.evse, asker, now)
    if isinstance(answer, Granted):
        started = _shown(seen, TokenAnswer.STARTED, now, answer.check_in)
        return (*authorise(site, seen.evse, asker, answer, Means.ID_TOKEN, now), started)
    return _card_in_line(site, seen, answer, now)


def _same(stay: Stay, seen: i.TokenPresented) -> bool:
    """The same card, or one of its group, has authorised the stay."""
    same_group = stay.group is not None and stay.group == seen.group
    return stay.subject is not None and (stay.subject == seen.subject or same_group)


def _own_card_again(site: Site, stay: Stay, seen: i.TokenPresented, now: Now) -> tuple[ev.Event, ...]:
    """The card that started also stops (OCPP 1.6 3.5.3); before the plug it changes nothing, after the end neither."""
    if stay.wants_energy:
        ended = ev.EnergyEnded(at_ms=now.elapsed_ms, evse=seen.evse, why=EndOfEnergy.LOCAL, subject=seen.subject)
        return (ended, _shown(seen, TokenAnswer.STOPPED, now))
    plugged = site.evse(seen.evse).plugged is not None
    return (_shown(seen, TokenAnswer.NOT_NOW if plugged else TokenAnswer.STARTED, now, stay.check_in),)


def _card_in_line(site: Site, seen: i.TokenPresented, denied: Denied, now: Now) -> tuple[ev.Event, ...]:
    """A known card that may not start here has the rights of a phone: it joins, asks, and leaves."""
    asker = Asker(subject=seen.subject, group=seen.group, groups=seen.groups)
    own = site.open_with((seen.subject,))
    if own is not None:
        here = proof_of_presence(own, now)
        if holds_elsewhere(site, seen.evse, asker) is not None:
            return (*here, _shown(seen, TokenAnswer.OTHER_BAY, now, own.id))
        return (*here, *_card_again(site, seen, own.id, now))
    if denied.reason in (i.Refusal.TOKEN_UNKNOWN, i.Refusal.LOCATION_CLOSED, i.Refusal.STARTING):
        return (_shown(seen, TokenAnswer.NOT_NOW, now),)
    joined = _joined_by_card(site, seen, now)
    if joined:
        return (*joined, _shown(seen, TokenAnswer.JOINED, now, CheckInId(site.next_check_in)))
    if denied.reason is i.Refusal.HELD_FOR_OTHER:
        return (_shown(seen, TokenAnswer.HELD_FOR_OTHER, now, denied.check_in),)
    return (_shown(seen, TokenAnswer.NOT_NOW, now),)


def _joined_by_card(site: Site, seen: i.TokenPresented, now: Now) -> tuple[ev.Event, ...]:
    """Join the smallest pool of the EVSE that takes the card, or none."""
    location = site.location
    for pool in location.pools_of(seen.evse) if location else ():
        request = i.JoinQueue(
            pool=pool.id, draw=seen.draw, origin=Origin.READER, subjects=(seen.subject,), groups=seen.groups
        )
        joined = join(site, location, request, now) if location else ()
        if not isinstance(joined, i.Refused):
            return joined
    return ()


def _card_again(site: Site, seen: i.TokenPresented, own: CheckInId, now: Now) -> tuple[ev.Event, ...]:
    """Shown again: the same facts; again within 10 s: "leave? hold again"; again within 10 s: left."""
    last = site.evse(seen.evse).last_token
    again = last is not None and last.subject == seen.subject and now.elapsed_ms - last.at_ms <= LEAVE_AGAIN_MS
    if not again or last is None:
        return (_shown(seen, TokenAnswer.IN_LINE, now, own),)
    if last.answer is not TokenAnswer.ASK_LEAVE:
        return (_shown(seen, TokenAnswer.ASK_LEAVE, now, own),)
    left = ev.CheckInEnded(
        at_ms=now.elapsed_ms, check_in=own, state=CheckInState.CHECKED_OUT, reason=Reason.USER, evse=None
    )
    return (left, _shown(seen, TokenAnswer.LEFT, now, own))


def _shown(seen: i.TokenPresented, answer: TokenAnswer, now: Now, check_in: CheckInId | None = None) -> ev.TokenShown:
    return ev.TokenShown(at_ms=now.elapsed_ms, evse=seen.evse, subject=seen.subject, answer=answer, check_in=check_in)


def ad_hoc_allowed(site: Site, evse: EvseId) -> bool:
    """Return whether plugging in alone may start energy: a free site that says so, or a hold confirmed on the page."""
    policy = site.location.policy if site.location else None
    if policy is None or policy.ad_hoc_start is not AdHocStart.FREE:
        return False
    stay = site.stays.get(evse)
    return policy.accept_on_plug or (stay is not None and stay.check_in is not None)
