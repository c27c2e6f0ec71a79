"""From a bay sensor's readings to a bay's settled state: flutter is damped, silence is unknown, neither is ever "free".

Pure. `threats-and-faults.md` section 4: more than six edges a minute is flutter; it ends after ten plausible minutes.
"""

from collections import deque

from agent.core.state import Bay
from drivers.ports import READING_REPEAT_S, BayReading, Occupancy

FLUTTER_EDGES = 6
FLUTTER_SPAN_S = 60.0
CALM_S = 600.0
STALE_S = 3 * READING_REPEAT_S

_BAY = {Occupancy.FREE: Bay.FREE, Occupancy.OCCUPIED: Bay.OCCUPIED, Occupancy.UNKNOWN: Bay.UNKNOWN}


class BayFilter:
    """The filter of one bay sensor."""

    def __init__(self) -> None:
        self._edges: deque[float] = deque(maxlen=FLUTTER_EDGES + 1)
        self._last: BayReading | None = None
        self._fluttering_since_s: float | None = None

    @property
    def fluttering(self) -> bool:
        """Whether the sensor is not believed because it changed too often."""
        return self._fluttering_since_s is not None

    def read(self, reading: BayReading) -> Bay:
        """Take a reading and return the bay's state."""
        if self._last is None or reading.occupancy is not self._last.occupancy:
            self._edges.append(reading.at_s)
        self._last = reading
        crowded = len(self._edges) > FLUTTER_EDGES and reading.at_s - self._edges[0] <= FLUTTER_SPAN_S
        if crowded:
            self._fluttering_since_s = self._edges[-1]
        elif self._fluttering_since_s is not None and reading.at_s - self._fluttering_since_s >= CALM_S:
            self._fluttering_since_s = None
        return self.at(reading.at_s)

    def at(self, now_s: float) -> Bay:
        """Return the bay's state at an instant: unknown when fluttering, or when nothing was heard for a while."""
        if self._last is None or self._fluttering_since_s is not None or now_s - self._last.at_s > STALE_S:
            return Bay.UNKNOWN
        return _BAY[self._last.occupancy]
