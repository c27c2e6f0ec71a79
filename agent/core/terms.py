"""Ranges of the week, and the terms on which a pool can be booked: lengths, advance, limits, fees.

Pure data. Names follow OCPI 2.3 BookingTerms (bookings 1.1) where it has one. Amounts are data: agreed and delivered,
never computed from energy.
"""

from dataclasses import dataclass
from enum import StrEnum

DAY_MIN = 24 * 60
MINUTE_MS = 60_000
WEEK_MIN = 7 * DAY_MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRange:
    """A range of the week in local time: weekday 0 is Monday, minutes of that day, `end_min` up to 1440."""

    weekday: int
    begin_min: int
    end_min: int

    def __post_init__(self) -> None:
        """Refuse a range outside one day."""
        if not (0 <= self.weekday <= 6 and 0 <= self.begin_min < self.end_min <= DAY_MIN):
            raise ValueError("an opening needs a weekday 0-6 and 0 <= begin_min < end_min <= 1440")


class FeeKind(StrEnum):
    """What a fee is for; `sequere.md` common.json FeeType."""

    RESERVATION = "RESERVATION"
    NO_SHOW = "NO_SHOW"
    LATE_CANCEL = "LATE_CANCEL"
    OVERSTAY = "OVERSTAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """A price of the terms: `before_taxes` in hundredths of the currency (ISO 4217), the tax in tenths of a percent."""

    kind: FeeKind
    before_taxes: int
    currency: str
    tax_permille: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no price."""
        if self.before_taxes < 0 or not 0 <= self.tax_permille <= 1000 or len(self.currency) != 3:
            raise ValueError(f"fee {self.kind}: needs an amount, a tax of 0 to 1000 permille, a currency of 3 letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingTerms:
    """On what terms the slots of a pool can be booked. The defaults suit a motorway site.

    `bind_before_min` is how long before the start an EVSE is looked for, and may be used once it is found;
    `late_stop_min` how long after the end a car may stay; `no_show_min` how long after the start the EVSE is kept.
    `required` are the hours in which only bookings are taken.
    """

    min_advance_min: int = 30
    max_advance_min: int = 14 * DAY_MIN
    shortest_min: int = 30
    longest_min: int = 90
    increment_min: int = 15
    share_max_percent: int = 50
    bind_before_min: int = 10
    late_stop_min: int = 0
    no_show_min: int = 15
    change_until_min: int = 60
    cancel_until_min: int = 60
    required: tuple[OpenRange, ...] = ()
    fees: tuple[Fee, ...] = ()

    def __post_init__(self) -> None:
        """Refuse terms under which nothing, or everything at once, could be booked."""
        if not 1 <= self.increment_min <= self.shortest_min <= self.longest_min <= WEEK_MIN:
            raise ValueError("terms: needs 1 <= increment_min <= shortest_min <= longest_min <= a week")
        if not 0 <= self.min_advance_min < self.max_advance_min:
            raise ValueError("terms: min_advance_min must be less than max_advance_min")
        if not 1 <= self.share_max_percent <= 100:
            raise ValueError("terms: share_max_percent must be from 1 to 100")
        spans = (self.bind_before_min, self.late_stop_min, self.no_show_min)
        if min(*spans, self.change_until_min, self.cancel_until_min) < 0 or max(spans) > DAY_MIN:
            raise ValueError("terms: spans must be from 0 to a day")
        if len(frozenset(f.kind for f in self.fees)) != len(self.fees):
            raise ValueError("terms: one fee of each kind")

    def fee(self, kind: FeeKind) -> Fee | None:
        """Return the fee of a kind, or None."""
        return next((f for f in self.fees if f.kind is kind), None)
