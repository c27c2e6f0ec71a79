"""The state of one charging location: `Site` and its parts. Immutable; only `evolve` makes new ones.

Mappings are never changed in place and are always walked in key order or in queue order, never in the order of
insertion, so that a state rebuilt from a snapshot behaves exactly like the one it was taken from.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from agent.core.booking import Reservation, ReservationId
from agent.core.history import StayHistory, StayKind
from agent.core.layout import (
    ChargingLocation,
    CheckInId,
    ConnectorId,
    Evse,
    EvseId,
    Now,
    PoolId,
    StayId,
    SubjectRef,
)
from agent.core.visit import Expected as Expected
from agent.core.visit import Origin as Origin
from agent.core.visit import Quote as Quote
from agent.core.visit import Reason as Reason
from agent.core.visit import Vehicle as Vehicle
from agent.core.visit import Wishes as Wishes

MAX_OLD_CODES = 600  # as many as there are long codes: reuse is then oldest first
PLACE_GAP = 1 << 32  # room to insert 32 requeued CheckIns, one behind the other, between two places


class CheckInState(StrEnum):
    """The life of a CheckIn, `sequere.md` 6.1. The last four are ends."""

    ON_THE_ROAD = "ON_THE_ROAD"
    WAITING = "WAITING"
    SNOOZED = "SNOOZED"
    CALLED = "CALLED"
    ARRIVED = "ARRIVED"
    FULFILLED = "FULFILLED"
    CHECKED_OUT = "CHECKED_OUT"
    NO_SHOW = "NO_SHOW"
    CANCELED = "CANCELED"


# Tuples with the most frequent first: asked for each of 500 CheckIns, and the hash of an enum's member is slow.
IN_LINE = (CheckInState.WAITING, CheckInState.SNOOZED, CheckInState.ON_THE_ROAD)
HOLDING = (CheckInState.CALLED, CheckInState.ARRIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostHold:
    """The hold that was lost last: which EVSE, when and why; the own page tells it, also after the next call."""

    evse: EvseId
    at_ms: int
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PastStay:
    """A stay that is over, for the page of who was there: first energy, departure, energy where there is a meter."""

    energised_ms: int | None
    ended_ms: int
    energy_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """The place in line: who is `first` is served before all others, then the smaller `place`, then the smaller id."""

    place: int
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """One User in the queue of a pool. `accepts` follows from pool, wishes and layout; `window` is the presence window
    in which an anonymous User joined; `proven` tells that they showed since that they are here."""

    id: CheckInId
    pool: PoolId
    code: str
    origin: Origin
    state: CheckInState
    rank: Rank
    accepts: tuple[EvseId, ...]
    since_ms: int
    sequence: int
    wishes: Wishes = field(default_factory=Wishes)
    subjects: tuple[SubjectRef, ...] = ()
    device: SubjectRef | None = None
    groups: tuple[str, ...] = ()
    owner: str | None = None  # the partner that made it
    reservation: ReservationId | None = None  # of which it is the coming due
    more_time: bool = False
    expected: Expected | None = None
    departure_utc_ms: int | None = None
    vehicle: Vehicle = field(default_factory=Vehicle)
    window: int | None = None
    proven: bool = False
    must_scan: bool = False
    must_show: bool = False  # on the road, whatever was told, until they are seen on site: `PartnerPresence.SCAN`
    quote: Quote | None = None
    snoozes: int = 0
    snoozed_until_ms: int | None = None
    misses: int = 0
    blocked: int = 0  # holds lost because somebody else stood in the bay
    extended: bool = False
    evse: EvseId | None = None  # held now, or where it was fulfilled or lost
    stay: StayId | None = None
    reason: Reason | None = None
    changed_ms: int = 0
    ended_ms: int | None = None
    lost: LostHold | None = None
    past: PastStay | None = None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.ended_ms is None

    @property
    def unproven(self) -> bool:
        """Whether nobody knows who it is, and nothing but one presence window says that they are on site."""
        return self.window is not None and not self.subjects and not self.proven

    @property
    def order(self) -> tuple[bool, int, int]:
        """The key that sorts the queue."""
        return (not self.rank.first, self.rank.place, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An EVSE kept for one CheckIn until the arrival window ends.

    `left_ms` is what was left of the window when a car stopped the clock, `paused` whether that was used;
    `confirmed` tells that the User said on the page, or by a fresh scan, that it is them.
    """

    evse: EvseId
    connector: ConnectorId
    check_in: CheckInId
    since_ms: int
    until_ms: int
    left_ms: int | None = None
    paused: bool = False
    confirmed: bool = False
    due_utc_ms: int | None = None  # the booked start: before it, the bay is reserved; from it on, held
    kept_until_utc_ms: int | None = None  # a booked one does not lapse before, nor while the clock is untrusted


