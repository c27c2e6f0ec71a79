"""What somebody asks of a CheckIn that there is. Pure data; imported through `inputs.py`."""

from dataclasses import dataclass

from agent.core.layout import CheckInId
from agent.core.visit import Origin, Quote, Vehicle


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveQueue:
    """SeQueRe CheckOut."""

    check_in: CheckInId
    origin: Origin = Origin.PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoLeave:
    """Take a CheckOut back, within `Policy.undo_ms` and while nobody was called in between."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeCheckIn:
    """Let others go first for some minutes and keep the place; 0 minutes = ready now."""

    check_in: CheckInId
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateArrival:
    """A new expected arrival; while called, once, a longer hold."""

    check_in: CheckInId
    expected_utc_ms: int | None = None
    expected_in_ms: int | None = None
    departure_utc_ms: int | None = None
    vehicle: Vehicle | None = None  # None: as it was
    quote: Quote | None = None  # the forecast of their wait, to judge the departure by


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendHold:
    """ "I'm on my way": once, `Policy.extension_ms` more."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvePresence:
    """A fresh scan of the display by the holder of a CheckIn: proves presence; with a hold, confirms the bay."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPresence:
    """Somebody on site named the call code of a CheckIn. The code is public: it shows who is there, and proves nothing.

    Only for who must be seen on site before they are called (`PartnerPresence.SCAN`); for others it changes nothing.
    """

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAtPage:
    """ "It is me, start here": confirms the held bay, and starts energy where the policy allows it without IdToken."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAtPage:
    """Stop charging from the own page."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBlocked:
    """The called User says that somebody else stands in the bay."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFree:
    """The User who lost a bay to a stranger says that it is free now."""

    check_in: CheckInId


@dataclass(frozen=True, slots=True, kw_only=True)
class UseBay:
    """ "Charge here instead": the called User is plugged in at another bay than theirs and wants that one."""

    check_in: CheckInId
