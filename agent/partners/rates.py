"""How often a credential may ask (`sequere.md` 7): token buckets in memory, one for each credential and kind of call.

Pure but for its own memory; time comes in as monotonic seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls a second on average, and so many at once."""

    per_s: float
    burst: float


class Called(Enum):
    """Kinds of calls, each with its rate."""

    OPERATION = Rate(per_s=10, burst=50)
    AVAILABILITY = Rate(per_s=2, burst=10)
    LIST = Rate(per_s=1, burst=10)  # reading all pages of a list at once is what lists are for


class Rates:
    """Counts calls."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, Called], tuple[float, float]] = {}

    def take(self, who: str, called: Called, now_s: float) -> bool:
        """Return whether one more call is within the rate, and count it if so."""
        rate = called.value
        left, at_s = self._left.get((who, called), (rate.burst, now_s))
        left = min(rate.burst, left + (now_s - at_s) * rate.per_s)
        allowed = left >= 1
        self._left[who, called] = (left - 1 if allowed else left, now_s)
        return allowed


RATE_OF: Mapping[str, Called] = {
    "Availability": Called.AVAILABILITY,
    "GetLocations": Called.LIST,
    "GetCheckIns": Called.LIST,
    "GetReservations": Called.LIST,
    "GetPlannedPower": Called.LIST,
}
