"""Small steps that every event handler is made of: a mapping with one entry changed, a CheckIn stamped anew.

Pure. Nothing here decides.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from agent.core.history import LONGEST_S, SHORTEST_S, history, stay_kind
from agent.core.layout import CheckInId, EvseId
from agent.core.state import CheckInState, Expected, Site, Stay

K = TypeVar("K")
V = TypeVar("V")


def with_(mapping: Mapping[K, V], key: K, value: V) -> dict[K, V]:
    """Return a copy with one entry set."""
    return {**mapping, key: value}


def without(mapping: Mapping[K, V], key: K) -> dict[K, V]:
    """Return a copy without one entry."""
    return {k: v for k, v in mapping.items() if k != key}


def state_in_line(expected: Expected | None, snoozed_until_ms: int | None, must_show: bool) -> CheckInState:
    """Return the state of somebody in line: who lets others go first, else who is on the road, else who waits."""
    if snoozed_until_ms is not None:
        return CheckInState.SNOOZED
    return CheckInState.WAITING if expected is None and not must_show else CheckInState.ON_THE_ROAD


def change_check_in(site: Site, check_in: CheckInId, at_ms: int, **changes: Any) -> Site:
    """Change a CheckIn and stamp it with the counter, so that partners can order what they hear."""
    old = site.check_ins.get(check_in)
    if old is None:
        return site
    new = replace(old, sequence=site.sequence + 1, changed_ms=at_ms, **changes)
    return replace(site, check_ins=with_(site.check_ins, check_in, new))


def change_evse(site: Site, evse: EvseId, **changes: Any) -> Site:
    """Change what is known of an EVSE, if it is in the layout."""
    if evse not in site.evses:
        return site
    return replace(site, evses=with_(site.evses, evse, replace(site.evse(evse), **changes)))


def change_stay(site: Site, evse: EvseId, **changes: Any) -> Site:
    """Change the stay at an EVSE, if there is one."""
    old = site.stays.get(evse)
    return site if old is None else replace(site, stays=with_(site.stays, evse, replace(old, **changes)))


def learn_stay(site: Site, stay: Stay, at_ms: int) -> Site:
    """Remember how long a stay lasted, for the forecast; what was no charging stay is not learned."""
    layout = site.layout_of(stay.evse)
    used = [c for c in layout.connectors if c.id == stay.connector] if layout else []
    seconds = (at_ms - stay.began_ms) // 1000
    if not used or stay.authorised_ms is None or not SHORTEST_S <= seconds <= LONGEST_S:
        return site
    kind = stay_kind(used[0])
    known = site.learned.get(kind)
    lasted = (*(known.seconds if known else ()), seconds)
    return replace(site, learned=with_(site.learned, kind, history(kind, lasted)))


def end_hold(site: Site, evse: EvseId, at_ms: int) -> Site:
    """End a hold; the EVSE counts as free from then on."""
    return change_evse(replace(site, holds=without(site.holds, evse)), evse, free_since_ms=at_ms)


def drop_hold_of(site: Site, check_in: CheckInId, at_ms: int) -> Site:
    """End the hold of a CheckIn, if it has one."""
    hold = site.hold_of(check_in)
    return site if hold is None else end_hold(site, hold.evse, at_ms)
