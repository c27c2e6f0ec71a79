"""How the events of bays, stays and energy change the state. Pure; no choices; see `evolve.py`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agent.core import events as ev
from agent.core.change import change_check_in, change_evse, change_stay, learn_stay, with_, without
from agent.core.state import Bay, LastToken, PastStay, Site, Stay


def _bay_changed(site: Site, e: ev.BayChanged) -> Site:
    blocked = site.evse(e.evse).blocked and e.bay is Bay.OCCUPIED
    return change_evse(site, e.evse, bay=e.bay, bay_since_ms=e.at_ms, blocked=blocked)


def _bay_blocked(site: Site, e: ev.BayBlocked) -> Site:
    state = site.evse(e.evse)
    since = state.bay_since_ms if state.bay is Bay.OCCUPIED else e.at_ms  # unseen by a sensor: counts from the report
    return change_evse(site, e.evse, blocked=True, bay_since_ms=since)


def _connector_plugged(site: Site, e: ev.ConnectorPlugged) -> Site:
    if e.evse not in site.evses:
        return site
    after = change_evse(site, e.evse, plugged=e.connector, blocked=False)
    old = after.stays.get(e.evse)
    if old is not None:
        stay = replace(old, connector=e.connector)
    else:
        stay = Stay(id=e.stay, evse=e.evse, began_ms=e.at_ms, connector=e.connector, check_in=e.check_in)
    return replace(after, stays=with_(after.stays, e.evse, stay), next_stay=max(site.next_stay, e.stay + 1))


def _connector_freed(site: Site, e: ev.ConnectorFreed) -> Site:
    after = replace(site, stays=without(site.stays, e.evse))
    stay = site.stays.get(e.evse)
    if stay is not None:
        after = learn_stay(after, stay, e.at_ms)
        if stay.check_in is not None:
            after = change_check_in(after, stay.check_in, e.at_ms, past=_past(stay, e))
    return change_evse(
        after, e.evse, plugged=None, energised=False, free_since_ms=e.at_ms, bay_since_ms=e.at_ms, blocked=False
    )


def _past(stay: Stay, e: ev.ConnectorFreed) -> PastStay:
    register = stay.register_wh if e.register_wh is None else e.register_wh
    start = stay.register_start_wh
    energy = None if register is None or start is None else max(register - start, 0)
    return PastStay(energised_ms=stay.energised_ms, ended_ms=e.at_ms, energy_wh=energy)


def _token_shown(site: Site, e: ev.TokenShown) -> Site:
    shown = LastToken(at_ms=e.at_ms, answer=e.answer, subject=e.subject, check_in=e.check_in)
    return change_evse(site, e.evse, last_token=shown)


def _authorised(site: Site, e: ev.Authorised) -> Site:
    if e.evse not in site.evses:
        return site
    stay = site.stays.get(e.evse) or Stay(id=e.stay, evse=e.evse, began_ms=e.at_ms)
    stay = replace(
        stay,
        subject=e.subject,
        group=e.group,
        means=e.means,
        reserve_id=e.reserve_id,
        authorised_ms=e.at_ms,
        check_in=e.check_in if e.check_in is not None else stay.check_in,
    )
    return replace(site, stays=with_(site.stays, e.evse, stay), next_stay=max(site.next_stay, e.stay + 1))


def _authorisation_lapsed(site: Site, e: ev.AuthorisationLapsed) -> Site:
    return change_evse(replace(site, stays=without(site.stays, e.evse)), e.evse, free_since_ms=e.at_ms)


def _energy_permitted(site: Site, e: ev.EnergyPermitted) -> Site:
    return change_stay(site, e.evse, permitted_ms=e.at_ms)


def _energy_ended(site: Site, e: ev.EnergyEnded) -> Site:
    return change_stay(site, e.evse, end_of_energy=e.why)


def _energised(site: Site, e: ev.Energised) -> Site:
    after = change_evse(site, e.evse, energised=True)
    stay = site.stays.get(e.evse)
    if stay is None or stay.energised_ms is not None:
        return after
    return change_stay(after, e.evse, energised_ms=e.at_ms, register_start_wh=e.register_wh, register_wh=e.register_wh)


def _de_energised(site: Site, e: ev.DeEnergised) -> Site:
    after = change_evse(site, e.evse, energised=False)
    return after if e.register_wh is None else change_stay(after, e.evse, register_wh=e.register_wh)


def _charging_paused(site: Site, e: ev.ChargingPaused) -> Site:
    return change_stay(site, e.evse, suspended_by_ev=True, suspended_ms=e.at_ms)


def _charging_resumed(site: Site, e: ev.ChargingResumed) -> Site:
    return change_stay(site, e.evse, suspended_by_ev=False, suspended_ms=None, finished_ms=None, grace_ended=False)


def _charging_finished(site: Site, e: ev.ChargingFinished) -> Site:
    return change_stay(site, e.evse, finished_ms=e.at_ms)


def _move_grace_ended(site: Site, e: ev.MoveGraceEnded) -> Site:
    return change_stay(site, e.evse, grace_ended=True)


def _register_noted(site: Site, e: ev.RegisterNoted) -> Site:
    return change_stay(site, e.evse, register_wh=e.register_wh)


def _fault_raised(site: Site, e: ev.FaultRaised) -> Site:
    if e.evse is None:
        return replace(site, faults=tuple(sorted({*site.faults, e.code})))
    return change_evse(site, e.evse, faults=tuple(sorted({*site.evse(e.evse).faults, e.code})))


def _fault_cleared(site: Site, e: ev.FaultCleared) -> Site:
    if e.evse is None:
        return replace(site, faults=tuple(f for f in site.faults if f != e.code))
    left = tuple(f for f in site.evse(e.evse).faults if f != e.code)
    return change_evse(site, e.evse, faults=left, free_since_ms=e.at_ms)


def _availability_set(site: Site, e: ev.AvailabilitySet) -> Site:
    return change_evse(site, e.evse, operative=e.operative, free_since_ms=e.at_ms)


def _reserve_now_made(site: Site, e: ev.ReserveNowMade) -> Site:
    if e.reserve.evse not in site.evses:
        return site
    others = {k: r for k, r in site.reserved.items() if r.id != e.reserve.id}
    return replace(site, reserved=with_(others, e.reserve.evse, e.reserve))


def _reserve_now_ended(site: Site, e: ev.ReserveNowEnded) -> Site:
    kept = {k: r for k, r in site.reserved.items() if r.id != e.id}
    return change_evse(replace(site, reserved=kept), e.evse, free_since_ms=e.at_ms)


APPLY_STAY: Mapping[type[ev.Event], Callable[[Site, Any], Site]] = {
    ev.BayChanged: _bay_changed,
    ev.BayBlocked: _bay_blocked,
    ev.ConnectorPlugged: _connector_plugged,
    ev.ConnectorFreed: _connector_freed,
    ev.TokenShown: _token_shown,
    ev.Authorised: _authorised,
    ev.AuthorisationLapsed: _authorisation_lapsed,
    ev.EnergyPermitted: _energy_permitted,
    ev.EnergyEnded: _energy_ended,
    ev.Energised: _energised,
    ev.DeEnergised: _de_energised,
    ev.ChargingPaused: _charging_paused,
    ev.ChargingResumed: _charging_resumed,
    ev.ChargingFinished: _charging_finished,
    ev.MoveGraceEnded: _move_grace_ended,
    ev.RegisterNoted: _register_noted,
    ev.FaultRaised: _fault_raised,
    ev.FaultCleared: _fault_cleared,
    ev.AvailabilitySet: _availability_set,
    ev.ReserveNowMade: _reserve_now_made,
    ev.ReserveNowEnded: _reserve_now_ended,
}
