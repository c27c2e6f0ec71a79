"""The rotating code that proves presence: six digits on the displays, alive for two windows of a minute.

No I/O; the caller gives monotonic seconds. The key is random per start and never stored: after a restart an old code is
simply too old. A live relay by a friend on site cannot be stopped, so the damage is bounded: few joins a window, few
wrong tries (`threats-and-faults.md` 3.1).
"""

import hmac
import os
from collections import Counter
from dataclasses import dataclass
from enum import Enum

WINDOW_S = 60
LIVE_WINDOWS = 2
REMEMBERED_WINDOWS = 30  # older codes are told "too old" instead of "not right"
JOINS_PER_DISPLAY = 4
WRONG_TRIES = 20  # typed, in a window, for the whole location: six digits then fall once in 17 days
# By the address in the QR code, so that jamming the typed way leaves this one open. Nobody mistypes a scan: few tries
# from one network address, and a total that takes many of them to reach.
WRONG_SCANS_EACH = 5
WRONG_SCANS = 100
DIGITS = 6


class Way(Enum):
    """How a code came: typed from the display, or in the address of a scanned QR code."""

    TYPED = "typed"
    SCANNED = "scanned"


class Proof(Enum):
    """What a code proves."""

    PRESENT = "present"
    WRONG = "presence_wrong"
    EXPIRED = "presence_expired"
    TOO_MANY = "too_many_tries"


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceLimits:
    """How long a code lives, and how much one window allows."""

    window_s: int = WINDOW_S
    joins_per_display: int = JOINS_PER_DISPLAY
    wrong_tries: int = WRONG_TRIES


class Presence:
    """Makes and judges presence codes."""

    def __init__(self, displays: int, key: bytes | None = None, limits: PresenceLimits | None = None) -> None:
        self._key = os.urandom(32) if key is None else key
        self._limits = PresenceLimits() if limits is None else limits
        self._joins_max = self._limits.joins_per_display * max(1, displays)
        self._joins: Counter[int] = Counter()
        self._wrong: Counter[tuple[int, Way, str]] = Counter()  # of a window and way; of one source, "" for all

    def window(self, monotonic_s: float) -> int:
        """Return the number of the present window."""
        return int(monotonic_s // self._limits.window_s)

    def code(self, monotonic_s: float) -> str:
        """Return the six digits that the displays show now."""
        return self._code(self.window(monotonic_s))

    def judge(self, code: str, way: Way, monotonic_s: float, source: str = "") -> tuple[Proof, int]:
        """Return what a code proves, and the window it is of (the present one when it proves nothing).

        `source` is the network address it came from, if that is known.
        """
        here = self.window(monotonic_s)
        if self._tried_too_often(here, way, source):
            return Proof.TOO_MANY, here
        found: int | None = None
        for window in range(here, here - REMEMBERED_WINDOWS, -1):
            # Every code is compared, in constant time: how long it takes tells nothing.
            if hmac.compare_digest(self._code(window).encode(), code.encode(errors="replace")) and found is None:
                found = window
        if found is None:
            self._wrong[here, way, ""] += 1
            if way is Way.SCANNED and source:
                self._wrong[here, way, source] += 1
            self._forget(here)
            return Proof.WRONG, here
        if here - found >= LIVE_WINDOWS:
            return Proof.EXPIRED, found
        if self._joins[found] >= self._joins_max:
            return Proof.TOO_MANY, found
        return Proof.PRESENT, found

    def _tried_too_often(self, here: int, way: Way, source: str) -> bool:
        if way is Way.TYPED:
            return self._wrong[here, way, ""] >= self._limits.wrong_tries
        each = bool(source) and self._wrong[here, way, source] >= WRONG_SCANS_EACH
        return each or self._wrong[here, way, ""] >= WRONG_SCANS

    def joined(self, window: int) -> None:
        """Count a CheckIn that was accepted on a code of this window."""
        self._joins[window] += 1
        self._forget(window)

    def _code(self, window: int) -> str:
        mac = hmac.digest(self._key, b"presence" + window.to_bytes(8, "big", signed=True), "sha256")
        return f"{int.from_bytes(mac[:8], 'big') % 10**DIGITS:0{DIGITS}d}"

    def _forget(self, here: int) -> None:
        for key in [k for k in self._wrong if k[0] < here]:
            del self._wrong[key]
        for window in [w for w in self._joins if w < here - LIVE_WINDOWS]:
            del self._joins[window]
