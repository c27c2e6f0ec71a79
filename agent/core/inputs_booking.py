"""What is asked of the calendar. Pure data; imported through `inputs.py`."""

from dataclasses import dataclass, field

from agent.core.booking import Period, ReservationId
from agent.core.layout import PoolId, SubjectRef
from agent.core.visit import Origin, Vehicle, Wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """A slot is asked for (SeQueRe Reservation). With `replaces` an open reservation is changed in one step.

    `draw` is a random number for the call code. `from_now` is the right to book without advance, increment and share.
    """

    pool: PoolId
    period: Period
    draw: int
    origin: Origin
    subjects: tuple[SubjectRef, ...] = ()
    device: SubjectRef | None = None
    groups: tuple[str, ...] = ()
    owner: str | None = None
    reference: str | None = None
    wishes: Wishes = field(default_factory=Wishes)
    expected_utc_ms: int | None = None
    departure_utc_ms: int | None = None
    vehicle: Vehicle = field(default_factory=Vehicle)
    replaces: ReservationId | None = None
    from_now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservation:
    """SeQueRe Cancellation: always possible until the session starts."""

    reservation: ReservationId
    origin: Origin = Origin.PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateBookedArrival:
    """A new expected arrival: within the time that is kept anyway it is noted, later the slot moves as a whole."""

    reservation: ReservationId
    expected_utc_ms: int
    departure_utc_ms: int | None = None
    vehicle: Vehicle | None = None  # None: as it was
