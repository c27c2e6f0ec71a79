"""The queue as everybody sees it: pools, the public board, and why somebody still waits.

Pure; decides nothing. Only call codes and labels leave here, never a subject. Texts are made elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.core.hours import is_open, minute_of_week, next_close_utc_ms
from agent.core.joining import MAX_OPEN
from agent.core.layout import (
    DAY_MIN,
    MINUTE_MS,
    WEEK_MIN,
    ChargingLocation,
    ChargingPool,
    CheckInId,
    EvseId,
    Now,
    PoolId,
)
from agent.core.queue import in_service, is_free, may_be_called, positions, queue_length, rivals
from agent.core.shown import NO_WAITS, EvseShown, WaitRange, Waits, evse_shown
from agent.core.state import HOLDING, Bay, CheckIn, CheckInState, Hold, Site

BOARD_NEXT = 3  # `experience.md` 4: the board shows at most so many who are called next


class PoolStatus(StrEnum):
    """`sequere.md` 6.3 PoolState.status, as far as the core knows it."""

    OPEN = "OPEN"
    FULL = "FULL"
    PAUSED = "PAUSED"  # in safe mode
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolView:
    """A pool for the check-in page, the board and SeQueRe's PoolState.

    `evses_free` counts the EVSEs to which a newcomer without wishes would be called at once; `wait` is their forecast
    (None: none in service, or not forecast yet). `closes_utc_ms` and `opens_utc_ms` need a trusted clock.
    """

    pool: PoolId
    names: tuple[tuple[str, str], ...]
    price: str | None
    status: PoolStatus
    queue_length: int
    evses: int
    evses_free: int
    evses_in_service: int
    wait: WaitRange | None
    standards: tuple[str, ...]
    max_power_w: int
    accessible: bool
    restricted: bool  # only for some token groups
    closes_utc_ms: int | None
    opens_utc_ms: int | None


def pool_view(site: Site, pool: PoolId, now: Now, waits: Waits = NO_WAITS) -> PoolView:
    """Return a pool as it is now; raise KeyError for one that is not in the layout."""
    location = site.location
    found = location.pool(pool) if location else None
    if location is None or found is None:
        raise KeyError(f"pool {pool}: not in the layout")
    layouts = [e for e in location.evses if e.id in found.evses]
    open_now = is_open(location, found, now.utc_ms)
    length = queue_length(site, pool)
    full = length >= found.queue_limit or len(site.open_check_ins()) >= MAX_OPEN
    return PoolView(
        pool=pool,
        names=found.names,
        price=found.price,
        status=_status(site, open_now=open_now, full=full),
        queue_length=length,
        evses=len(layouts),
        evses_free=_free_for_newcomer(site, found, now) if open_now and not site.paused else 0,
        evses_in_service=sum(1 for e in found.evses if in_service(site, e)),
        wait=None if site.paused else waits.newcomer.get(pool),
        standards=tuple(sorted({c.standard for e in layouts for c in e.connectors})),
        max_power_w=max(e.max_power_w for e in layouts),
        accessible=any(e.accessible for e in layouts),
        restricted=bool(found.token_groups),
        closes_utc_ms=closes_utc_ms(location, found, now),
        opens_utc_ms=opens_utc_ms(location, found, now),
    )


def pool_views(site: Site, now: Now, waits: Waits = NO_WAITS) -> tuple[PoolView, ...]:
    """Return all pools in the order of the layout."""
    pools = site.location.pools if site.location else ()
    return tuple(pool_view(site, p.id, now, waits) for p in pools)


def _status(site: Site, *, open_now: bool, full: bool) -> PoolStatus:
    if not open_now:
        return PoolStatus.CLOSED
    if site.paused:
        return PoolStatus.PAUSED
    return PoolStatus.FULL if full else PoolStatus.OPEN


def _free_for_newcomer(site: Site, pool: ChargingPool, now: Now) -> int:
    return sum(1 for e in pool.evses if is_free(site, e) and not rivals(site, e, now))


def closes_utc_ms(location: ChargingLocation, pool: ChargingPool, now: Now) -> int | None:
    """Return when an open pool closes next; None if it never does, is closed, or the clock is untrusted."""
    if now.utc_ms is None or not is_open(location, pool, now.utc_ms):
        return None
    return next_close_utc_ms(location, pool, now.utc_ms)


def opens_utc_ms(location: ChargingLocation, pool: ChargingPool, now: Now) -> int | None:
    """Return when a closed pool opens next; None if it is open or the clock is untrusted."""
    if now.utc_ms is None or is_open(location, pool, now.utc_ms):
        return None
    utc_min = now.utc_ms - now.utc_ms % MINUTE_MS
    here = minute_of_week(location, utc_min)
    delays = ((r.weekday * DAY_MIN + r.begin_min - here) % WEEK_MIN for r in pool.opening)
    opens = utc_min + min(delays) * MINUTE_MS
    # Local time is what opens a pool: a change of offset in between moves the instant.
    return opens - (location.offset_min(opens) - location.offset_min(utc_min)) * MINUTE_MS


class Sign(StrEnum):
    """What a bay means to who looks for one: the six colours of the lamp language, as a sign beside the word."""

    GO = "go"
    KEPT = "kept"
    ENERGY = "energy"
    YOUR_MOVE = "your_move"
    MOVE = "move"
    NOT_HERE = "not_here"


_SIGN_OF: Mapping[EvseShown, Sign] = {
    EvseShown.FREE: Sign.GO,
    EvseShown.FREE_UNKNOWN: Sign.GO,
    EvseShown.TAKEN: Sign.YOUR_MOVE,
    EvseShown.QUEUE: Sign.YOUR_MOVE,
    EvseShown.HELD: Sign.KEPT,
    EvseShown.ARRIVED: Sign.YOUR_MOVE,
    EvseShown.WRONG_CAR: Sign.KEPT,
    EvseShown.RESERVED_NOW: Sign.KEPT,
    EvseShown.AUTHORISE: Sign.YOUR_MOVE,
    EvseShown.PREPARING: Sign.YOUR_MOVE,
    EvseShown.CHARGING: Sign.ENERGY,
    EvseShown.PAUSED: Sign.ENERGY,
    EvseShown.FINISHED: Sign.MOVE,
    EvseShown.PLEASE_MOVE: Sign.MOVE,
    EvseShown.BLOCKED: Sign.MOVE,
    EvseShown.FAULT: Sign.NOT_HERE,
    EvseShown.DANGER: Sign.NOT_HERE,
    EvseShown.OUT_OF_ORDER: Sign.NOT_HERE,
    EvseShown.CLOSED: Sign.NOT_HERE,
    EvseShown.STARTING: Sign.NOT_HERE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledRow:
    """A call on the board: whose turn it is, where, and how long it is kept."""

    code: str
    bay: str
    left_ms: int
    called_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BayRow:
    """A bay on the board: label, what it shows, its sign, and for whom it is kept."""

    evse: EvseId
    label: str
    state: EvseShown
    sign: Sign
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """The public board: calls newest first, who is next, pools in the order of the layout, bays by id."""

    called: tuple[CalledRow, ...]
    next: tuple[str, ...]
    pools: tuple[PoolView, ...]
    bays: tuple[BayRow, ...]


def board_view(site: Site, now: Now, waits: Waits = NO_WAITS) -> BoardView:
    """Return what the public board shows: codes, labels and states, nothing about persons. While paused nobody is
    called or next."""
    holds = () if site.paused else site.holds.values()
    called = sorted(holds, key=lambda h: (-h.since_ms, h.evse))
    line = (c for c in site.line() if not site.paused and may_be_called(site, c, now))
    return BoardView(
        called=tuple(_called_row(site, hold, now) for hold in called),
        next=tuple(c.code for c, _ in zip(line, range(BOARD_NEXT), strict=False)),
        pools=pool_views(site, now, waits),
        bays=tuple(_bay_row(site, evse, now) for evse in site.evse_ids()),
    )


def _called_row(site: Site, hold: Hold, now: Now) -> CalledRow:
    return CalledRow(
        code=site.check_ins[hold.check_in].code,
        bay=label(site, hold.evse),
        left_ms=max(hold.until_ms - now.elapsed_ms, 0),
        called_ms=hold.since_ms,
    )


def _bay_row(site: Site, evse: EvseId, now: Now) -> BayRow:
    shown, hold = evse_shown(site, evse, now), site.holds.get(evse)
    code = site.check_ins[hold.check_in].code if hold else None
    return BayRow(evse=evse, label=label(site, evse), state=shown, sign=_SIGN_OF[shown], code=code)


def label(site: Site, evse: EvseId) -> str:
    """Return the name of a bay on site; its number for one that is not in the layout any more."""
    layout = site.layout_of(evse)
    return layout.label if layout else str(evse)


class Why(StrEnum):
    """Why an accepted EVSE is not somebody's right now."""

    YOURS = "yours"
    HELD = "held"  # kept for `code`
    CHARGING = "charging"  # `code` charges there, None: somebody who did not check in
    FINISHED = "finished"  # charging has ended, the car is still there
    RESERVED = "reserved"  # by the operator's CSMS
    OCCUPIED = "occupied"  # a car without plug
    FAULT = "fault"
    OUT_OF_OPERATION = "out_of_operation"
    BEFORE_YOU = "before_you"  # `code` stands before them and takes it
    CLOSED = "closed"
    PAUSED = "paused"  # the queue rests, in safe mode
    SNOOZED = "snoozed"
    ON_THE_ROAD = "on_the_road"
    MUST_SCAN = "must_scan"
    MUST_SHOW = "must_show"  # a partner says that they are here; nobody has seen them
    FREE = "free"  # theirs with the next turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one accepted EVSE is not theirs now, and the call code of who is in the way, if anybody is."""

    evse: EvseId
    label: str
    why: Why
    code: str | None = None


