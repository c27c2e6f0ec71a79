"""Frames of the CSMS that make our own code fail: said aloud, counted, and muted when they repeat.

A bug of ours in one message must neither end the agent nor be repeated at the pace of whoever sends it. Decides when an
action is muted; never logs what a frame said, so the text of the error is left out, too: it may hold a value.
"""

from __future__ import annotations

import logging
from collections import deque

from agent.kernel.mishaps import trace_of

log = logging.getLogger("stationmaster.csms")

CRASHES_MAX = 3  # of one action within the span: no accident any more
SPAN_MS = 600_000
MUTED_MS = 600_000  # threats-and-faults.md, crash loop: the frame of the crash is muted for 10 min


class Crashes:
    """Counts our own errors by action, on the location's clock."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[int]] = {}
        self._muted_until: dict[str, int] = {}

    def muted(self, action: str, now_ms: int) -> bool:
        """Whether an action is not acted upon at present."""
        return now_ms < self._muted_until.get(action, 0)

    def note(self, action: str, error: Exception, now_ms: int) -> None:
        """Log an error with its stack trace and count it."""
        log.error("frame=crashed action=%s error=%s trace=%r", action, type(error).__name__, trace_of(error))
        recent = self._recent.setdefault(action, deque(maxlen=CRASHES_MAX))
        recent.append(now_ms)
        if len(recent) == CRASHES_MAX and now_ms - recent[0] <= SPAN_MS:
            log.error("frame=muted action=%s for_s=%d", action, MUTED_MS // 1000)
            self._muted_until[action] = now_ms + MUTED_MS
            recent.clear()