class Bay(StrEnum):
    """The parking space in front of an EVSE."""

    FREE = "free"
    OCCUPIED = "occupied"
    UNKNOWN = "unknown"


class TokenAnswer(StrEnum):
    """What a token reader answered; shown on the display for a while."""

    STARTED = "started"
    STOPPED = "stopped"
    JOINED = "joined"
    IN_LINE = "in_line"
    ASK_LEAVE = "ask_leave"
    LEFT = "left"
    OTHER_BAY = "other_bay"
    HELD_FOR_OTHER = "held_for_other"
    NOT_ACCEPTED = "not_accepted"
    NOT_NOW = "not_now"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastToken:
    """The last answer of the reader at an EVSE, for its display; `subject` lets a second presentation be recognised."""

    at_ms: int
    answer: TokenAnswer
    subject: SubjectRef
    check_in: CheckInId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseState:
    """What is known of one EVSE besides its hold, its stay and its ReserveNow."""

    bay: Bay = Bay.UNKNOWN
    bay_since_ms: int = 0
    blocked: bool = False
    plugged: ConnectorId | None = None
    faults: tuple[str, ...] = ()
    operative: bool = True
    energised: bool = False
    free_since_ms: int = 0
    last_token: LastToken | None = None


class Means(StrEnum):
    """By what a stay was authorised."""

    ID_TOKEN = "id_token"
    REMOTE = "remote"
    FREE = "free"


