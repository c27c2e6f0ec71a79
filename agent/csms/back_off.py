"""How long to wait before the next connection attempt.

Pure; chance comes in as an argument. Follows OCPP 2.0.1 part 4, 5.3, which 1.6-J leaves open (erratum 3.4 asks for "an
appropriate back-off mechanism"): a minimum plus a random part, doubled some times, then constant.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """The wait after a number of failures in a row."""

    wait_minimum_s: float = 10.0  # RetryBackOffWaitMinimum
    random_range_s: float = 10.0  # RetryBackOffRandomRange: a whole region comes back after a power cut
    repeat_times: int = 5  # RetryBackOffRepeatTimes: 10 s becomes 320 s at most
    failures: int = 0

    def __post_init__(self) -> None:
        """Refuse waits that would hammer or never end."""
        if self.wait_minimum_s < 0 or self.random_range_s < 0 or not 0 <= self.repeat_times <= 10:
            raise ValueError("back-off: waits must not be negative and repeat_times be from 0 to 10")

    def wait_s(self, chance: float) -> float:
        """Return the seconds to wait now; `chance` is from 0 to 1."""
        doubled = 1 << min(self.failures, self.repeat_times)
        return self.wait_minimum_s * doubled + self.random_range_s * chance

    def failed(self) -> BackOff:
        """Return the back-off after one more failure."""
        return BackOff(
            wait_minimum_s=self.wait_minimum_s,
            random_range_s=self.random_range_s,
            repeat_times=self.repeat_times,
            failures=self.failures + 1,
        )

    def worked(self) -> BackOff:
        """Return the back-off after a success."""
        return BackOff(
            wait_minimum_s=self.wait_minimum_s, random_range_s=self.random_range_s, repeat_times=self.repeat_times
        )
