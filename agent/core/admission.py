"""May somebody without a booking have this EVSE now, with bookings ahead?

Pure. Yes only if enough accepted EVSEs are free at each booked start with a probability of at least 1 - risk. "Enough"
is Hall's condition over the sets of EVSEs that bookings accept; the probability is exact (Poisson-binomial) over what
is left of the stays that run, without sampling (`queue-science.md` 3). A stated departure counts instead of a guess.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from agent.core.booking import ReservationId
from agent.core.history import UNKNOWN_KIND, StayKind, prior_of, stay_kind
from agent.core.layout import MINUTE_MS, Connector, Evse, EvseId, Now
from agent.core.planner import OUTAGE_MS, Slot, slot_of, unbound
from agent.core.queue import in_service
from agent.core.residual import CHANGEOVER_MIN, table_of, tables_of, used_connector
from agent.core.shown import just_left
from agent.core.state import Bay, Hold, Site
from agent.core.stays import StayTable

CHANGEOVER_MS = round(CHANGEOVER_MIN * MINUTE_MS)
UNTRUSTED_MS = 120 * MINUTE_MS  # without a clock, what may begin within this of the last known instant is kept for
NEARLY_ALL = 0.995  # of the stays are over: beyond that, bookings are in nobody's way
UNIONS_MAX = 32  # sets of EVSEs looked at; more kinds of wishes than that at one time are not in one pool
OUTLASTED_MOST = 0.9  # what has outlasted all stays known is never counted on to end


class Admission:
    """Who may have an EVSE before a booking, at one instant. Make one for a state and ask it as often as needed."""

    def __init__(
        self,
        site: Site,
        now: Now,
        *,
        asked: Slot | None = None,
        but: ReservationId | None = None,
        enough: float | None = None,
    ) -> None:
        """`asked` is a slot that is only asked for, `but` a reservation that is left out.

        `enough` is the probability wanted, else that of the policy.
        """
        self._site, self._now, self._asked = site, now, asked
        self._but = asked.reservation if asked is not None else but
        risk = site.location.policy.walk_in_risk_percent if site.location else 0
        self._enough = 1 - risk / 100 if enough is None else enough
        self._chances: dict[int, dict[EvseId, float]] = {}
        self._answers: dict[tuple[EvseId, StayKind, int | None], ReservationId | None] = {}

    def endangered(self, evse: Evse, connector: Connector, leaves_utc_ms: int | None = None) -> ReservationId | None:
        """Return the first booking that somebody would endanger if they had an EVSE now, or None: they may have it.

        `leaves_utc_ms` is when they are gone for certain; else it is judged by how long stays last here.
        """
        key = (evse.id, stay_kind(connector), leaves_utc_ms)
        if key not in self._answers:
            self._answers[key] = self._find(evse.id, table_of(self._site, connector), leaves_utc_ms)
        return self._answers[key]

    def certain(self) -> bool:
        """Return whether the slot that is asked for would find an EVSE, and would leave one for those after it."""
        asked = self._asked
        if asked is None:
            return True
        for limit in self._limits:
            if asked.reservation not in limit.slots or self._safe(limit, self._free_at(limit.at_ms)):
                continue
            if limit.first == asked.reservation or self._safe(limit.but(asked.reservation), self._free_at(limit.at_ms)):
                return False  # another's start that was in danger anyway makes no slot impossible
        return True

    @cached_property
    def _limits(self) -> list["_Limit"]:
        slots = [slot_of(r) for r in unbound(self._site) if r.id != self._but]
        if self._asked is not None:
            slots = sorted((*slots, self._asked), key=lambda s: (s.span.begin_utc_ms, s.reservation))
        utc_ms = self._now.utc_ms
        if utc_ms is None:
            known = self._site.known_utc_ms
            near = [s for s in slots if known is not None and s.span.begin_utc_ms <= known + UNTRUSTED_MS]
            return _limits_at(self._site, near, near, self._now.elapsed_ms, self._now)
        middle = utc_ms if self._asked is None else max(self._asked.span.begin_utc_ms, utc_ms)
        reach = _longest_ms(self._site)
        near = [s for s in slots if middle - reach <= s.span.begin_utc_ms <= middle + reach]
        found: list[_Limit] = []
        for begin in sorted({max(s.span.begin_utc_ms, utc_ms) for s in near}):
            begun = [s for s in near if s.span.begin_utc_ms <= begin]
            new = [s for s in begun if max(s.span.begin_utc_ms, utc_ms) == begin]
            found += _limits_at(self._site, begun, new, self._now.elapsed_ms + begin - utc_ms, self._now)
        return found

    def _find(self, evse: EvseId, table: StayTable, leaves_utc_ms: int | None) -> ReservationId | None:
        for limit in self._limits:
            if evse not in limit.evses:
                continue
            chances = self._free_at(limit.at_ms)
            mine = self._gone_by(limit, table, leaves_utc_ms)
            if mine < chances[evse] and not self._safe(limit, {**chances, evse: mine}):
                return limit.first
        return None

    def _gone_by(self, limit: "_Limit", table: StayTable, leaves_utc_ms: int | None) -> float:
        now = self._now
        if leaves_utc_ms is not None and now.utc_ms is not None:
            leaves_ms = now.elapsed_ms + leaves_utc_ms - now.utc_ms
            if leaves_ms + CHANGEOVER_MS <= limit.at_ms:
                return 1.0
        return table.share((limit.at_ms - now.elapsed_ms - 2 * CHANGEOVER_MS) / MINUTE_MS)

    def _safe(self, limit: "_Limit", chances: Mapping[EvseId, float]) -> bool:
        free = [chances[e] for e in limit.evses]
        return at_least([*free, *limit.slots.values()], len(limit.slots)) >= self._enough

    def _free_at(self, at_ms: int) -> dict[EvseId, float]:
        found = self._chances.get(at_ms)
        if found is None:
            found = {e: free_chance(self._site, e, at_ms, self._now) for e in self._site.evse_ids()}
            self._chances[at_ms] = found
        return found


@dataclass(frozen=True, slots=True)
class _Limit:
    """What must be true of a set of EVSEs at the start of the reservation `first`.

    `slots` are the reservations that accept nothing outside of it and have begun by then, each with the probability
    that its car is gone again: as many EVSEs must be free as there are slots, less those that are gone.
    """

    at_ms: int
    evses: tuple[EvseId, ...]
    slots: Mapping[ReservationId, float]
    first: ReservationId

    def but(self, reservation: ReservationId) -> "_Limit":
        """Return the same without a reservation."""
        return replace(self, slots={k: v for k, v in self.slots.items() if k != reservation})


def _limits_at(site: Site, begun: Sequence[Slot], new: Sequence[Slot], at_ms: int, now: Now) -> list[_Limit]:
    """Return what must be free at an instant at which some slots are `new`, of those that have `begun` by then."""
    found = []
    for evses in _unions(begun):
        inside = [s for s in begun if evses.issuperset(s.accepts)]
        first = next((s for s in inside if s in new), None)
        if first is not None:
            slots = {s.reservation: _gone_chance(site, s, at_ms, now) for s in inside}
            found.append(_Limit(at_ms, tuple(sorted(evses)), slots, first.reservation))
    return found


def _gone_chance(site: Site, slot: Slot, at_ms: int, now: Now) -> float:
    """Return the probability that a car that comes for a slot at its start has left again at an instant."""
    begin_ms = now.elapsed_ms if now.utc_ms is None else now.elapsed_ms + slot.span.begin_utc_ms - now.utc_ms
    since_min = (at_ms - max(begin_ms, now.elapsed_ms) - 2 * CHANGEOVER_MS) / MINUTE_MS
    return 0.0 if since_min <= 0 else _used_table(site, slot.accepts[0]).share(since_min)


def _longest_ms(site: Site) -> int:
    """Return beyond which span nobody is in anybody's way: nearly all stays are over by then."""
    longest = max((t.quantile(NEARLY_ALL) for t in tables_of(site).values()), default=0.0)
    return round(longest * MINUTE_MS) + 2 * CHANGEOVER_MS


