"""What was decided or happened: the only thing the journal keeps and the only thing that changes a `Site`.

Past tense, frozen, without personal ids. `at_ms` is the instant on the location's clock. A field is only ever added
with a default; anything else is a new VERSION with an upcaster in the journal's codec.
"""

from dataclasses import dataclass

from agent.core.layout import ChargingLocation, CheckInId, ConnectorId, EvseId, PoolId, StayId, SubjectRef
from agent.core.state import (
    Bay,
    CheckIn,
    CheckInState,
    EndOfEnergy,
    EvseState,
    Expected,
    Hold,
    Means,
    Origin,
    Quote,
    Rank,
    Reason,
    ReserveNow,
    Stay,
    TokenAnswer,
    Wishes,
)
from agent.core.state import Code as CodeEnded
from agent.core.state import NoShow as NoShowNoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events: the instant on the location's own clock."""

    at_ms: int


# --- the location itself


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutAdopted(Event):
    """The layout and policy of the configuration hold from now on."""

    location: ChargingLocation
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Event):
    """The agent started again: running holds get their full window, nothing is assigned before inputs are read."""

    boot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled(Event):
    """Inputs have been read, or the time for it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet(Event):
    """The wall clock relative to the location's clock; None while untrusted."""

    utc_minus_elapsed_ms: int | None


# --- the queue


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
    window: int | None = None
    quote: Quote | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalUpdated(Event):
    """A new expected arrival (None: here now) and departure."""

    check_in: CheckInId
    expected: Expected | None
    departure_utc_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approached(Event):
    """The expected arrival is within the window, or the User was seen on site: ON_THE_ROAD becomes WAITING."""

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
    """An EVSE is held until the arrival window ends. `passed` names who was passed over; why is in events before."""

    check_in: CheckInId
    evse: EvseId
    connector: ConnectorId
    until_ms: int
    passed: tuple[CheckInId, ...] = ()


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


# --- bays, stays and energy


@dataclass(frozen=True, slots=True, kw_only=True)
class BayChanged(Event):
    """A bay is free, occupied or unknown now."""

    evse: EvseId
    bay: Bay


@dataclass(frozen=True, slots=True, kw_only=True)
class BayBlocked(Event):
    """A car without plug has stood in the bay for longer than the grace."""

    evse: EvseId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorPlugged(Event):
    """A car is plugged in; a stay begins if none had begun with a token."""

    evse: EvseId
    connector: ConnectorId
    stay: StayId
    check_in: CheckInId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorFreed(Event):
    """The plug was pulled: the stay is over."""

    evse: EvseId
    register_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShown(Event):
    """The reader of an EVSE answered somebody."""

    evse: EvseId
    subject: SubjectRef
    answer: TokenAnswer
    check_in: CheckInId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorised(Event):
    """A stay may have energy; it begins here if nothing is plugged in yet."""

    evse: EvseId
    stay: StayId
    means: Means
    subject: SubjectRef | None = None
    group: str | None = None
    check_in: CheckInId | None = None
    reserve_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationLapsed(Event):
    """Nothing was plugged in within the time-out: the stay is over before it began."""

    evse: EvseId


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPermitted(Event):
    """Energy may flow at this EVSE from now on."""

    evse: EvseId


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyEnded(Event):
    """Energy may flow no more in this stay; `subject` is the IdToken that ended it, where one did."""

    evse: EvseId
    why: EndOfEnergy
    subject: SubjectRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Energised(Event):
    """The contactor closed."""

    evse: EvseId
    register_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeEnergised(Event):
    """The contactor opened."""

    evse: EvseId
    register_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPaused(Event):
    """The car takes no energy though it may."""

    evse: EvseId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingResumed(Event):
    """The car takes energy again."""

    evse: EvseId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingFinished(Event):
    """Charging counts as ended: energy was ended, or the car has taken none for a while. The time to move begins."""

    evse: EvseId


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveGraceEnded(Event):
    """The time to move after charging is over and the car is still here."""

    evse: EvseId


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterNoted(Event):
    """A checkpoint of the energy register, so that a power cut loses at most five minutes of it."""

    evse: EvseId
    register_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRaised(Event):
    """A fault is active, at an EVSE or (None) at the whole location."""

    evse: EvseId | None
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCleared(Event):
    """A fault is over."""

    evse: EvseId | None
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilitySet(Event):
    """An EVSE was put in or out of operation."""

    evse: EvseId
    operative: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveNowMade(Event):
    """The CSMS reserved an EVSE; the same id replaces."""

    reserve: ReserveNow


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveNowEnded(Event):
    """A ReserveNow is over: used, expired, cancelled or removed (EVSE_FAULT, EVSE_UNAVAILABLE)."""

    id: int
    evse: EvseId
    reason: Reason


# --- restating: plain events that rebuild what is open; the snapshot is made of these


@dataclass(frozen=True, slots=True, kw_only=True)
class CountersRestated(Event):
    """The counters, the clock relation and the memory of the cohort rules."""

    boot: int
    sequence: int
    next_check_in: int
    next_stay: int
    next_place: int
    utc_minus_elapsed_ms: int | None
    reconciling_until_ms: int | None
    faults: tuple[str, ...]
    no_shows: tuple[NoShowNoted, ...]
    scan_windows: tuple[int, ...]
    scan_all: bool
    old_codes: tuple[CodeEnded, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseRestated(Event):
    """One EVSE with whatever hold, stay and ReserveNow it has."""

    evse: EvseId
    state: EvseState
    hold: Hold | None = None
    stay: Stay | None = None
    reserve: ReserveNow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInRestated(Event):
    """One CheckIn, open or ended a short while ago."""

    check_in: CheckIn
