"""What comes into the core: Requests, which may be refused; Observations, which have happened.

Pure data. Everything here is already parsed and checked at the edge: ids exist as types, random draws and subject
references are made outside, wall-clock instants are UTC milliseconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from agent.core.booking import ReservationId
from agent.core.inputs_booking import CancelReservation as CancelReservation
from agent.core.inputs_booking import Reserve as Reserve
from agent.core.inputs_booking import UpdateBookedArrival as UpdateBookedArrival
from agent.core.inputs_own import ExtendHold as ExtendHold
from agent.core.inputs_own import LeaveQueue as LeaveQueue
from agent.core.inputs_own import ProvePresence as ProvePresence
from agent.core.inputs_own import ReportBlocked as ReportBlocked
from agent.core.inputs_own import ReportFree as ReportFree
from agent.core.inputs_own import ShowPresence as ShowPresence
from agent.core.inputs_own import SnoozeCheckIn as SnoozeCheckIn
from agent.core.inputs_own import StartAtPage as StartAtPage
from agent.core.inputs_own import StopAtPage as StopAtPage
from agent.core.inputs_own import UndoLeave as UndoLeave
from agent.core.inputs_own import UpdateArrival as UpdateArrival
from agent.core.inputs_own import UseBay as UseBay
from agent.core.layout import ChargingLocation, CheckInId, ConnectorId, EvseId, PoolId, SubjectRef
from agent.core.state import Bay, EndOfEnergy, Origin, Quote, Vehicle, Wishes


class Refusal(StrEnum):
    """Why a Request was refused; the keys of the texts in `experience.md` 2.6 and the results of `sequere.md` 5."""

    POOL_UNKNOWN = "pool_unknown"
    POOL_FULL = "pool_full"
    LOCATION_CLOSED = "location_closed"
    TOO_LATE_TODAY = "too_late_today"
    NO_EVSE_FITS = "no_evse_fits"
    NONE_IN_SERVICE = "none_in_service"
    DEPARTURE_TOO_SOON = "departure_too_soon"
    ALREADY_CHECKED_IN = "already_checked_in"
    TOKEN_UNKNOWN = "token_unknown"
    TOKEN_BLOCKED = "token_blocked"
    TOKEN_UNCHECKABLE = "token_uncheckable"
    NOT_YOUR_TURN = "not_your_turn"
    HELD_FOR_OTHER = "held_for_other"
    EVSE_OCCUPIED = "evse_occupied"
    EVSE_UNKNOWN = "evse_unknown"
    CHECKIN_UNKNOWN = "checkin_unknown"
    CHECKIN_ENDED = "checkin_ended"
    CHANGE_REFUSED = "change_refused"
    SNOOZE_LIMIT = "snooze_limit"
    EXTENSION_USED = "extension_used"
    NOT_CALLED = "not_called"
    NOT_CHARGING = "not_charging"
    UNDO_TOO_LATE = "undo_too_late"
    PAYMENT_NEEDED = "payment_needed"
    KEPT_FOR_BOOKING = "kept_for_booking"
    RESERVATION_REQUIRED = "reservation_required"
    NOT_BOOKABLE = "not_bookable"
    SLOT_TAKEN = "slot_taken"
    BOOKED_SHARE = "booked_share"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    BAD_LENGTH = "bad_length"
    ONE_RESERVATION = "one_reservation"
    CHANGE_DEADLINE = "change_deadline"
    RESERVATION_UNKNOWN = "reservation_unknown"
    RESERVATION_ENDED = "reservation_ended"
    CLOCK_UNTRUSTED = "clock_untrusted"
    STARTING = "starting"
    CANNOT_STORE = "cannot_store"
    PAUSED = "paused"


class Verdict(StrEnum):
    """What is known of an IdToken: the statuses of OCPP, and that it could not be asked."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT = "ConcurrentTx"
    UNCHECKABLE = "Uncheckable"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinQueue:
    """A CheckIn is asked for (SeQueRe CheckIn). With `replaces` an open one is changed in one step.

    `draw` is a random number for the call code. `quote` is the forecast shown to the User before the decision.
    `window` is the presence window of an anonymous User. `owner` is the partner that asks.
    """

    pool: PoolId
    draw: int
    origin: Origin
    subjects: tuple[SubjectRef, ...] = ()
    device: SubjectRef | None = None
    groups: tuple[str, ...] = ()
    owner: str | None = None
    wishes: Wishes = field(default_factory=Wishes)
    more_time: bool = False
    expected_utc_ms: int | None = None
    expected_in_ms: int | None = None  # the same as a span, for callers without a trusted clock
    departure_utc_ms: int | None = None
    vehicle: Vehicle = field(default_factory=Vehicle)
    departure_accepted: bool = False  # the User was told that the wait may outlast it
    window: int | None = None
    quote: Quote | None = None
    replaces: CheckInId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteStart:
    """The CSMS asks to start for an IdToken; without EVSE the first permitted one with a car is taken."""

    subject: SubjectRef
    verdict: Verdict = Verdict.ACCEPTED
    evse: EvseId | None = None
    group: str | None = None
    groups: tuple[str, ...] = ()  # as in TokenPresented, for pools with token groups