def explain(site: Site, check_in: CheckInId, now: Now) -> tuple[Explanation, ...]:
    """Return one fact for each EVSE that a CheckIn accepts, by id; nothing for one that is not known or has ended."""
    found = site.check_ins.get(check_in)
    if found is None or not found.open:
        return ()
    return tuple(_explanation(site, found, evse, now) for evse in found.accepts)


def _explanation(site: Site, check_in: CheckIn, evse: EvseId, now: Now) -> Explanation:
    why, by = _in_the_way(site, check_in, evse, now)
    code = by.code if by is not None and by.id != check_in.id else None
    return Explanation(evse=evse, label=label(site, evse), why=why, code=code)


def _in_the_way(site: Site, check_in: CheckIn, evse: EvseId, now: Now) -> tuple[Why, CheckIn | None]:
    state, hold, stay = site.evse(evse), site.holds.get(evse), site.stays.get(evse)
    if state.faults or site.faults:
        return Why.FAULT, None
    if not state.operative:
        return Why.OUT_OF_OPERATION, None
    if hold is not None:
        return (Why.YOURS if hold.check_in == check_in.id else Why.HELD), site.check_ins[hold.check_in]
    if stay is not None:
        ended = stay.finished_ms is not None or stay.end_of_energy is not None
        who = site.check_ins.get(stay.check_in) if stay.check_in is not None else None
        return (Why.FINISHED if ended else Why.CHARGING), who
    if evse in site.reserved:
        return Why.RESERVED, None
    if state.bay is Bay.OCCUPIED or state.blocked:
        return Why.OCCUPIED, None
    own = _own_reason(site, check_in, now)
    if own is not None:
        return own, None
    ahead = rivals(site, evse, now, before=check_in)
    return (Why.BEFORE_YOU, ahead[0]) if ahead else (Why.FREE, None)