class EndOfEnergy(StrEnum):
    """Why energy ended; the words of OCPP 1.6 StopTransaction.reason where they fit."""

    LOCAL = "Local"
    REMOTE = "Remote"
    PAGE = "Page"
    EV_DISCONNECTED = "EVDisconnected"
    FAULT = "Fault"
    DE_AUTHORIZED = "DeAuthorized"
    POWER_LOSS = "PowerLoss"
    HARD_RESET = "HardReset"
    SOFT_RESET = "SoftReset"
    UNLOCK = "UnlockCommand"
    OTHER = "Other"  # the EVSE left the configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One car at one EVSE, from plug or authorisation to departure, with its instants on the location's clock."""

    id: StayId
    evse: EvseId
    began_ms: int
    check_in: CheckInId | None = None
    connector: ConnectorId | None = None
    subject: SubjectRef | None = None
    group: str | None = None
    means: Means | None = None
    reserve_id: int | None = None
    authorised_ms: int | None = None
    permitted_ms: int | None = None
    energised_ms: int | None = None  # first energy
    suspended_ms: int | None = None  # since when the car takes none
    suspended_by_ev: bool = False
    finished_ms: int | None = None
    end_of_energy: EndOfEnergy | None = None
    grace_ended: bool = False
    register_start_wh: int | None = None
    register_wh: int | None = None

    @property
    def wants_energy(self) -> bool:
        """Whether the contactor is to be closed: permitted, not ended."""
        return self.permitted_ms is not None and self.end_of_energy is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveNow:
    """A reservation the CSMS made on one EVSE, from now until its expiry."""

    id: int
    evse: EvseId
    subject: SubjectRef
    group: str | None
    until_ms: int
    until_utc_ms: int | None = None  # as it was told; a step of the wall clock moves `until_ms` with it


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShow:
    """A hold that a User never proven to be here let lapse or gave up, remembered for the cohort rules."""

    at_ms: int
    window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A call code that ended, so that it is not used again too soon."""

    code: str
    ended_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The whole state of a location. Empty until a layout is adopted."""

    location: ChargingLocation | None = None
    digest: str = ""
    elapsed_ms: int = 0
    utc_minus_elapsed_ms: int | None = None
    boot: int = 0
    reconciling_until_ms: int | None = None
    paused: bool = False  # in safe mode: places are kept, nobody is called or joins, no clock runs against anybody
    sequence: int = 0
    next_check_in: int = 1
    next_stay: int = 1
    next_place: int = 1
    evses: Mapping[EvseId, EvseState] = field(default_factory=dict)
    check_ins: Mapping[CheckInId, CheckIn] = field(default_factory=dict)
    holds: Mapping[EvseId, Hold] = field(default_factory=dict)
    stays: Mapping[EvseId, Stay] = field(default_factory=dict)
    reserved: Mapping[EvseId, ReserveNow] = field(default_factory=dict)
    faults: tuple[str, ...] = ()  # of the whole location: nothing starts while one is active
    no_shows: tuple[NoShow, ...] = ()
    scan_windows: tuple[int, ...] = ()  # presence windows whose check-ins must scan again
    scan_all: bool = False
    old_codes: tuple[Code, ...] = ()
    reservations: Mapping[ReservationId, Reservation] = field(default_factory=dict)
    next_reservation: int = 1
    next_fee: int = 1
    known_utc_ms: int | None = None  # the last instant of the wall clock before it became untrusted
    learned: Mapping[StayKind, StayHistory] = field(default_factory=dict)
    remembered: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def at(self, elapsed_ms: int) -> Now:
        """An instant of the location's clock with the time of day as the site knows it."""
        return Now(elapsed_ms, None if (offset := self.utc_minus_elapsed_ms) is None else elapsed_ms + offset)

    def evse_ids(self) -> tuple[EvseId, ...]:
        """The ids of the location's EVSEs, ascending."""
        return () if self.location is None else tuple(sorted(e.id for e in self.location.evses))

    def layout_of(self, evse: EvseId) -> Evse | None:
        """The layout of an EVSE, or None."""
        return None if self.location is None else self.location.evse(evse)

    def evse(self, evse: EvseId) -> EvseState:
        """The state of an EVSE; one that was never heard of is unknown, not free."""
        return self.evses.get(evse, _UNHEARD)

    def line(self) -> list[CheckIn]:
        """Those who wait for an EVSE, also snoozed or on the road, in the order of service."""
        return sorted((c for c in self.check_ins.values() if c.state in IN_LINE), key=lambda c: c.order)

    def open_check_ins(self) -> list[CheckIn]:
        """All that have not ended, by id."""
        return [c for _, c in sorted(self.check_ins.items()) if c.open]

    def hold_of(self, check_in: CheckInId) -> Hold | None:
        """The hold of a CheckIn, or None."""
        return next((h for _, h in sorted(self.holds.items()) if h.check_in == check_in), None)

    def open_with(self, ids: tuple[SubjectRef, ...], but: CheckIn | None = None) -> CheckIn | None:
        """The first open CheckIn, other than `but`, that has one of these as a subject or device, or None."""
        wanted = frozenset(ids)
        found = (
            c
            for c in self.check_ins.values()
            if (c.device in wanted or not wanted.isdisjoint(c.subjects)) and c.open and (but is None or c.id != but.id)
        )
        return min(found, key=lambda c: c.id, default=None)

    def codes_in_use(self) -> Iterator[str]:
        """The call codes of the open CheckIns and reservations."""
        yield from (c.code for c in self.check_ins.values() if c.ended_ms is None)
        yield from (r.code for r in self.reservations.values() if r.open and r.check_in is None)


_UNHEARD = EvseState()
