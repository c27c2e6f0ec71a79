"""What happened at bays, in stays and to energy. Pure data; imported through `events.py`."""

from dataclasses import dataclass

from agent.core.event import Event
from agent.core.layout import CheckInId, ConnectorId, EvseId, StayId, SubjectRef
from agent.core.state import Bay, EndOfEnergy, Means, Reason, ReserveNow, TokenAnswer


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
