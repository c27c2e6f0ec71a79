"""What aiohttp has to say of requests it could not read: one line now and then, without what was sent.

By itself it logs a stack trace for each, with the client's address and the bytes of the header that it stumbled over:
a cookie, a token or an own page's address may be among them, and anybody may cause as many as they like.
"""

import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from agent.kernel.mishaps import place_of

LOG_GAP_S = 10.0  # one line in that time; the next one tells how many there were besides
THEIRS = (HttpProcessingError, web.PayloadAccessError, web.RequestPayloadError, ConnectionError)


class _Reticent(logging.Filter):
    """Rewrites a record to its kind of error and the place in the code."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._told_s: float | None = None
        self._untold = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is told, and leave in it only what may be."""
        now_s = self._monotonic()
        if self._told_s is not None and now_s - self._told_s < LOG_GAP_S:
            self._untold += 1
            return False
        self._told_s = now_s
        error = record.exc_info[1] if record.exc_info else None
        place = "unknown" if error is None else place_of(error)
        record.msg = "http=failed error=%s place=%s untold=%d"
        record.args = (type(error).__name__, place, self._untold)
        record.exc_info = record.exc_text = record.stack_info = None
        if isinstance(error, THEIRS):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        self._untold = 0
        return True


def http_log(monotonic: Callable[[], float]) -> logging.Logger:
    """Return the log for an aiohttp server; `monotonic` gives seconds."""
    made = logging.Logger("stationmaster.web.http")
    made.parent = logging.getLogger("stationmaster.web")
    made.addFilter(_Reticent(monotonic))
    return made