@dataclass(frozen=True, slots=True, kw_only=True)
class StopStay:
    """The CSMS, a reset or an unlock ends the energy of an EVSE."""

    evse: EvseId
    why: EndOfEnergy


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAvailability:
    """Put an EVSE, or with None all, in or out of operation. A running charge goes on to its end."""

    evse: EvseId | None
    operative: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeReserveNow:
    """OCPP ReserveNow on one EVSE until an instant; a known id is replaced."""

    id: int
    evse: EvseId
    subject: SubjectRef
    group: str | None = None
    until_utc_ms: int | None = None
    for_ms: int | None = None  # the same as a span, when the wall clock is untrusted


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReserveNow:
    """OCPP CancelReservation."""

    id: int


Request = (
    JoinQueue
    | Reserve
    | CancelReservation
    | UpdateBookedArrival
    | LeaveQueue
    | UndoLeave
    | SnoozeCheckIn
    | UpdateArrival
    | ExtendHold
    | ProvePresence
    | ShowPresence
    | StartAtPage
    | StopAtPage
    | ReportBlocked
    | ReportFree
    | UseBay
    | RemoteStart
    | StopStay
    | SetAvailability
    | MakeReserveNow
    | CancelReserveNow
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutRead:
    """The configuration was read at start; `digest` tells one from another."""

    location: ChargingLocation
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The agent started; `boot` counts starts. The first input of each start, before the layout is read.

    `paused` tells that it has ended uncleanly again and again, and starts in safe mode: the queue rests.
    """

    boot: int
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsRead:
    """All inputs have been read once since the start: what is seen may be acted upon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRead:
    """The wall clock became trusted, was stepped, or became untrusted (None)."""

    utc_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaySeen:
    """A bay sensor's settled state."""

    evse: EvseId
    bay: Bay


@dataclass(frozen=True, slots=True, kw_only=True)
class PluggedIn:
    """A car was plugged in."""

    evse: EvseId
    connector: ConnectorId


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplugged:
    """The plug was pulled; with the energy register at that moment, where there is a meter."""

    evse: EvseId
    register_wh: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactorSeen:
    """The contactor as read back; with the energy register at that moment."""

    evse: EvseId
    energised: bool
    register_wh: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspensionSeen:
    """The car takes no energy though it may, or takes it again."""

    evse: EvseId
    by_ev: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRead:
    """A checkpoint of the energy register while energy flows."""

    evse: EvseId
    register_wh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPresented:
    """An IdToken at the reader of an EVSE, with what the authoriser found out; `draw` is for a call code."""

    evse: EvseId
    subject: SubjectRef
    verdict: Verdict
    draw: int
    group: str | None = None
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSeen:
    """A fault is active or cleared, at an EVSE or (None) at the whole location."""

    evse: EvseId | None
    code: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRefused:
    """The CSMS answered the start of a stay's transaction with a verdict that is not Accepted."""

    evse: EvseId
    subject: SubjectRef


Observation = (
    LayoutRead
    | Started
    | InputsRead
    | ClockRead
    | BaySeen
    | PluggedIn
    | Unplugged
    | ContactorSeen
    | SuspensionSeen
    | RegisterRead
    | TokenPresented
    | FaultSeen
    | TransactionRefused
)

Input = Request | Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A Request was refused, for a reason that people understand; nothing changed."""

    reason: Refusal
    check_in: CheckInId | None = None  # the one it is about, e.g. the open one of ALREADY_CHECKED_IN
    evse: EvseId | None = None
    reservation: ReservationId | None = None  # likewise, or the one for which an EVSE is kept
