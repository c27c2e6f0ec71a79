"""The reminder for the phone's own calendar: it rings though the phone is locked and the page is closed (RFC 5545).

Pure. Offered only where the wait is long and the site's clock is right.
"""

import hashlib
from datetime import UTC, datetime

from agent.core.layout import MINUTE_MS, Now
from agent.core.page import Action, PageView
from agent.web.words import REMIND_BEFORE_MIN, Words, reminder_utc_ms

LENGTH_MIN = 15
LINE_BYTES_MAX = 75  # RFC 5545 3.1


def reminder(words: Words, view: PageView, now: Now, path: str) -> str | None:
    """Return the calendar file of somebody who waits, or None if there is nothing to be reminded of."""
    rings_ms = reminder_utc_ms(view.wait, now)
    if Action.REMIND not in view.actions or rings_ms is None or now.utc_ms is None:
        return None
    begins_ms = rings_ms + REMIND_BEFORE_MIN * MINUTE_MS
    place = words.location.name if words.location else ""
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Stationmaster//EN",
        "BEGIN:VEVENT",
        f"UID:{_uid(path)}@stationmaster",
        f"DTSTAMP:{_instant(now.utc_ms)}",
        f"DTSTART:{_instant(begins_ms)}",
        f"DTEND:{_instant(begins_ms + LENGTH_MIN * MINUTE_MS)}",
        f"SUMMARY:{_text(words('remind.summary'))}",
        f"DESCRIPTION:{_text(words('remind.note'))}",
        f"LOCATION:{_text(place)}",
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"DESCRIPTION:{_text(words('remind.summary'))}",
        f"TRIGGER:-PT{REMIND_BEFORE_MIN}M",
        "END:VALARM",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _uid(path: str) -> str:
    """Return an id that is the same for one CheckIn, so that a second file replaces the first, and opens nothing."""
    return hashlib.blake2s(path.encode(), digest_size=10).hexdigest()


def _instant(utc_ms: int) -> str:
    return f"{datetime.fromtimestamp(utc_ms / 1000, tz=UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """Escape a text value (RFC 5545 3.3.11)."""
    for sign in ("\\", ";", ","):
        value = value.replace(sign, f"\\{sign}")
    return value.replace("\r", "").replace("\n", "\\n")


def _folded(line: str) -> str:
    """Fold a line that is too long, never within a sign."""
    pieces, piece = [], ""
    for sign in line:
        if len((piece + sign).encode()) > LINE_BYTES_MAX - 1:
            pieces.append(piece)
            piece = ""
        piece += sign
    return "\r\n ".join([*pieces, piece])
