"""What was decided or happened: the only thing the journal keeps and the only thing that changes a `Site`.

Past tense, frozen, without personal ids. `at_ms` is the instant on the location's clock. A field is only ever added
with a default; anything else is a new VERSION with an upcaster in the journal's codec.
"""

from dataclasses import dataclass

from agent.core.event import Event as Event
from agent.core.events_booking import BookingCountersRestated as BookingCountersRestated
from agent.core.events_booking import Evidence as Evidence
from agent.core.events_booking import EvidenceKind as EvidenceKind
from agent.core.events_booking import FeeArose as FeeArose
from agent.core.events_booking import ReservationArrivalUpdated as ReservationArrivalUpdated
from agent.core.events_booking import ReservationChanged as ReservationChanged
from agent.core.events_booking import ReservationDue as ReservationDue
from agent.core.events_booking import ReservationEnded as ReservationEnded
from agent.core.events_booking import ReservationForgotten as ReservationForgotten
from agent.core.events_booking import ReservationLookedAt as ReservationLookedAt
from agent.core.events_booking import ReservationMade as ReservationMade
from agent.core.events_booking import ReservationMoved as ReservationMoved
from agent.core.events_booking import ReservationRestated as ReservationRestated
from agent.core.events_booking import ReservationsPlanned as ReservationsPlanned
from agent.core.events_booking import StaysRestated as StaysRestated
from agent.core.events_queue import Approached as Approached
from agent.core.events_queue import ArrivalUpdated as ArrivalUpdated
from agent.core.events_queue import CallMissed as CallMissed
from agent.core.events_queue import CheckedIn as CheckedIn
from agent.core.events_queue import CheckInChanged as CheckInChanged
from agent.core.events_queue import CheckInEnded as CheckInEnded
from agent.core.events_queue import CheckInForgotten as CheckInForgotten
from agent.core.events_queue import CheckOutUndone as CheckOutUndone
from agent.core.events_queue import EvseAssigned as EvseAssigned
from agent.core.events_queue import HoldConfirmed as HoldConfirmed
from agent.core.events_queue import HoldExtended as HoldExtended
from agent.core.events_queue import HoldLost as HoldLost
from agent.core.events_queue import HoldMoved as HoldMoved
from agent.core.events_queue import HoldPaused as HoldPaused
from agent.core.events_queue import HoldResumed as HoldResumed
from agent.core.events_queue import PresenceProven as PresenceProven
from agent.core.events_queue import ScanDemanded as ScanDemanded
from agent.core.events_queue import ScanRelaxed as ScanRelaxed
from agent.core.events_queue import Snoozed as Snoozed
from agent.core.events_queue import SnoozeEnded as SnoozeEnded
from agent.core.events_stay import AuthorisationLapsed as AuthorisationLapsed
from agent.core.events_stay import Authorised as Authorised
from agent.core.events_stay import AvailabilitySet as AvailabilitySet
from agent.core.events_stay import BayBlocked as BayBlocked
from agent.core.events_stay import BayChanged as BayChanged
from agent.core.events_stay import ChargingFinished as ChargingFinished
from agent.core.events_stay import ChargingPaused as ChargingPaused
from agent.core.events_stay import ChargingResumed as ChargingResumed
from agent.core.events_stay import ConnectorFreed as ConnectorFreed
from agent.core.events_stay import ConnectorPlugged as ConnectorPlugged
from agent.core.events_stay import DeEnergised as DeEnergised
from agent.core.events_stay import Energised as Energised
from agent.core.events_stay import EnergyEnded as EnergyEnded
from agent.core.events_stay import EnergyPermitted as EnergyPermitted
from agent.core.events_stay import FaultCleared as FaultCleared
from agent.core.events_stay import FaultRaised as FaultRaised
from agent.core.events_stay import MoveGraceEnded as MoveGraceEnded
from agent.core.events_stay import RegisterNoted as RegisterNoted
from agent.core.events_stay import ReserveNowEnded as ReserveNowEnded
from agent.core.events_stay import ReserveNowMade as ReserveNowMade
from agent.core.events_stay import TokenShown as TokenShown
from agent.core.layout import ChargingLocation, EvseId
from agent.core.state import CheckIn, EvseState, Hold, ReserveNow, Stay
from agent.core.state import Code as CodeEnded
from agent.core.state import NoShow as NoShowNoted

# --- the location itself


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutAdopted(Event):
    """The layout and policy of the configuration hold from now on."""

    location: ChargingLocation
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Event):
    """The agent started again: running holds get their full window, nothing is assigned before inputs are read.

    `paused`: in safe mode, until the next start nothing is assigned and nobody joins.
    """

    boot: int
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled(Event):
    """Inputs have been read, or the time for it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSet(Event):
    """The wall clock relative to the location's clock; None while untrusted."""

    utc_minus_elapsed_ms: int | None


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
    paused: bool = False


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
