"""Our own errors while the agent goes on: said with a stack trace, counted, and the end of the process when too many.

A bug in one input must neither stop the site nor put the agent into a crash loop. What was asked for is answered with
`Failed` and changed nothing; a lost observation leaves a picture of the site that is not true, so many of them end the
process: the next start reads every input anew. Requests are not counted: strangers could end the agent with them.
"""

import logging
import sys
import traceback
from collections import deque
from pathlib import Path

log = logging.getLogger("stationmaster.mishaps")

SPAN_MS = 60_000
MISHAPS_MAX = 60  # in a minute; one EVSE whose every reading fails makes about 30, and the others should go on
TRACES_MAX = 100  # kinds of errors remembered; a log volume of 20 MiB must not be filled by one bug


class Failed(Exception):  # noqa: N818 - an answer to the caller
    """We made a mistake with this input; it was said aloud, nothing was changed."""


class Stopped(Exception):  # noqa: N818 - an answer to the caller
    """The runner has ended; whether the input was recorded is in the journal."""


class TooManyMishaps(Exception):  # noqa: N818 - the end of the process, in words
    """So many of our own errors that a new start is better than going on."""


def place_of(error: BaseException) -> str:
    """Return file and line of an error, for a log that must not have its text: that may hold what somebody sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"


def trace_of(error: BaseException) -> str:
    """Return the way to an error in one line, the place itself last; without its text, as in `place_of`."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames)


class Mishaps:
    """Counts our own errors by the location's clock."""

    def __init__(self) -> None:
        self.total = 0
        self._recent: deque[int] = deque()
        self._traced: set[tuple[str, str]] = set()

    def say(self, what: str) -> None:
        """Log the present exception, the first of its kind with its stack trace; `what` names a kind, never a value."""
        self.total += 1
        kind = (what, type(sys.exc_info()[1]).__name__)
        log.error("mishap=%d at=%s error=%s", self.total, *kind, exc_info=kind not in self._traced)
        if len(self._traced) < TRACES_MAX:
            self._traced.add(kind)

    def count(self, now_ms: int) -> None:
        """Count a mishap that nobody was told of; raise TooManyMishaps for the one that is too many."""
        self._recent.append(now_ms)
        while self._recent[0] <= now_ms - SPAN_MS:
            self._recent.popleft()
        if len(self._recent) > MISHAPS_MAX:
            raise TooManyMishaps(f"{len(self._recent)} errors of our own within a minute: see the stack traces above")
