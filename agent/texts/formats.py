"""How times, numbers, prices and places are written in each language of the screens.

Pure. Decides the form of a value, never a word around it: "Uhr", "Wait" and the like stand in the catalogue. Follows
the word list of the design (14:20, 0.59 / 0,59, 3rd / 3., EUR 0.59 / 0,59 EUR), not the C library's locale, which a
small controller often does not carry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum


class Language(StrEnum):
    """The languages of the screens, as ISO 639-1 codes."""

    EN = "en"
    DE = "de"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A price: an amount in units of an ISO 4217 currency."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        """Refuse what is no currency code."""
        if len(self.currency) != 3 or not self.currency.isascii() or not self.currency.isupper():
            raise ValueError(f"currency {self.currency!r}: expected three capital letters as in ISO 4217")


class FieldKind(StrEnum):
    """What a field of a text means; written after the colon: `{left_s:span}`."""

    PLAIN = ""  # as it is
    ORDINAL = "ordinal"  # int: 3rd / 3.
    CLOCK = "clock"  # time or datetime: 14:20
    CLOCKS = "clocks"  # several of them: 17:30, 18:15
    ZONE = "zone"  # datetime: " CEST" on the two days of a clock change, else nothing
    DATE = "date"  # date: Wed 25 Nov / Mi. 25. Nov.
    DAY = "day"  # date: 27 Nov / 27. Nov.
    WEEKDAY = "weekday"  # date: Wed / Mi.
    SPAN = "span"  # seconds: 4:32
    HOURS = "hours"  # seconds: 00:22, hours and minutes
    SAY_SPAN = "say_span"  # seconds, to be heard: 4 minutes 30 seconds
    KWH = "kwh"  # Wh: 18.4
    KW = "kw"  # W: 74, 7.4
    MONEY = "money"  # Money: EUR 0.59 / 0,59 EUR
    DIGITS = "digits"  # str: 483 921
    SPOKEN = "spoken"  # call code: K 7, so that a screen reader spells it


_WEEKDAYS: Mapping[Language, tuple[str, ...]] = {
    Language.EN: ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    Language.DE: ("Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."),
}
_MONTHS: Mapping[Language, tuple[str, ...]] = {
    Language.EN: ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    Language.DE: ("Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sep.", "Okt.", "Nov.", "Dez."),
}
# One and many, of minutes and of seconds.
_SAY_UNITS: Mapping[Language, tuple[tuple[str, str], tuple[str, str]]] = {
    Language.EN: (("minute", "minutes"), ("second", "seconds")),
    Language.DE: (("Minute", "Minuten"), ("Sekunde", "Sekunden")),
}
_ENGLISH_ORDINALS: Mapping[int, str] = {1: "st", 2: "nd", 3: "rd"}
# Powers below this are shown with a tenth of a kW: 7.4 and 11.5 matter to a driver, 148.3 does not.
_TENTHS_BELOW_KW = 20


def ordinal(position: int, language: Language) -> str:
    """Return a place in line, from 1: 1st, 2nd, 3rd, 11th; in German 3. (for "an 3. Stelle")."""
    if language is Language.DE:
        return f"{position}."
    if position % 100 in (11, 12, 13):
        return f"{position}th"
    return str(position) + _ENGLISH_ORDINALS.get(position % 10, "th")


def number(value: Decimal, language: Language) -> str:
    """Return a number with the language's decimal sign and the places it has."""
    text = f"{value:f}"
    return text.replace(".", ",") if language is Language.DE else text


def money(price: Money, language: Language) -> str:
    """Return a price with at least two places: EUR 0.59, 0,59 EUR."""
    exponent = price.amount.as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    amount = number(price.amount.quantize(Decimal(1).scaleb(-places)), language)
    return f"{amount} {price.currency}" if language is Language.DE else f"{price.currency} {amount}"


def kilo(value: int, language: Language, *, tenths_always: bool) -> str:
    """Return thousandths of `value` with one place, or none where a tenth means nothing: 18.4, 74."""
    tenths = (Decimal(value) / 1000).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if tenths_always or (tenths < _TENTHS_BELOW_KW and tenths != tenths.to_integral_value()):
        return number(tenths, language)
    return number(tenths.quantize(Decimal(1), ROUND_HALF_UP), language)


def span(seconds: int) -> str:
    """Return a remaining time as 4:32, from one hour on as 1:04:32; what is over is 0:00."""
    minutes, rest = divmod(max(0, seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def say_span(seconds: int, language: Language) -> str:
    """Return a remaining time in words for the ear: 4 minutes 30 seconds, 1 minute, 30 seconds."""
    minutes, rest = divmod(max(0, seconds), 60)
    parts = []
    for amount, (one, many) in zip((minutes, rest), _SAY_UNITS[language], strict=True):
        if amount:
            parts.append(f"{amount} {one if amount == 1 else many}")
    return " ".join(parts) or f"0 {_SAY_UNITS[language][1][1]}"


def zone(at: datetime) -> str:
    """Return a blank and the zone's name on a day on which the local clock is changed, else an empty text."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if midnight.utcoffset() == (midnight + timedelta(days=1)).utcoffset():
        return ""
    return f" {at.tzname()}"


def _day(day: date, language: Language) -> str:
    dot = "." if language is Language.DE else ""
    return f"{day.day}{dot} {_MONTHS[language][day.month - 1]}"


def _date(day: date, language: Language) -> str:
    return f"{_WEEKDAYS[language][day.weekday()]} {_day(day, language)}"


def _clock(at: time | datetime) -> str:
    return f"{at:%H:%M}"


def render(value: object, kind: FieldKind, language: Language) -> str:
    """Return a field's value as the language writes it; raise TypeError if the value is not of the field's kind."""
    match kind, value:
        case FieldKind.PLAIN, str() | int():
            return str(value)
        case FieldKind.ORDINAL, int():
            return ordinal(value, language)
        case FieldKind.CLOCK, time() | datetime():
            return _clock(value)
        case FieldKind.CLOCKS, tuple():
            return ", ".join(_clock(at) for at in value)
        case FieldKind.ZONE, datetime():
            return zone(value)
        case FieldKind.DATE, date():
            return _date(value, language)
        case FieldKind.DAY, date():
            return _day(value, language)
        case FieldKind.WEEKDAY, date():
            return _WEEKDAYS[language][value.weekday()]
        case FieldKind.SPAN, int():
            return span(value)
        case FieldKind.HOURS, int():
            return f"{value // 3600:02}:{value // 60 % 60:02}"
        case FieldKind.SAY_SPAN, int():
            return say_span(value, language)
        case FieldKind.KWH, int():
            return kilo(value, language, tenths_always=True)
        case FieldKind.KW, int():
            return kilo(value, language, tenths_always=False)
        case FieldKind.MONEY, Money():
            return money(value, language)
        case FieldKind.DIGITS, str():
            return " ".join(value[at : at + 3] for at in range(0, len(value), 3))
        case FieldKind.SPOKEN, str():
            return " ".join(value)
        case _:
            raise TypeError(f"a field of kind {kind.value or 'plain'} cannot show a {type(value).__name__}")
