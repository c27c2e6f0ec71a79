"""What happened to bookings, fees and what is learned. Pure data; imported through `events.py`."""

from dataclasses import dataclass, field
from enum import StrEnum

from agent.core.booking import Canceler, Period, Plan, Reservation, ReservationId, ReservationStatus
from agent.core.event import Event
from agent.core.history import StayKind
from agent.core.layout import CheckInId, EvseId, PoolId, SubjectRef
from agent.core.terms import BookingTerms, Fee
from agent.core.visit import Origin, Reason, Vehicle, Wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationMade(Event):
    """A slot was booked. `plan` is where it, and those moved to make room, are planned from now on."""

    reservation: ReservationId
    pool: PoolId
    code: str
    origin: Origin
    period: Period
    terms: BookingTerms
    wishes: Wishes
    plan: Plan
    subjects: tuple[SubjectRef, ...] = ()
    device: SubjectRef | None = None
    groups: tuple[str, ...] = ()
    owner: str | None = None
    reference: str | None = None
    expected_utc_ms: int | None = None
    departure_utc_ms: int | None = None
    vehicle: Vehicle = field(default_factory=Vehicle)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationChanged(Event):
    """The User changed slot, pool or wishes in one step: the old slot is given up with the new one certain."""

    reservation: ReservationId
    pool: PoolId
    period: Period
    terms: BookingTerms
    wishes: Wishes
    plan: Plan
    subjects: tuple[SubjectRef, ...]
    groups: tuple[str, ...]
    expected_utc_ms: int | None
    departure_utc_ms: int | None
    vehicle: Vehicle
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationArrivalUpdated(Event):
    """A new expected arrival within the time that the slot is kept anyway."""

    reservation: ReservationId
    expected_utc_ms: int | None
    departure_utc_ms: int | None
    vehicle: Vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationsPlanned(Event):
    """The ledger made room differently, after an outage or a new layout; nobody is told, for nothing was promised."""

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationLookedAt(Event):
    """Near the start it was looked at whether the slot can be kept: `reason` tells why not, if no later one is sure."""

    reservation: ReservationId
    plan: Plan
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationMoved(Event):
    """The site cannot keep the slot and keeps a later one: changing and canceling are free from now on."""

    reservation: ReservationId
    period: Period
    plan: Plan
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationDue(Event):
    """The start is near: the reservation enters the line, in front, as a CheckIn of its own."""

    reservation: ReservationId
    check_in: CheckInId
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationEnded(Event):
    """A reservation came to its end."""

    reservation: ReservationId
    status: ReservationStatus
    reason: Reason
    canceler: Canceler | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationForgotten(Event):
    """An ended reservation left the state; its subjects may be forgotten."""

    reservation: ReservationId


class EvidenceKind(StrEnum):
    """What was seen; `sequere.md` 4.7."""

    HELD = "HELD"
    NOTICE_SHOWN = "NOTICE_SHOWN"
    BAY_EMPTY = "BAY_EMPTY"
    BAY_OCCUPIED = "BAY_OCCUPIED"
    NO_TOKEN = "NO_TOKEN"
    HOLD_ENDED = "HOLD_ENDED"
    ENERGY_ENDED = "ENERGY_ENDED"
    DEPARTED = "DEPARTED"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that was seen, and when; at an EVSE, where it was at one."""

    at_ms: int
    utc_ms: int | None
    kind: EvidenceKind
    evse: EvseId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeArose(Event):
    """A fee of the agreed terms is due, with what was seen. Whether to bill is the partner's decision."""

    fee_id: int
    fee: Fee
    evidence: tuple[Evidence, ...]
    reservation: ReservationId | None = None
    check_in: CheckInId | None = None
    quantity_min: int | None = None  # of a fee by the minute


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationRestated(Event):
    """One reservation, open or ended a short while ago."""

    reservation: Reservation


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysRestated(Event):
    """What was learned of one kind of stays, in seconds, oldest first; also how a simulation is given a history."""

    kind: StayKind
    seconds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingCountersRestated(Event):
    """The counters of bookings, and the last instant of the wall clock that was trusted."""

    next_reservation: int
    next_fee: int
    known_utc_ms: int | None
