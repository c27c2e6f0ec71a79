"""Random days for a simulated site, and first-come-first-served matching written again, to compare with."""

import random
from heapq import heappop, heappush

from agent.core.layout import ChargingLocation, EvseId, PoolId
from agent.core.prior import PRIOR
from agent.core.stays import StayClass
from agent.simulation.demand import Visitor

# Pools, accepted EVSEs and shares of `queue-science`'s six-EVSE site: any of A, B or C, only fast, only one of a kind.
MIX: tuple[tuple[float, str, tuple[int, ...]], ...] = (
    (0.30, "A", ()),
    (0.25, "B", ()),
    (0.20, "C", ()),
    (0.12, "A", (3, 4)),
    (0.06, "B", (5,)),
    (0.07, "B", (6,)),
)
DAY_MIN = 14 * 60.0
CHANGE_OVER_MIN = 2.0


def crowd(seed: int, *, days: int, load: float, booked: float = 0.0, no_show: float = 0.1) -> list[Visitor]:
    """Return the visitors of some 14-hour days at an offered load per EVSE; a share of them has booked."""
    chance = random.Random(seed)
    stays = PRIOR[StayClass.DC_FAST].samples(500)
    gap_min = (sum(stays) / len(stays) + CHANGE_OVER_MIN) / (load * 6)
    found: list[Visitor] = []
    for day in range(days):
        at = chance.expovariate(1 / gap_min)
        while at < DAY_MIN:
            pool, accepts = _wish(chance)
            books = chance.random() < booked and at > 60
            found.append(
                Visitor(
                    day=str(day),
                    driver=f"{day}-{len(found)}",
                    arrive_min=at,
                    pool=PoolId(pool),
                    accepts=accepts,
                    occupies_min=chance.choice(stays),
                    booked_start_min=at if books else None,
                    booked_len_min=45.0 if books else None,
                    shows_up=not books or chance.random() >= no_show,
                )
            )
            at += chance.expovariate(1 / gap_min)
    return found


def _wish(chance: random.Random) -> tuple[str, tuple[EvseId, ...]]:
    draw = chance.random()
    for share, pool, accepts in MIX:
        if draw < share:
            return pool, tuple(map(EvseId, accepts))
        draw -= share
    return "C", ()


def matched(location: ChargingLocation, day: list[Visitor]) -> list[float]:
    """Return when each visitor of a day starts if the first in line takes the best free EVSE that suits them."""
    members = {p.id: tuple(p.evses) for p in location.pools}
    rank = {e.id: (e.accessible, len({c.standard for c in e.connectors})) for e in location.evses}
    free_since = {e.id: 0.0 for e in location.evses}
    busy: set[EvseId] = set()
    starts: dict[int, float] = {}
    events: list[tuple[float, int, int, EvseId]] = []
    line: list[int] = []
    for number, visitor in enumerate(day):
        heappush(events, (visitor.arrive_min, 1, number, EvseId(0)))
    while events:
        now, kind, number, evse = heappop(events)
        if kind == 1:
            line.append(number)
        else:
            busy.discard(evse)
            free_since[evse] = now
        for waiting in tuple(line):
            accepts = day[waiting].accepts or members[day[waiting].pool]
            choice = [e for e in accepts if e not in busy]
            if choice:
                taken = min(choice, key=lambda e: (*rank[e], free_since[e], e))
                busy.add(taken)
                line.remove(waiting)
                starts[waiting] = now
                heappush(events, (now + day[waiting].occupies_min + CHANGE_OVER_MIN, 0, waiting, taken))
    return [starts[n] for n in range(len(day))]
