"""Local opening hours: is a pool open, and when does it close.

Pure. Works on UTC instants and the offsets of the layout, so a change to or from daylight saving is right to the
minute.
"""

from agent.core.layout import DAY_MIN, MINUTE_MS, WEEK_MIN, ChargingLocation, ChargingPool, OpenRange

_HORIZON_MS = (WEEK_MIN + DAY_MIN) * MINUTE_MS  # opening hours repeat weekly: open for longer is open always


def minute_of_week(location: ChargingLocation, utc_ms: int) -> int:
    """Return the local minute of the week, 0 = Monday 00:00. 1970-01-01 was a Thursday."""
    local_min = utc_ms // MINUTE_MS + location.offset_min(utc_ms)
    return (local_min + 3 * DAY_MIN) % WEEK_MIN


def is_open(location: ChargingLocation, pool: ChargingPool, utc_ms: int | None) -> bool:
    """Return whether a pool is open.

    With an untrusted clock it is: closing a queue by a wrong clock would break a promise.
    """
    if not pool.opening or utc_ms is None:
        return True
    return bool(_ranges_at(location, pool.opening, utc_ms))


def booking_required(location: ChargingLocation, pool: ChargingPool, utc_ms: int | None) -> bool:
    """Return whether a pool takes bookings only at this hour; nobody is turned away by a wrong clock."""
    required = pool.booking.required if pool.booking else ()
    return utc_ms is not None and bool(_ranges_at(location, required, utc_ms))


def next_close_utc_ms(location: ChargingLocation, pool: ChargingPool, utc_ms: int) -> int | None:
    """Return the instant at which a pool closes next (now, if it is closed), or None for a pool that never does.

    Touching ranges (until 24:00, from 00:00) are one opening.
    """
    if not pool.opening:
        return None
    instant = utc_ms - utc_ms % MINUTE_MS
    while instant <= utc_ms + _HORIZON_MS:
        here = _ranges_at(location, pool.opening, instant)
        if not here:
            return instant
        left = max(r.weekday * DAY_MIN + r.end_min for r in here) - minute_of_week(location, instant)
        end, change = instant + left * MINUTE_MS, location.next_offset_utc_ms(instant)
        instant = end if change is None else min(end, change)  # local time jumps: look again from there
    return None


def _ranges_at(location: ChargingLocation, ranges: tuple[OpenRange, ...], utc_ms: int) -> list[OpenRange]:
    minute = minute_of_week(location, utc_ms)
    return [r for r in ranges if r.weekday * DAY_MIN + r.begin_min <= minute < r.weekday * DAY_MIN + r.end_min]