def _unions(slots: Sequence[Slot]) -> list[frozenset[EvseId]]:
    """Return the sets of EVSEs that slots accept, and the unions of those that overlap; smallest first (Hall)."""
    sets = sorted({s.accepts for s in slots}, key=lambda e: (len(e), e))
    found = [frozenset(s) for s in sets]
    for one in found:
        if len(found) >= UNIONS_MAX:
            break
        new = [one | other for other in found if not one.isdisjoint(other)]
        found.extend(u for u in dict.fromkeys(new) if u not in found)
    return found[:UNIONS_MAX]


def at_least(chances: Iterable[float], needed: int) -> float:
    """Return the probability that at least `needed` of independent events happen (Poisson-binomial), exactly."""
    left = needed
    uncertain: list[float] = []
    for chance in chances:
        if chance >= 1.0:
            left -= 1
        elif chance > 0.0:
            uncertain.append(chance)
    if left <= 0:
        return 1.0
    if left > len(uncertain):
        return 0.0
    exactly = [1.0] + [0.0] * (left - 1)  # of so many, fewer than needed
    for chance in uncertain:
        for count in range(left - 1, 0, -1):
            exactly[count] += chance * (exactly[count - 1] - exactly[count])
        exactly[0] *= 1 - chance
    return 1.0 - sum(exactly)