def _own_reason(site: Site, check_in: CheckIn, now: Now) -> Why | None:
    """Return why somebody would not take any free EVSE now, or None. One who is called has an EVSE already."""
    if site.paused:
        return Why.PAUSED
    if check_in.state is CheckInState.SNOOZED:
        return Why.SNOOZED
    if check_in.state is CheckInState.ON_THE_ROAD:
        return Why.MUST_SHOW if check_in.must_show else Why.ON_THE_ROAD
    if check_in.must_scan:
        return Why.MUST_SCAN
    if check_in.state not in HOLDING and not may_be_called(site, check_in, now):
        return Why.CLOSED
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """Somebody in line, for the console: place, code, pool, state and forecast."""

    position: int | None
    check_in: CheckInId
    code: str
    pool: PoolId
    state: CheckInState
    since_ms: int
    bay: str | None
    wait: WaitRange | None


def queue_view(site: Site, pool: PoolId | None = None, waits: Waits = NO_WAITS) -> tuple[QueueRow, ...]:
    """Return who is called, then who is in line in the order of service, of one pool or of all."""
    called = sorted((c for c in site.check_ins.values() if c.state in HOLDING), key=lambda c: c.id)
    places = positions(site)
    return tuple(
        QueueRow(
            position=places.get(c.id),
            check_in=c.id,
            code=c.code,
            pool=c.pool,
            state=c.state,
            since_ms=c.since_ms,
            bay=label(site, c.evse) if c.state in HOLDING and c.evse is not None else None,
            wait=waits.of.get(c.id),
        )
        for c in (*called, *site.line())
        if pool is None or c.pool == pool
    )
