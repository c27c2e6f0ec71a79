"""How much is owed to the CSMS, and what that forbids.

The owed lane is the one thing that must never overflow: a start or stop that finds no room would be lost. So readings
are kept only in its first half, and near its end nobody starts who has to pay. Looks at the journal, writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from agent.csms.v16.projection import LANE
from agent.journal.turn import OWED_MAX

log = logging.getLogger("stationmaster.csms")

LOOK_EVERY_MS = 60_000  # a full site owes some hundred rows a minute at most
READINGS_OWED_MAX = OWED_MAX // 2
STARTS_OWED_MAX = OWED_MAX - 5_000  # room for the stops of everybody who charges, and for starts that cost nothing


class Backlog:
    """The number of rows in the owed lane, as of the last look."""

    def __init__(self) -> None:
        self.count = 0
        self._looked_ms: int | None = None

    @property
    def room(self) -> bool:
        """Whether readings may be kept on disk."""
        return self.count < READINGS_OWED_MAX

    @property
    def full(self) -> bool:
        """Whether nobody may start who has to pay."""
        return self.count >= STARTS_OWED_MAX

    async def look(self, counts: Callable[[], dict[str, int]], now_ms: int) -> None:
        """Count again if the last look is too old; `counts` blocks."""
        if self._looked_ms is not None and now_ms - self._looked_ms < LOOK_EVERY_MS:
            return
        self._looked_ms = now_ms
        before = self.full
        self.count = (await asyncio.to_thread(counts)).get(LANE, 0)
        if self.full is not before:
            log.error("owed=%s rows=%d paid_starts=%s", LANE, self.count, "refused" if self.full else "allowed")
