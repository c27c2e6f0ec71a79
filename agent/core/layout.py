"""What a charging location is: pools, EVSEs, connectors, opening hours and the operator's policy.

Pure data, adopted from the configuration by the event `LayoutAdopted`. Names follow OCPI 2.3 and OCPP 2.0.1.
Instants of the wall clock are UTC milliseconds; local opening hours are resolved with the offsets carried in the
layout, so replay never depends on the machine's time-zone files.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from typing import NewType

from agent.core.terms import DAY_MIN as DAY_MIN
from agent.core.terms import MINUTE_MS as MINUTE_MS
from agent.core.terms import WEEK_MIN as WEEK_MIN
from agent.core.terms import BookingTerms as BookingTerms
from agent.core.terms import OpenRange as OpenRange

EvseId = NewType("EvseId", int)
ConnectorId = NewType("ConnectorId", int)
PoolId = NewType("PoolId", str)
CheckInId = NewType("CheckInId", int)
StayId = NewType("StayId", int)
SubjectRef = NewType("SubjectRef", str)

MAX_EVSES = 200  # one controller; sequere.md allows 1000 a location, which needs several controllers
MAX_POOLS = 64
MAX_ROWS = 12  # of bays, seen from the entrance: so many fill the screen of a phone
MAX_COLUMNS = 24  # at 390 px a bay is then 14 px wide: below that a plan shows nothing


@dataclass(frozen=True, slots=True)
class Now:
    """An instant: `elapsed_ms` on the location's own clock, `utc_ms` on the wall clock (None while untrusted)."""

    elapsed_ms: int
    utc_ms: int | None = None

    def at(self, elapsed_ms: int) -> "Now":
        """Return the same clock pair at another elapsed instant."""
        utc = None if self.utc_ms is None else self.utc_ms + elapsed_ms - self.elapsed_ms
        return Now(elapsed_ms, utc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A socket or cable of an EVSE; `standard` is an OCPI ConnectorType, e.g. IEC_62196_T2_COMBO."""

    id: ConnectorId
    standard: str
    max_power_w: int
    dc: bool
    cable: bool

    def __post_init__(self) -> None:
        """Refuse a connector that cannot exist."""
        if self.id < 1 or self.max_power_w < 1 or not self.standard:
            raise ValueError(f"connector {self.id}: id and max_power_w must be at least 1 and standard not empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a bay lies as seen from the entrance: row 1 is the nearest, column 1 the leftmost."""

    row: int
    column: int

    def __post_init__(self) -> None:
        """Refuse a place that no plan can show."""
        if not (1 <= self.row <= MAX_ROWS and 1 <= self.column <= MAX_COLUMNS):
            raise ValueError(f"place: row must be from 1 to {MAX_ROWS} and column from 1 to {MAX_COLUMNS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evse:
    """Supplies one EV at a time. `label` is the bay's name on site, `evse_id_emi3` its public id."""

    id: EvseId
    label: str
    connectors: tuple[Connector, ...]
    accessible: bool = False
    evse_id_emi3: str | None = None
    place: Place | None = None

    def __post_init__(self) -> None:
        """Refuse an EVSE without connectors or with doubled connector ids."""
        ids = [c.id for c in self.connectors]
        if self.id < 1 or not ids or len(set(ids)) != len(ids):
            raise ValueError(f"EVSE {self.id}: needs an id from 1 and connectors with distinct ids")

    @property
    def max_power_w(self) -> int:
        """The strongest connector's power in watts."""
        return max(c.max_power_w for c in self.connectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPool:
    """EVSEs grouped by properties: what is queued for and booked. An EVSE may be in several pools.

    `names` pairs a language with a text. No `opening` means always open; no `token_groups` means everybody; without
    `booking` terms it cannot be booked.
    """

    id: PoolId
    names: tuple[tuple[str, str], ...]
    evses: tuple[EvseId, ...]
    opening: tuple[OpenRange, ...] = ()
    token_groups: tuple[str, ...] = ()
    queue_limit: int = 64
    price: str | None = None  # as shown, e.g. "EUR 0.59/kWh": never computed with
    booking: BookingTerms | None = None  # None: cannot be booked

    def __post_init__(self) -> None:
        """Refuse an empty pool and a queue limit that refuses everybody."""
        if not self.evses or len(set(self.evses)) != len(self.evses) or self.queue_limit < 1:
            raise ValueError(f"pool {self.id}: needs distinct EVSEs and a queue_limit of at least 1")


class AdHocStart(StrEnum):
    """How a driver without an IdToken may start energy."""

    NONE = "none"  # the page says how to pay
    FREE = "free"  # charging costs nothing here
    CSMS = "csms"  # with the IdToken configured for ad-hoc starts


class PartnerPresence(StrEnum):
    """How it is known that the User of a partner's CheckIn is on site."""

    TRUST = "trust"  # the partner says when they arrive
    SCAN = "scan"  # they stay on the road until a scan, a token or the bay sensor shows them


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's choices, in milliseconds and counts; the defaults are those of `experience.md`."""

    arrival_window_ms: int = 5 * MINUTE_MS
    long_arrival_window_ms: int = 10 * MINUTE_MS  # for who asked for more time
    extension_ms: int = 2 * MINUTE_MS
    arrival_pause_ms: int = 3 * MINUTE_MS  # a car in a held bay stops the no-show clock for at most this long
    misses_allowed: int = 1
    requeue_behind: int = 2  # a missed call costs that many places
    snooze_limit: int = 3
    snooze_max_min: int = 60
    undo_ms: int = 30_000
    plug_timeout_ms: int = 2 * MINUTE_MS  # authorised, but nothing plugged in
    blocked_grace_ms: int = 10 * MINUTE_MS  # a car without plug in front of an EVSE
    pause_to_finished_ms: int = 3 * MINUTE_MS  # the car takes no energy: from when on it counts as finished
    move_grace_ms: int = 10 * MINUTE_MS
    reconcile_ms: int = 30_000
    longest_wait_ms: int = 12 * 60 * MINUTE_MS  # nobody waits longer; whoever does has gone home
    keep_ended_ms: int = 24 * 60 * MINUTE_MS
    cohort_no_shows: int = 2  # of one presence window: the rest must scan again before they are called
    unproven_no_shows: int = 5  # within `unproven_span_ms`: all ad-hoc check-ins must scan again
    unproven_span_ms: int = 30 * MINUTE_MS
    ad_hoc_start: AdHocStart = AdHocStart.NONE
    partner_presence: PartnerPresence = PartnerPresence.TRUST
    accept_on_plug: bool = False  # with ad_hoc_start "free": plugging in starts energy without the page
    walk_in_risk_percent: int = 12  # up to which a walk-in may endanger a booked start

    def __post_init__(self) -> None:
        """Refuse spans that cannot work."""
        spans = (self.arrival_window_ms, self.long_arrival_window_ms, self.plug_timeout_ms, self.longest_wait_ms)
        if min(spans) < 1000 or self.requeue_behind < 0 or self.misses_allowed < 0:
            raise ValueError("policy: windows must be at least 1000 ms and counts not negative")
        if not 0 <= self.walk_in_risk_percent <= 100:
            raise ValueError("policy: walk_in_risk_percent must be from 0 to 100")


def arrival_window_ms(policy: Policy, more_time: bool) -> int:
    """Return how long an EVSE is held for somebody, in milliseconds; longer for who asked for more time."""
    return policy.long_arrival_window_ms if more_time else policy.arrival_window_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingLocation:
    """The whole site: its EVSEs and pools, its policy, and its local time as offsets from UTC.

    `offsets` are (from_utc_ms, minutes east of UTC), ascending; before the first one the first one holds.
    """

    id: str
    name: str
    country_code: str
    party_id: str
    time_zone: str
    evses: tuple[Evse, ...]
    pools: tuple[ChargingPool, ...]
    policy: Policy = field(default_factory=Policy)
    offsets: tuple[tuple[int, int], ...] = ((0, 0),)
    languages: tuple[str, ...] = ("en", "de")

    def __post_init__(self) -> None:
        """Refuse doubled ids and places, pools that name unknown EVSEs, and more than one controller can carry."""
        ids = [e.id for e in self.evses]
        pools = [p.id for p in self.pools]
        known = frozenset(ids)
        if not ids or len(known) != len(ids) or len(ids) > MAX_EVSES:
            raise ValueError(f"location: needs 1 to {MAX_EVSES} EVSEs with distinct ids")
        places = [e.place for e in self.evses if e.place is not None]
        if len(frozenset(places)) != len(places):
            raise ValueError("location: two bays cannot lie in one place")
        if not self.offsets or list(self.offsets) != sorted(self.offsets):
            raise ValueError("location: needs at least one UTC offset, in ascending order of time")
        if not pools or len(frozenset(pools)) != len(pools) or len(pools) > MAX_POOLS:
            raise ValueError(f"location: needs 1 to {MAX_POOLS} pools with distinct ids")
        for pool in self.pools:
            for evse in pool.evses:
                if evse not in known:
                    raise ValueError(f"pool {pool.id}: EVSE {evse} is not in this location")

    @property
    def has_plan(self) -> bool:
        """Whether there are bays to choose among and the place of each is known: gaps would lead people astray."""
        return len(self.evses) > 1 and all(e.place is not None for e in self.evses)

    def evse(self, evse: EvseId) -> Evse | None:
        """Return the EVSE of that id, or None."""
        return next((e for e in self.evses if e.id == evse), None)

    def pool(self, pool: PoolId) -> ChargingPool | None:
        """Return the pool of that id, or None."""
        return next((p for p in self.pools if p.id == pool), None)

    def pools_of(self, evse: EvseId) -> tuple[ChargingPool, ...]:
        """Return the pools an EVSE is in, the smallest first: what somebody standing at it most likely wants."""
        return tuple(sorted((p for p in self.pools if evse in p.evses), key=lambda p: (len(p.evses), p.id)))

    def offset_min(self, utc_ms: int) -> int:
        """Return the minutes east of UTC that hold at an instant."""
        index = bisect_right(self.offsets, utc_ms, key=itemgetter(0)) - 1
        return self.offsets[max(index, 0)][1]

    def next_offset_utc_ms(self, utc_ms: int) -> int | None:
        """Return the next instant after `utc_ms` at which another offset holds, or None if none is known."""
        index = bisect_right(self.offsets, utc_ms, key=itemgetter(0))
        return self.offsets[index][0] if index < len(self.offsets) else None
