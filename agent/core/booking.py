"""A reservation: a booked slot in a pool, and its life.

Pure data. The statuses are those of OCPI 2.3 Bookings. Instants are UTC: a booking is an appointment of the wall clock.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from agent.core.layout import CheckInId, EvseId, PoolId, SubjectRef
from agent.core.terms import MINUTE_MS, BookingTerms
from agent.core.visit import Origin, Reason, Vehicle, Wishes

ReservationId = NewType("ReservationId", int)

Plan = tuple[tuple[ReservationId, EvseId], ...]  # reservations and the EVSEs they are planned on from now on


class ReservationStatus(StrEnum):
    """OCPI ReservationStatus, without those that are decided before a reservation exists (PENDING, REJECTED)."""

    RESERVED = "RESERVED"
    CANCELED = "CANCELED"
    NO_SHOW = "NO_SHOW"
    FULFILLED = "FULFILLED"


class Canceler(StrEnum):
    """Who canceled, as OCPI has it from the site's side: the partner or User who booked, or the site."""

    RECEIVER = "RECEIVER"
    SENDER = "SENDER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A span of the wall clock, `end_utc_ms` excluded."""

    begin_utc_ms: int
    end_utc_ms: int

    def __post_init__(self) -> None:
        """Refuse what ends before it begins."""
        if self.end_utc_ms <= self.begin_utc_ms:
            raise ValueError("a period must end after it begins")

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.end_utc_ms - self.begin_utc_ms

    def overlaps(self, other: "Period") -> bool:
        """Return whether two periods share an instant."""
        return self.begin_utc_ms < other.end_utc_ms and other.begin_utc_ms < self.end_utc_ms

    def moved_to(self, begin_utc_ms: int) -> "Period":
        """Return a period as long that begins at another instant."""
        return Period(begin_utc_ms=begin_utc_ms, end_utc_ms=begin_utc_ms + self.length_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A booked slot. `planned` is where the ledger has room for it now, which is nobody's business but the ledger's;
    `check_in` is the CheckIn that it became when it came due; `moved` tells that the site itself has moved it, which
    makes changing and canceling free."""

    id: ReservationId
    pool: PoolId
    code: str
    origin: Origin
    status: ReservationStatus
    period: Period
    agreed_utc_ms: int  # the start that the User agreed to; the site may have moved the period since
    terms: BookingTerms
    accepts: tuple[EvseId, ...]
    planned: EvseId | None
    made_ms: int
    changed_ms: int
    sequence: int
    wishes: Wishes = field(default_factory=Wishes)
    subjects: tuple[SubjectRef, ...] = ()
    device: SubjectRef | None = None
    groups: tuple[str, ...] = ()
    owner: str | None = None
    reference: str | None = None  # the partner's own, echoed
    expected_utc_ms: int | None = None
    departure_utc_ms: int | None = None
    vehicle: Vehicle = field(default_factory=Vehicle)
    check_in: CheckInId | None = None
    moved: bool = False
    looked_utc_ms: int | None = None  # when it was last looked at whether the slot can be kept
    reason: Reason | None = None
    canceler: Canceler | None = None
    ended_ms: int | None = None

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.ended_ms is None

    @property
    def claimed(self) -> Period:
        """The span that the ledger keeps for it: with the time after the end that the terms allow."""
        late_ms = self.terms.late_stop_min * MINUTE_MS
        return Period(begin_utc_ms=self.period.begin_utc_ms, end_utc_ms=self.period.end_utc_ms + late_ms)

    @property
    def kept_until_utc_ms(self) -> int:
        """Until when the EVSE is kept for somebody who is late."""
        return self.period.begin_utc_ms + self.terms.no_show_min * MINUTE_MS
