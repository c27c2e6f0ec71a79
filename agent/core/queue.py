"""Who is served when: order of service, positions, and which free EVSE goes to whom.

Pure. First come, first served with preference matching: the first in line who may be called takes an EVSE that suits
them; somebody behind starts earlier only on an EVSE that nobody before them accepts. There is no head of the line that
blocks others. An accessible bay goes first to those who need one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.core.hours import is_open
from agent.core.layout import ChargingLocation, CheckInId, Connector, ConnectorId, Evse, EvseId, Now, PoolId
from agent.core.state import IN_LINE, Bay, CheckIn, CheckInState, Rank, Site, Wishes

_WAITING = CheckInState.WAITING  # found faster than by way of the enum: asked for each of 500 CheckIns


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An EVSE for a CheckIn, and who stands before them in line but was passed over for a reason of their own."""

    check_in: CheckInId
    evse: EvseId
    connector: ConnectorId
    passed: tuple[CheckInId, ...]


def fitting_connector(evse: Evse, wishes: Wishes) -> Connector | None:
    """Return the weakest connector that meets the wishes, or None: the strong ones stay for who needs them."""
    fits = (c for c in evse.connectors if _fits(c, wishes))
    return min(fits, key=lambda c: (c.max_power_w, c.id), default=None)


def _fits(connector: Connector, wishes: Wishes) -> bool:
    known = not wishes.standards or connector.standard in wishes.standards
    return known and connector.max_power_w >= wishes.min_power_w


def accepts(evse: Evse, wishes: Wishes) -> bool:
    """Return whether an EVSE meets all wishes."""
    return (
        (not wishes.evses or evse.id in wishes.evses)
        and (evse.accessible or not wishes.accessible)
        and any(_fits(c, wishes) for c in evse.connectors)
    )


def accepted_evses(location: ChargingLocation, pool: PoolId, wishes: Wishes) -> tuple[EvseId, ...]:
    """Return the EVSEs of a pool that meet the wishes, by id; none for a pool that does not exist."""
    found = location.pool(pool)
    if found is None:
        return ()
    of_pool = frozenset(found.evses)
    return tuple(sorted(e.id for e in location.evses if e.id in of_pool and accepts(e, wishes)))


def in_service(site: Site, evse: EvseId) -> bool:
    """Return whether an EVSE works: operative, and no fault at it or at the location."""
    state = site.evse(evse)
    return state.operative and not state.faults and not site.faults


def is_free(site: Site, evse: EvseId) -> bool:
    """Return whether an EVSE may be given to somebody: in service, and nothing stands, holds, plugs or reserves.

    A bay nobody can see into (no sensor, or a dead one) counts as free, or sites without sensors would call nobody;
    who finds it taken reports that, and it is blocked for a while.
    """
    state = site.evse(evse)
    return (
        evse not in site.stays
        and evse not in site.holds
        and evse not in site.reserved
        and state.bay is not Bay.OCCUPIED
        and not state.blocked
        and in_service(site, evse)
    )


def open_pools(site: Site, now: Now) -> frozenset[PoolId]:
    """Return the pools whose queue is served now."""
    location = site.location
    return frozenset(p.id for p in location.pools if is_open(location, p, now.utc_ms)) if location else frozenset()


def may_be_called(site: Site, check_in: CheckIn, now: Now) -> bool:
    """Return whether somebody in line would take an EVSE now: waiting on site, pool open, no second scan missing."""
    return _callable(check_in, open_pools(site, now))


def _callable(check_in: CheckIn, pools: frozenset[PoolId]) -> bool:
    return check_in.state is _WAITING and not check_in.must_scan and check_in.pool in pools


def next_match(site: Site, now: Now) -> Match | None:
    """Return the next assignment that is due now, or None.

    Who needs an accessible bay accepts no other, so serving them first among all only keeps such bays for them.
    """
    free = frozenset(e for e in site.evses if is_free(site, e))
    if not free:
        return None
    pools = open_pools(site, now)
    best: CheckIn | None = None
    turn = (True, True, site.next_place, site.next_check_in)  # behind everybody
    for check_in in site.check_ins.values():
        if not _callable(check_in, pools) or (mine := service_order(check_in)) > turn:
            continue
        if not free.isdisjoint(check_in.accepts):
            best, turn = check_in, mine
    return None if best is None or site.location is None else _match(site, site.location, best, free)