def free_chance(site: Site, evse: EvseId, at_ms: int, now: Now) -> float:
    """Return the probability that an EVSE is free for somebody new at an instant if nobody is admitted meanwhile."""
    if not in_service(site, evse):
        return 0.0 if at_ms - now.elapsed_ms <= OUTAGE_MS else 1.0
    stay, hold, reserve, state = site.stays.get(evse), site.holds.get(evse), site.reserved.get(evse), site.evse(evse)
    ready_ms = at_ms - CHANGEOVER_MS
    if stay is not None:
        return _left(_used_table(site, evse), stay.began_ms, ready_ms, now)
    if hold is not None:
        return _used_table(site, evse).share((ready_ms - _begins_ms(hold, now) - CHANGEOVER_MS) / MINUTE_MS)
    if reserve is not None:
        return _used_table(site, evse).share((ready_ms - max(reserve.until_ms, now.elapsed_ms)) / MINUTE_MS)
    if just_left(site, evse):
        return 1.0 if ready_ms >= now.elapsed_ms else 0.0
    if state.bay is Bay.OCCUPIED or state.blocked:
        return _left(_used_table(site, evse), state.bay_since_ms, ready_ms, now)
    return 1.0


def _left(table: StayTable, began_ms: int, at_ms: int, now: Now) -> float:
    """Return the probability that a stay that still runs is over at an instant."""
    gone = table.share((now.elapsed_ms - began_ms) / MINUTE_MS)
    if gone >= 1.0:  # it has outlasted all that are known: the chance of its end is what is left of the longest
        return min(max((at_ms - now.elapsed_ms) / MINUTE_MS / (2 * table.tail_min), 0.0), OUTLASTED_MOST)
    return max(table.share((at_ms - began_ms) / MINUTE_MS) - gone, 0.0) / (1 - gone)


def _begins_ms(hold: Hold, now: Now) -> int:
    """Return when a held EVSE begins to be used: now, or at the booked start."""
    if hold.due_utc_ms is None or now.utc_ms is None:
        return now.elapsed_ms
    return max(now.elapsed_ms, now.elapsed_ms + hold.due_utc_ms - now.utc_ms)


def _used_table(site: Site, evse: EvseId) -> StayTable:
    """Return how long stays last at the connector that is, or will be, used at an EVSE."""
    connector = used_connector(site, evse)
    return prior_of(UNKNOWN_KIND) if connector is None else table_of(site, connector)
