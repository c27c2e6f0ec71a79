"""Opening hours as people write them: "Mo-Fr 06:00-22:00" becomes ranges of the week.

Pure. Days in English or German, two letters; hours up to 24:00; hours over midnight are split at midnight, for the core
knows ranges within a day.
"""

import re

from agent.core.layout import DAY_MIN, OpenRange

_DAYS = {
    name: number
    for names in (("mo", "tu", "we", "th", "fr", "sa", "su"), ("mo", "di", "mi", "do", "fr", "sa", "so"))
    for number, name in enumerate(names)
}
_HOURS = re.compile(
    r"\A(?P<first>[A-Za-z]{2})(-(?P<last>[A-Za-z]{2}))? (?P<begin>[0-9]{2}:[0-9]{2})-(?P<end>[0-9]{2}:[0-9]{2})\Z"
)


def parse_opening(text: str) -> tuple[OpenRange, ...]:
    """Return the ranges of one line of opening hours; ValueError says what is wrong with it."""
    found = _HOURS.match(text)
    if found is None:
        raise ValueError('write days and hours such as "Mo-Fr 06:00-22:00"')
    first = _day(found["first"])
    last = first if found["last"] is None else _day(found["last"])
    begin, end = _minute(found["begin"]), _minute(found["end"])
    if begin in (DAY_MIN, end):
        raise ValueError("these hours are empty; open all day is 00:00-24:00")
    days = tuple((first + step) % 7 for step in range((last - first) % 7 + 1))
    if begin < end:
        return tuple(OpenRange(weekday=day, begin_min=begin, end_min=end) for day in days)
    over = [OpenRange(weekday=day, begin_min=begin, end_min=DAY_MIN) for day in days]
    if end > 0:
        over += [OpenRange(weekday=(day + 1) % 7, begin_min=0, end_min=end) for day in days]
    return tuple(over)


def _day(name: str) -> int:
    day = _DAYS.get(name.casefold())
    if day is None:
        raise ValueError(f"{name} is no day: Mo Tu We Th Fr Sa Su, or Mo Di Mi Do Fr Sa So")
    return day


def _minute(clock: str) -> int:
    hour, minute = int(clock[:2]), int(clock[3:])
    if minute > 59 or hour * 60 + minute > DAY_MIN:
        raise ValueError(f"{clock} is no time of day: 00:00 to 24:00")
    return hour * 60 + minute
