"""What happened in the queue. Pure data; imported through `events.py`."""

from dataclasses import dataclass, field

from agent.core.event import Event
from agent.core.layout import CheckInId, ConnectorId, EvseId, PoolId, StayId, SubjectRef
from agent.core.state import CheckInState, Origin, Rank, Reason, Wishes
from agent.core.visit import Expected, Quote, Vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedIn(Event):
    """A User joined a queue."""

    check_in: CheckInId
    pool: PoolId
    code: str
    origin: Origin
    rank: Rank
    wishes: Wishes
    subjects: tuple[SubjectRef, ...] = ()
    device: SubjectRef | None = None
    groups: tuple[str, ...] = ()
    owner: str | None = None
    more_time: bool = False
    expected: Expected | None = None
    departure_utc_ms: int | None = None
    vehicle: Vehicle = field(default_factory=Vehicle)
    window: int | None = None
    quote: Quote | None = None
    must_show: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInChanged(Event):
    """Pool, wishes or ids were changed in one step; the rank says whether the place was kept."""

    check_in: CheckInId
    pool: PoolId
    rank: Rank
    wishes: Wishes
    subjects: tuple[SubjectRef, ...]
    groups: tuple[str, ...]
    more_time: bool
    expected: Expected | None
    departure_utc_ms: int | None
    quote: Quote | None
    vehicle: Vehicle = field(default_factory=Vehicle)
    must_show: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalUpdated(Event):
    """A new expected arrival (None: here now) and departure."""

    check_in: CheckInId
    expected: Expected | None
    departure_utc_ms: int | None
    vehicle: Vehicle = field(default_factory=Vehicle)
    must_show: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Approached(Event):
    """The expected arrival is within the window, or the User was seen on site: ON_THE_ROAD becomes WAITING.

    Who snoozes goes on snoozing, and is on site after it.
    """

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoozed(Event):
    """Others go first until then; a held EVSE is given up."""

    check_in: CheckInId
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeEnded(Event):
    """Ready again."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseAssigned(Event):
    """An EVSE is held until the arrival window ends. `passed` names who was passed over: `kept_from` those of them with
    whom a booking would be in danger; for the others, why is in events before."""

    check_in: CheckInId
    evse: EvseId
    connector: ConnectorId
    until_ms: int
    passed: tuple[CheckInId, ...] = ()
    kept_from: tuple[CheckInId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldExtended(Event):
    """The arrival window was lengthened, once."""

    check_in: CheckInId
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPaused(Event):
    """Something stands in the held bay: the no-show clock stops, at the latest until `until_ms` less `left_ms`."""

    check_in: CheckInId
    until_ms: int
    left_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldResumed(Event):
    """The held bay is empty again: the no-show clock goes on."""

    check_in: CheckInId
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldConfirmed(Event):
    """The User said on the page, or by a fresh scan, that the car in the held bay is theirs."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldMoved(Event):
    """The User said on the page that they charge where they are plugged in: that EVSE is held for them instead."""

    check_in: CheckInId
    evse: EvseId
    connector: ConnectorId
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLost(Event):
    """The EVSE cannot be given to its holder, by no fault of theirs: they are served first."""

    check_in: CheckInId
    evse: EvseId
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMissed(Event):
    """Nobody came: back into the queue at another place, once."""

    check_in: CheckInId
    evse: EvseId
    rank: Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceProven(Event):
    """The User showed by a fresh scan that they are on site."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanDemanded(Event):
    """Too many anonymous check-ins did not show: those of one presence window, or (None) all, must scan again."""

    window: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRelaxed(Event):
    """No unproven no-shows for a while: anonymous check-ins need no second scan any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInEnded(Event):
    """A CheckIn came to its end: FULFILLED, CHECKED_OUT, NO_SHOW or CANCELED."""

    check_in: CheckInId
    state: CheckInState
    reason: Reason
    evse: EvseId | None = None
    stay: StayId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutUndone(Event):
    """The User took the leaving back and has the old place again."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInForgotten(Event):
    """An ended CheckIn left the state; its subjects may be forgotten."""

    check_in: CheckInId
