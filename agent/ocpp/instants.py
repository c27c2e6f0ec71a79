"""OCPP date-times to UTC milliseconds and back.

Pure. Strict about form, liberal about zone: OCPP 1.6 (3.13) and 2.0.1 (RFC 3339) both demand that fractions and offsets
are understood; neither says what a missing offset means, and the field means UTC by it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

TEXT_CHARACTERS_MAX = 64  # the longest sensible form is 35; anything longer is not a date
YEAR_MIN, YEAR_MAX = 1970, 9998  # before the epoch there was no OCPP; 9998 leaves room for an offset

_FORM = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,30}))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_instant(text: str) -> int:
    """Return the UTC milliseconds of an OCPP date-time; digits below a millisecond are cut. Raises ValueError."""
    match = _FORM.fullmatch(text) if len(text) <= TEXT_CHARACTERS_MAX else None
    if match is None:
        raise ValueError("not a date-time")
    year, month, day, hour, minute = (int(match[group]) for group in range(1, 6))
    second, fraction = int(match[6] or 0), (match[7] or "")[:3].ljust(3, "0")
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise ValueError("year out of range")
    if second == 60:  # a leap second: the last millisecond before it is near enough for a site
        second, fraction = 59, "999"
    zone = timezone(_offset(match[8], match[9], match[10]))
    moment = datetime(year, month, day, hour, minute, second, int(fraction) * 1000, tzinfo=zone)
    return (moment - _EPOCH) // _MILLISECOND


def render_instant(utc_ms: int) -> str:
    """Return the OCPP form of an instant: UTC with Z, three fractional digits, or none on a whole second."""
    moment = _EPOCH + timedelta(milliseconds=utc_ms)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    # OCPP 2.0.1 part 4, 3.2: at most three decimals, none recommended.
    return f"{text}.{utc_ms % 1000:03d}Z" if utc_ms % 1000 else f"{text}Z"


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> timedelta:
    if sign is None or hours is None or minutes is None:
        return timedelta(0)
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError("offset out of range")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if sign == "-" else offset
