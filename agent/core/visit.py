"""What is told of a visit: what Users want, when they come, what wait they were shown, what their vehicle needs.

Pure data. It stands in events, which name nobody; the reference of who told it is forgotten a day after departure.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.core.layout import EvseId

ENERGY_NEED_MAX_WH = 10_000_000  # the limit of SeQueRe's energy_need; no vehicle of 2026 comes near


class Origin(StrEnum):
    """Where a CheckIn came from. Only PAGE check-ins are anonymous and must prove that somebody is on site."""

    PAGE = "page"
    READER = "reader"
    PARTNER = "partner"
    OPERATOR = "operator"


class Reason(StrEnum):
    """Why something changed or ended, in the words of `sequere.md` 6.1."""

    POSITION = "POSITION"
    CALLED = "CALLED"
    ARRIVED = "ARRIVED"
    SNOOZE_ENDED = "SNOOZE_ENDED"
    SESSION_STARTED = "SESSION_STARTED"
    MISSED_CALL = "MISSED_CALL"
    NOT_ARRIVED = "NOT_ARRIVED"
    EVSE_FAULT = "EVSE_FAULT"
    EVSE_UNAVAILABLE = "EVSE_UNAVAILABLE"
    EVSE_BLOCKED = "EVSE_BLOCKED"
    USER = "USER"
    PARTNER = "PARTNER"
    OPERATOR = "OPERATOR"
    CLOSED = "CLOSED"
    POOL_REMOVED = "POOL_REMOVED"
    EXPIRED = "EXPIRED"
    PREVIOUS_USER_STAYS = "PREVIOUS_USER_STAYS"
    EARLY_START_POSSIBLE = "EARLY_START_POSSIBLE"
    RESTATED = "RESTATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a User accepts: any of the standards, at least the power, an accessible bay, any of the EVSEs."""

    standards: tuple[str, ...] = ()
    min_power_w: int = 0
    accessible: bool = False
    evses: tuple[EvseId, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """When a User on the road is expected: on the location's clock, and the UTC instant it was told as, if it was."""

    elapsed_ms: int
    utc_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The wait that was shown at check-in, in minutes."""

    p10_min: int
    p50_min: int
    p90_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """State of charge on arrival in percent, and the energy wanted in Wh; None where nothing was told."""

    soc_percent: int | None = None
    energy_need_wh: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no battery can be."""
        if self.soc_percent is not None and not 0 <= self.soc_percent <= 100:
            raise ValueError(f"state of charge {self.soc_percent} %: must be from 0 to 100")
        if self.energy_need_wh is not None and not 0 < self.energy_need_wh <= ENERGY_NEED_MAX_WH:
            raise ValueError(f"energy need {self.energy_need_wh} Wh: must be from 1 to {ENERGY_NEED_MAX_WH}")
