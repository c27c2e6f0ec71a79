"""From the location's own clock to UTC, also for what happened before the wall clock could be trusted.

Pure. The elapsed clock goes on over restarts but does not count down-time, so each boot has its own difference to UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BOOTS_KEPT_MAX = 256  # weeks of a crash loop every hour; owed messages of older boots get the oldest kept difference


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMap:
    """UTC minus elapsed, in milliseconds, by boot."""

    offsets: Mapping[int, int] = field(default_factory=dict)

    def learned(self, boot: int, utc_minus_elapsed_ms: int) -> ClockMap:
        """Return the map after the clock was set in a boot; the last difference of a boot is the best one."""
        offsets = {**self.offsets, boot: utc_minus_elapsed_ms}
        for oldest in sorted(offsets)[: max(0, len(offsets) - BOOTS_KEPT_MAX)]:
            del offsets[oldest]
        return ClockMap(offsets=offsets)

    def utc_ms(self, boot: int, elapsed_ms: int) -> int | None:
        """Return the UTC instant of an elapsed one, or None while no boot ever had a trusted clock.

        For a boot without one, the boot before gives the earliest possible instant, the next one the latest.
        """
        if not self.offsets:
            return None
        before = [known for known in self.offsets if known <= boot]
        nearest = max(before) if before else min(self.offsets)
        return elapsed_ms + self.offsets[nearest]
