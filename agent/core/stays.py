"""How long EVs stay: classes of connectors, quantile tables, and what is left of a stay that is under way.

Pure. A table is a distribution of minutes on the plug. Stays at fast DC chargers age (the longer, the sooner over), at
AC they do not: so what is left follows from the table and the time already spent, never from one mean.
"""

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from math import log

from agent.core.layout import Connector

DC_FAST_FROM_W = 100_000  # between the 50 kW units and the 172 kW station of the prior


class StayClass(StrEnum):
    """Connectors at which people stay about as long."""

    DC_FAST = "dc_fast"
    DC_50 = "dc_50"
    AC = "ac"


def stay_class(connector: Connector) -> StayClass:
    """Return the class of a connector."""
    if not connector.dc:
        return StayClass.AC
    return StayClass.DC_FAST if connector.max_power_w >= DC_FAST_FROM_W else StayClass.DC_50


@dataclass(frozen=True, slots=True, kw_only=True)
class StayTable:
    """A distribution of stays: quantiles in minutes at equal steps of probability from 0 to 1, and the mean time still
    to come for stays beyond the last."""

    quantiles_min: tuple[float, ...]
    tail_min: float

    def __post_init__(self) -> None:
        """Refuse a table that does not ascend."""
        pairs = zip(self.quantiles_min, self.quantiles_min[1:], strict=False)
        if len(self.quantiles_min) < 2 or self.quantiles_min[0] < 0 or any(b <= a for a, b in pairs):
            raise ValueError("a stay table needs at least two quantiles, ascending from 0 or more")
        if self.tail_min <= 0:
            raise ValueError("tail_min must be more than 0")

    def quantile(self, probability: float) -> float:
        """Return the minutes that a share of stays, 0 to 1, does not exceed."""
        last = len(self.quantiles_min) - 1
        at = probability * last
        low = min(int(at), last - 1)
        begin, end = self.quantiles_min[low], self.quantiles_min[low + 1]
        return begin + (end - begin) * (at - low)

    def share(self, minutes: float) -> float:
        """Return the share of stays, 0 to 1, that last no longer than this."""
        quantiles = self.quantiles_min
        if minutes < quantiles[0]:
            return 0.0
        low = bisect_right(quantiles, minutes) - 1
        if low >= len(quantiles) - 1:
            return 1.0
        return (low + (minutes - quantiles[low]) / (quantiles[low + 1] - quantiles[low])) / (len(quantiles) - 1)

    def samples(self, count: int, spent_min: float = 0.0) -> list[float]:
        """Return `count` equally likely minutes, ascending, that a stay still lasts after `spent_min`."""
        steps = [(i + 0.5) / count for i in range(count)]
        gone = self.share(spent_min)
        if gone >= 1.0:
            return [-log(1 - step) * self.tail_min for step in steps]  # nothing is known out there: memoryless
        return [self.quantile(gone + (1 - gone) * step) - spent_min for step in steps]
