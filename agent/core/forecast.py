"""How long everybody waits: P10, P50 and P90 for each in line and for a newcomer, in one pass.

Pure; a view: nothing is promised by it. The matching recursion is exact: in the order of service each takes the
accepted EVSE that is free first, and later arrivals can never delay somebody before them. It runs over equally likely
futures: what is left of running stays by the time already spent, fresh stays for those who wait. Chance is a fixed,
stratified sequence from a seed, so the same state gives the same forecast.

Not modelled: no-shows, give-ups, repairs, power sharing. How long stays last is what the site has learned, see
`residual.py`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil, floor
from operator import itemgetter
from typing import NamedTuple

from agent.core.history import UNKNOWN_KIND, StayKind, stay_kind
from agent.core.layout import MINUTE_MS, CheckInId, EvseId, Now, Policy, PoolId, arrival_window_ms
from agent.core.queue import accepted_evses, fitting_connector, in_service, preference, service_order
from agent.core.residual import CHANGEOVER_MIN, Tables, tables_of, used_connector
from agent.core.shown import LONGEST_WAIT_MIN, WaitRange, Waits, just_left
from agent.core.state import Bay, CheckIn, CheckInState, Site, Wishes

SAMPLES = 300  # more changes no minute (queue-science: 200-300 suffice)
SAMPLES_LEAST = 60  # still a P90 of six futures
WORK_MAX = SAMPLES * 120  # assignments a forecast: with more people waiting, fewer futures each


class Claim(NamedTuple):
    """Somebody in the recursion, in minutes: the places of the accepted EVSEs, how long a stay there lasts in each
    future, from when on they would take one, whether they only ask, and, to be filled, their start in each future."""

    get: Callable[[Sequence[float]], tuple[float, ...]]
    places: tuple[int, ...]
    stays: tuple[Sequence[float], ...]
    ready: float
    asks: bool
    starts: list[float]


def claim(
    places: tuple[int, ...], stays: tuple[Sequence[float], ...], *, ready: float = 0.0, asks: bool = False
) -> Claim:
    """Return the claim of somebody who accepts the EVSEs at these places, best first; `stays` as many, by future."""
    wanted = places if len(places) > 1 else places * 2  # so that a lone place also gives a tuple
    return Claim(itemgetter(*wanted), places, stays, ready, asks, [])


def serve(futures: Sequence[list[float]], claims: Sequence[Claim]) -> None:
    """Let all take their EVSE in each future, in order; a future is when each EVSE is free, and is used up.

    Who is ready only later is passed over until then: before somebody behind them would start no earlier than they are
    ready, they take theirs. Until there is one, all futures of a claim are done at once, which is fast.
    """
    late = next((n for n, each in enumerate(claims) if each.ready > 0.0), len(claims))
    for each in claims[:late]:
        _take_all(futures, each)
    for future, free in enumerate(futures):
        _serve_late(free, claims[late:], future)


def _take_all(futures: Sequence[list[float]], each: Claim) -> None:
    times_of = list(map(each.get, futures))
    each.starts.extend(map(min, times_of))
    if each.asks:
        return
    places = each.places
    for free, times, start, stays in zip(futures, times_of, each.starts, zip(*each.stays, strict=True), strict=True):
        index = times.index(start)
        free[places[index]] = start + stays[index]


def _serve_late(free: list[float], claims: Sequence[Claim], future: int) -> None:
    late: list[Claim] = []
    for each in claims:
        if each.ready > 0.0:
            late.append(each)
            continue
        start = min(each.get(free))
        while (due := next((c for c in late if c.ready <= start), None)) is not None:
            late.remove(due)
            _take(free, due, future)
            start = min(each.get(free))
        _take(free, each, future)
    while late:
        ready = (c for c in late if c.ready <= min(c.get(free)))
        due = next(ready, None) or min(late, key=lambda c: c.ready)
        late.remove(due)
        _take(free, due, future)


def _take(free: list[float], each: Claim, future: int) -> None:
    times = each.get(free)
    index = times.index(min(times))
    start = max(times[index], each.ready)
    each.starts.append(start)
    if not each.asks:
        free[each.places[index]] = start + each.stays[index][future]


def forecast(site: Site, now: Now, *, tables: Tables | None = None, samples: int | None = None, seed: int = 0) -> Waits:
    """Return the waits of all in line, and of a newcomer without wishes to each pool.

    Empty before the layout is known and while the inputs are being read after a start.
    """
    if site.location is None or site.reconciling_until_ms is not None:
        return Waits()
    run = _Run(site, now, tables, samples, seed)
    newcomers = [(p.id, run.add_newcomer(p.id, Wishes())) for p in site.location.pools]
    run.serve()
    return Waits(of={c: _range(s) for c, s in run.starts}, newcomer={p: _range(s) for p, s in newcomers})


def newcomer_wait(
    site: Site,
    now: Now,
    pool: PoolId,
    wishes: Wishes,
    *,
    without: CheckInId | None = None,
    tables: Tables | None = None,
    samples: int | None = None,
    seed: int = 0,
) -> WaitRange | None:
    """Return the wait of somebody who would join a pool now, or None: no EVSE that fits is in service.

    `without` leaves a CheckIn out: what would it be for them if they changed pool or wishes and lost their place?
    """
    if site.location is None:
        return None
    run = _Run(site, now, tables, samples, seed, without)
    asked = run.add_newcomer(pool, wishes)
    run.serve()
    return _range(asked)


class _Run:
    """One pass: the EVSEs in service with their columns of free times, and the claims on them in order of service."""

    def __init__(
        self,
        site: Site,
        now: Now,
        tables: Tables | None,
        samples: int | None,
        seed: int,
        without: CheckInId | None = None,
    ) -> None:
        line = sorted((c for c in site.line() if c.id != without), key=service_order)
        tables = tables_of(site) if tables is None else tables
        self._site, self._now, self._tables, self._seed = site, now, tables, seed
        self._policy = site.location.policy if site.location else Policy()
        self._samples = samples or max(SAMPLES_LEAST, min(SAMPLES, WORK_MAX // max(len(line), 1)))
        self._fresh = {k: [CHANGEOVER_MIN + m for m in t.samples(self._samples)] for k, t in tables.items()}
        self._streams = 0
        self._places = {e: n for n, e in enumerate(e for e in site.evse_ids() if in_service(site, e))}
        self._free = [self._free_min(e) for e in self._places]
        self._fits: dict[tuple[tuple[EvseId, ...], Wishes], tuple[tuple[int, ...], tuple[StayKind, ...]]] = {}
        self._claims: list[Claim] = []
        self.starts: list[tuple[CheckInId, list[float] | None]] = []
        self._accessible = 0  # so many of the claims come before all others
        for check_in in line:
            added = self._claim(check_in.accepts, check_in.wishes, self._ready_min(check_in))
            self.starts.append((check_in.id, None if added is None else added.starts))
            if added is not None:
                self._claims.append(added)
                self._accessible += check_in.wishes.accessible

    def add_newcomer(self, pool: PoolId, wishes: Wishes) -> list[float] | None:
        """Add somebody who only asks, behind all who are served before them; return where their starts will be."""
        accepts = accepted_evses(self._site.location, pool, wishes) if self._site.location else ()
        asked = self._claim(accepts, wishes, 0.0, asks=True)
        if asked is None:
            return None
        self._claims.insert(self._accessible if wishes.accessible else len(self._claims), asked)
        return asked.starts

    def serve(self) -> None:
        """Let all futures happen."""
        serve(list(map(list, zip(*self._free, strict=True))), self._claims)

    def _claim(
        self, accepts: tuple[EvseId, ...], wishes: Wishes, ready_min: float, *, asks: bool = False
    ) -> Claim | None:
        fits = self._fits.get((accepts, wishes))
        if fits is None:
            fits = self._fits[accepts, wishes] = self._fit(accepts, wishes)
        places, classes = fits
        if not places:
            return None
        if asks:
            return claim(places, (), asks=True)
        order = self._order()
        columns = {k: list(map(self._fresh[k].__getitem__, order)) for k in dict.fromkeys(classes)}
        return claim(places, tuple(columns[k] for k in classes), ready=ready_min)

    def _fit(self, accepts: tuple[EvseId, ...], wishes: Wishes) -> tuple[tuple[int, ...], tuple[StayKind, ...]]:
        """Return the places of the EVSEs in service that fit, best first, and the class of a stay there."""
        found = []
        for evse in accepts:
            layout = self._site.layout_of(evse)
            connector = fitting_connector(layout, wishes) if layout and evse in self._places else None
            if layout is not None and connector is not None:
                found.append((preference(self._site, wishes, layout), self._places[evse], stay_kind(connector)))
        found.sort()
        return tuple(place for _, place, _ in found), tuple(kind for _, _, kind in found)

    def _free_min(self, evse: EvseId) -> Sequence[float]:
        """Return in how many minutes an EVSE in service is free for the next, in each future."""
        site = self._site
        state, stay, hold, reserve = (
            site.evse(evse),
            site.stays.get(evse),
            site.holds.get(evse),
            site.reserved.get(evse),
        )
        fresh = self._fresh[self._kind(evse)]
        if hold is not None:
            return self._shuffled(fresh)  # a stay that begins soon
        if stay is not None:
            return self._shuffled([CHANGEOVER_MIN + m for m in self._left(evse, stay.began_ms)])
        if reserve is not None:
            left_min = max(reserve.until_ms - self._now.elapsed_ms, 0) / MINUTE_MS
            step = left_min / self._samples  # the holder comes some time until then
            return self._shuffled([m + step * n for m, n in zip(fresh, self._order(), strict=True)])
        if just_left(site, evse):
            return [CHANGEOVER_MIN] * self._samples
        if state.bay is Bay.OCCUPIED or state.blocked:
            return self._shuffled(self._left(evse, state.bay_since_ms))
        return [0.0] * self._samples

    def _left(self, evse: EvseId, since_ms: int) -> list[float]:
        spent_min = max(self._now.elapsed_ms - since_ms, 0) / MINUTE_MS
        return self._tables[self._kind(evse)].samples(self._samples, spent_min)

    def _kind(self, evse: EvseId) -> StayKind:
        """Return the kind of stay of whatever is or will be plugged in at an EVSE."""
        connector = used_connector(self._site, evse)
        return UNKNOWN_KIND if connector is None else stay_kind(connector)

    def _ready_min(self, check_in: CheckIn) -> float:
        """Return from when on somebody would take an EVSE; a second scan that is asked for is taken as coming soon."""
        at_ms: int | None = None
        if check_in.state is CheckInState.SNOOZED:
            at_ms = check_in.snoozed_until_ms
        elif check_in.state is CheckInState.ON_THE_ROAD and check_in.expected is not None:
            at_ms = check_in.expected.elapsed_ms - arrival_window_ms(self._policy, check_in.more_time)
        return 0.0 if at_ms is None else max(at_ms - self._now.elapsed_ms, 0) / MINUTE_MS

    def _shuffled(self, column: Sequence[float]) -> list[float]:
        return list(map(column.__getitem__, self._order()))

    def _order(self) -> tuple[int, ...]:
        self._streams += 1
        return _permutation(self._samples, self._streams, self._seed)


def _range(starts: list[float] | None) -> WaitRange | None:
    if starts is None:
        return None
    ordered = sorted(starts)
    last = len(ordered) - 1
    p10, p50, p90 = (ordered[round(share * last)] for share in (0.1, 0.5, 0.9))
    return WaitRange(p10_min=_capped(floor(p10)), p50_min=_capped(round(p50)), p90_min=_capped(ceil(p90)))


def _capped(minutes: int) -> int:
    return min(minutes, LONGEST_WAIT_MIN)


# --- chance without chance: one shuffled order of the strata for each EVSE and each claim

_MASK = (1 << 64) - 1
_CACHED = 256  # orders of 300 kept between forecasts: less than 1 MiB


@lru_cache(maxsize=_CACHED)
def _permutation(count: int, stream: int, seed: int) -> tuple[int, ...]:
    """Return 0..count-1 in an order that is always the same for a stream and seed (splitmix64)."""
    state = _mixed((seed << 20) + stream)
    keys = [_mixed(state + n * 0x9E3779B97F4A7C15) for n in range(count)]
    return tuple(sorted(range(count), key=keys.__getitem__))


def _mixed(value: int) -> int:
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