def possible_matches(site: Site, now: Now) -> Iterator[Match]:
    """Return every assignment that the queue alone would allow now, the one that is due first at the front."""
    location = site.location
    free = frozenset(e for e in site.evses if is_free(site, e))
    if not free or location is None:
        return
    pools = open_pools(site, now)
    callable_ = [c for c in site.check_ins.values() if _callable(c, pools) and not free.isdisjoint(c.accepts)]
    for check_in in sorted(callable_, key=service_order):
        left = free
        while not left.isdisjoint(check_in.accepts):
            match = _match(site, location, check_in, left)
            yield match
            left = left - {match.evse}


def service_order(check_in: CheckIn, accessible: bool = True) -> tuple[bool, bool, int, int]:
    """Return the key that sorts who is served first at an EVSE; at an accessible bay those before all who need one."""
    rank = check_in.rank
    return (accessible and not check_in.wishes.accessible, not rank.first, rank.place, check_in.id)


def _match(site: Site, location: ChargingLocation, check_in: CheckIn, free: frozenset[EvseId]) -> Match:
    """Return the match of somebody with the best of the free EVSEs that they accept, of which there is one."""
    fits = (
        (e, c)
        for e in location.evses
        if e.id in free and e.id in check_in.accepts and (c := fitting_connector(e, check_in.wishes)) is not None
    )
    evse, connector = min(fits, key=lambda fit: preference(site, check_in.wishes, fit[0]))
    order = check_in.order
    line = (c for c in site.check_ins.values() if c.state in IN_LINE)
    passed = sorted((c for c in line if c.order < order and evse.id in c.accepts), key=lambda c: c.order)
    return Match(check_in=check_in.id, evse=evse.id, connector=connector.id, passed=tuple(c.id for c in passed))


def preference(site: Site, wishes: Wishes, evse: Evse) -> tuple[bool, int, int, EvseId]:
    """Return the key that sorts the EVSEs somebody may have, best first.

    Spare accessible bays and rare plugs come last, then the longest free goes first, then the lowest id.
    """
    spare = evse.accessible and not wishes.accessible
    kinds = len(frozenset(c.standard for c in evse.connectors))
    return (spare, kinds, site.evse(evse.id).free_since_ms, evse.id)


def rivals(site: Site, evse: EvseId, now: Now, before: CheckIn | None = None) -> list[CheckIn]:
    """Return who waits for an EVSE and would take it now, whose turn is first; with `before`, only those ahead of it.

    A place in line counts only where it is waited for: who did not accept this EVSE is ahead of nobody here.
    """
    pools = open_pools(site, now)
    layout = site.layout_of(evse)
    accessible = layout is not None and layout.accessible
    found = [c for c in site.check_ins.values() if _callable(c, pools) and evse in c.accepts and c is not before]
    if before is not None and evse in before.accepts:
        limit = service_order(before, accessible)
        found = [c for c in found if service_order(c, accessible) < limit]
    return sorted(found, key=lambda c: service_order(c, accessible))


def position(site: Site, check_in: CheckIn) -> int | None:
    """Return the position from 1: one more than those ahead who accept an EVSE that this one accepts, or None."""
    if check_in.state not in IN_LINE:
        return None
    mine, order = frozenset(check_in.accepts), check_in.order
    line = (c for c in site.check_ins.values() if c.state in IN_LINE)
    return 1 + sum(1 for c in line if c.order < order and not mine.isdisjoint(c.accepts))


def positions(site: Site) -> dict[CheckInId, int]:
    """Return the position of everybody in line at once, in queue order, see `position`."""
    ahead: dict[tuple[EvseId, ...], int] = {}  # how many so far accept exactly these
    found: dict[CheckInId, int] = {}
    for check_in in site.line():
        mine = frozenset(check_in.accepts)
        found[check_in.id] = 1 + sum(n for accepted, n in ahead.items() if not mine.isdisjoint(accepted))
        ahead[check_in.accepts] = ahead.get(check_in.accepts, 0) + 1
    return found


def queue_length(site: Site, pool: PoolId) -> int:
    """Return how many are in line for a pool, not yet called."""
    return sum(1 for c in site.check_ins.values() if c.state in IN_LINE and c.pool == pool)


def last_rank(site: Site) -> Rank:
    """Return the place behind everybody."""
    return Rank(place=site.next_place)


def rank_behind(site: Site, check_in: CheckIn) -> Rank:
    """Return the place after a missed call: so many behind, among those who wait for what this one accepts."""
    places = site.location.policy.requeue_behind if site.location else 0
    if places == 0:
        return replace(check_in.rank, first=False)
    mine = frozenset(check_in.accepts)
    behind = [c for c in site.line() if c.id != check_in.id and c.order > check_in.order]
    behind = [c for c in behind if not c.rank.first and not mine.isdisjoint(c.accepts)]
    if len(behind) <= places:
        return last_rank(site)
    return Rank(place=(behind[places - 1].rank.place + behind[places].rank.place) // 2)
