"""What is told of a visit: when somebody comes, what wait they were shown, and what their vehicle needs.

Pure data. It stands in events, which name nobody; the reference of who told it is forgotten a day after departure.
"""

from dataclasses import dataclass

ENERGY_NEED_MAX_WH = 10_000_000  # the limit of SeQueRe's energy_need; no vehicle of 2026 comes near


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
