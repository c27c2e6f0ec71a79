"""How a stay gets its authorisation, the events that follow from a permit, and how it loses it.

Pure. Used by the reader, remote start, page and plug first, so that all four leave the same trace.
"""

from agent.core import events as ev
from agent.core.layout import EvseId, Now, StayId
from agent.core.permit import Asker, Granted
from agent.core.state import CheckInState, EndOfEnergy, Means, Reason, Site


def stop(site: Site, evse: EvseId, why: EndOfEnergy, now: Now) -> tuple[ev.Event, ...]:
    """Return the events that end the energy of an EVSE, or its authorisation if none may flow yet; else nothing."""
    stay = site.stays.get(evse)
    if stay is None or stay.authorised_ms is None or stay.end_of_energy is not None:
        return ()
    if site.evse(evse).plugged is None:
        return (ev.AuthorisationLapsed(at_ms=now.elapsed_ms, evse=evse),)
    return (ev.EnergyEnded(at_ms=now.elapsed_ms, evse=evse, why=why),)


def authorise(site: Site, evse: EvseId, asker: Asker, granted: Granted, means: Means, now: Now) -> tuple[ev.Event, ...]:
    """Return the events that use up a hold or ReserveNow and authorise the stay at an EVSE."""
    stay = site.stays.get(evse)
    stay_id = stay.id if stay else StayId(site.next_stay)
    at = now.elapsed_ms
    out: list[ev.Event] = []
    if granted.reserve_id is not None:
        out.append(ev.ReserveNowEnded(at_ms=at, id=granted.reserve_id, evse=evse, reason=Reason.SESSION_STARTED))
    if granted.check_in is not None:
        out.append(
            ev.CheckInEnded(
                at_ms=at,
                check_in=granted.check_in,
                state=CheckInState.FULFILLED,
                reason=Reason.SESSION_STARTED,
                evse=evse,
                stay=stay_id,
            )
        )
    out.append(
        ev.Authorised(
            at_ms=at,
            evse=evse,
            stay=stay_id,
            means=means,
            subject=asker.subject,
            group=asker.group,
            check_in=granted.check_in,
            reserve_id=granted.reserve_id,
        )
    )
    return tuple(out)
