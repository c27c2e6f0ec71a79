"""May energy flow here, for this IdToken, now? The one answer for swipe, remote start, page and plug first.

Pure. Yes, if the EVSE is held for them, or it is free and nobody waiting accepts it. Else no, with the reason that the
display and the page give. Nothing else in the product may decide this.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.core.assigning import endangered_by
from agent.core.booking import ReservationId
from agent.core.hours import booking_required
from agent.core.inputs import Refusal
from agent.core.layout import CheckInId, EvseId, Now, SubjectRef
from agent.core.queue import in_service, open_pools, rivals
from agent.core.state import HOLDING, CheckIn, Hold, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks for energy: an IdToken, a CheckIn (from its own page), or, with neither, whoever plugged in."""

    subject: SubjectRef | None = None
    group: str | None = None
    groups: tuple[str, ...] = ()
    check_in: CheckInId | None = None


class Use(StrEnum):
    """By what right energy is granted."""

    HOLD = "hold"
    RESERVE_NOW = "reserve_now"
    FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Energy may flow; `check_in` is the CheckIn that is fulfilled by it, `reserve_id` the ReserveNow it uses up."""

    use: Use
    check_in: CheckInId | None = None
    reserve_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Energy may not flow, and why; `check_in` is the one the EVSE is held for, or the first who waits for it,
    `reservation` the booking that would be in danger."""

    reason: Refusal
    check_in: CheckInId | None = None
    reservation: ReservationId | None = None


def permit(site: Site, evse: EvseId, asker: Asker, now: Now) -> Granted | Denied:
    """Return whether energy may flow at an EVSE for somebody now."""
    if site.location is None or site.reconciling_until_ms is not None:
        return Denied(reason=Refusal.STARTING)
    if site.layout_of(evse) is None:
        return Denied(reason=Refusal.EVSE_UNKNOWN)
    if not in_service(site, evse):
        return Denied(reason=Refusal.NONE_IN_SERVICE)
    stay = site.stays.get(evse)
    if stay is not None and stay.authorised_ms is not None:
        return Denied(reason=Refusal.EVSE_OCCUPIED)
    reserve = site.reserved.get(evse)
    if reserve is not None:
        same = asker.subject is not None and asker.subject == reserve.subject
        same = same or (asker.group is not None and asker.group == reserve.group)
        own = _own(site, asker)
        if same:
            return Granted(use=Use.RESERVE_NOW, reserve_id=reserve.id, check_in=own.id if own else None)
        return Denied(reason=Refusal.HELD_FOR_OTHER)
    hold = site.holds.get(evse)
    if hold is not None:
        return _of_hold(site, hold, asker)
    if stay is not None and stay.check_in is not None:
        return _of_fulfilled(site, stay.check_in, asker)
    return _of_free(site, evse, asker, now)


def _of_hold(site: Site, hold: Hold, asker: Asker) -> Granted | Denied:
    holder = site.check_ins[hold.check_in]
    if is_holder(holder, hold, asker):
        return Granted(use=Use.HOLD, check_in=holder.id)
    return Denied(reason=Refusal.HELD_FOR_OTHER, check_in=holder.id)


def is_holder(holder: CheckIn, hold: Hold, asker: Asker) -> bool:
    """Return whether who asks is whom an EVSE is held for.

    An anonymous holder has no IdToken to compare: once they said on their page that it is them, the next card counts.
    """
    if asker.check_in == holder.id:
        return True
    if asker.subject is None:
        return hold.confirmed
    return asker.subject in holder.subjects or (hold.confirmed and not holder.subjects)


def _of_fulfilled(site: Site, check_in: CheckInId, asker: Asker) -> Granted | Denied:
    """The hold was used up by the plug; the card or page that pays comes after it.

    An anonymous holder said on their page that it is them, then this car was plugged in: whoever pays for it now, with
    any valid card, takes nobody's place. A holder with an IdToken pays with that one.
    """
    holder = site.check_ins.get(check_in)
    if holder is None or not holder.subjects or asker.check_in == holder.id or asker.subject in holder.subjects:
        return Granted(use=Use.HOLD)
    return Denied(reason=Refusal.HELD_FOR_OTHER, check_in=check_in)


def _of_free(site: Site, evse: EvseId, asker: Asker, now: Now) -> Granted | Denied:
    location = site.location
    pools = location.pools_of(evse) if location else ()  # none: an EVSE nobody can queue for, open to all
    allowed = [p for p in pools if not p.token_groups or frozenset(p.token_groups).intersection(asker.groups)]
    if pools and not allowed:
        return Denied(reason=Refusal.TOKEN_UNKNOWN)
    if pools and open_pools(site, now).isdisjoint(p.id for p in allowed):
        return Denied(reason=Refusal.LOCATION_CLOSED)
    if location and pools and all(booking_required(location, p, now.utc_ms) for p in allowed):
        return Denied(reason=Refusal.RESERVATION_REQUIRED)
    own = _own(site, asker)
    ahead = rivals(site, evse, now, before=own)
    if ahead:
        return Denied(reason=Refusal.NOT_YOUR_TURN, check_in=ahead[0].id)
    booking = endangered_by(site, evse, own, now)
    if booking is not None:
        return Denied(reason=Refusal.KEPT_FOR_BOOKING, reservation=booking)
    return Granted(use=Use.FREE, check_in=own.id if own else None)


def _own(site: Site, asker: Asker) -> CheckIn | None:
    """Return the open CheckIn of who asks, if any."""
    if asker.check_in is not None:
        found = site.check_ins.get(asker.check_in)
        return found if found is not None and found.open else None
    return None if asker.subject is None else site.open_with((asker.subject,))


def holds_elsewhere(site: Site, evse: EvseId, asker: Asker) -> CheckIn | None:
    """Return the CheckIn of who asks if another EVSE is held for it: they stand at the wrong bay."""
    own = _own(site, asker)
    return own if own is not None and own.state in HOLDING and own.evse != evse else None
