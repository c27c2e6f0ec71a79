"""Who is served when: order of service, positions, and which free EVSE goes to whom.

Pure. First come, first served with preference matching: the first in line who may be called takes an EVSE that suits
them; somebody behind starts earlier only on an EVSE that nobody before them accepts. There is no head of the line that
blocks others. An accessible bay goes first to those who need one.
"""

from dataclasses import dataclass

from agent.core.hours import is_open
from agent.core.layout import ChargingLocation, CheckInId, Connector, ConnectorId, Evse, EvseId, Now, PoolId
from agent.core.state import IN_LINE, Bay, CheckIn, CheckInState, Rank, Site, Wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An EVSE for a CheckIn, and who stands before them in line but was passed over for a reason of their own."""

    check_in: CheckInId
    evse: EvseId
    connector: ConnectorId
    passed: tuple[CheckInId, ...]


def fitting_connector(evse: Evse, wishes: Wishes) -> Connector | None:
    """Return the weakest connector that meets the wishes, or None: the strong ones stay for who needs them."""
    fits = [
        c
        for c in evse.connectors
        if (not wishes.standards or c.standard in wishes.standards) and c.max_power_w >= wishes.min_power_w
    ]
    return min(fits, key=lambda c: (c.max_power_w, c.id)) if fits else None


def accepts(evse: Evse, wishes: Wishes) -> bool:
    """Return whether an EVSE meets all wishes."""
    return (
        (not wishes.evses or evse.id in wishes.evses)
        and (evse.accessible or not wishes.accessible)
        and fitting_connector(evse, wishes) is not None
    )


def accepted_evses(location: ChargingLocation, pool: PoolId, wishes: Wishes) -> tuple[EvseId, ...]:
    """Return the EVSEs of a pool that meet the wishes, by id; none for a pool that does not exist."""
    found = location.pool(pool)
    if found is None:
        return ()
    return tuple(sorted(e.id for e in location.evses if e.id in found.evses and accepts(e, wishes)))


def in_service(site: Site, evse: EvseId) -> bool:
    """Return whether an EVSE works: operative, and no fault at it or at the location."""
    state = site.evse(evse)
    return state.operative and not state.faults and not site.faults


def is_free(site: Site, evse: EvseId) -> bool:
    """Return whether an EVSE may be given to somebody: in service, and nothing stands, holds, plugs or reserves."""
    return (
        in_service(site, evse)
        and evse not in site.holds
        and evse not in site.stays
        and evse not in site.reserved
        and site.evse(evse).bay is not Bay.OCCUPIED
    )


def may_be_called(site: Site, check_in: CheckIn, now: Now) -> bool:
    """Return whether somebody in line would take an EVSE now: waiting on site, pool open, no second scan missing."""
    if check_in.state is not CheckInState.WAITING or check_in.must_scan or site.location is None:
        return False
    pool = site.location.pool(check_in.pool)
    return pool is not None and is_open(site.location, pool, now.utc_ms)


def next_match(site: Site, now: Now) -> Match | None:
    """Return the next assignment that is due now, or None."""
    free = [e for e in site.evse_ids() if is_free(site, e)]
    if not free:
        return None
    line = site.line()
    callable_now = [c for c in line if may_be_called(site, c, now)]
    accessible = [e for e in free if _is_accessible(site, e)]
    if accessible:
        for check_in in callable_now:
            if check_in.wishes.accessible:
                match = _match(site, line, check_in, accessible)
                if match is not None:
                    return match
    for check_in in callable_now:
        match = _match(site, line, check_in, free)
        if match is not None:
            return match
    return None


def _match(site: Site, line: list[CheckIn], check_in: CheckIn, free: list[EvseId]) -> Match | None:
    candidates = [e for e in free if e in check_in.accepts]
    if not candidates:
        return None
    evse = min(candidates, key=lambda e: _preference(site, check_in, e))
    layout = site.layout_of(evse)
    connector = fitting_connector(layout, check_in.wishes) if layout else None
    if connector is None:
        return None
    passed = tuple(c.id for c in line if c.order < check_in.order and evse in c.accepts)
    return Match(check_in=check_in.id, evse=evse, connector=connector.id, passed=passed)


def _preference(site: Site, check_in: CheckIn, evse: EvseId) -> tuple[bool, int, int, EvseId]:
    """Order the EVSEs somebody may have: spare accessible bays and rare plugs, then the longest free, then the id."""
    layout = site.layout_of(evse)
    spare = layout is not None and layout.accessible and not check_in.wishes.accessible
    kinds = len(frozenset(c.standard for c in layout.connectors)) if layout else 0
    return (spare, kinds, site.evse(evse).free_since_ms, evse)


def _is_accessible(site: Site, evse: EvseId) -> bool:
    layout = site.layout_of(evse)
    return layout is not None and layout.accessible


def rivals(site: Site, evse: EvseId, now: Now, before: CheckIn | None = None) -> list[CheckIn]:
    """Return who waits for an EVSE and would take it now; with `before`, only those ahead of that CheckIn."""
    return [
        c
        for c in site.line()
        if evse in c.accepts and may_be_called(site, c, now) and (before is None or c.order < before.order)
    ]


def position(site: Site, check_in: CheckIn) -> int | None:
    """Return the position from 1: one more than those ahead who accept an EVSE that this one accepts, or None."""
    if check_in.state not in IN_LINE:
        return None
    mine = frozenset(check_in.accepts)
    ahead = [c for c in site.line() if c.order < check_in.order and not mine.isdisjoint(c.accepts)]
    return len(ahead) + 1


def queue_length(site: Site, pool: PoolId) -> int:
    """Return how many are in line for a pool, not yet called."""
    return sum(1 for c in site.check_ins.values() if c.state in IN_LINE and c.pool == pool)


def last_rank(site: Site) -> Rank:
    """Return the place behind everybody."""
    return Rank(place=site.next_place)


def rank_behind(site: Site, check_in: CheckIn, places: int) -> Rank:
    """Return the place `places` behind the present one, among those who wait for what this one accepts."""
    mine = frozenset(check_in.accepts)
    behind = [c for c in site.line() if c.id != check_in.id and c.order > check_in.order]
    behind = [c for c in behind if not c.rank.first and not mine.isdisjoint(c.accepts)]
    if not behind or places == 0:
        return Rank(place=check_in.rank.place) if places == 0 else last_rank(site)
    if len(behind) <= places:
        return last_rank(site)
    return Rank(place=(behind[places - 1].rank.place + behind[places].rank.place) // 2)
