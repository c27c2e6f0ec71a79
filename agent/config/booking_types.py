"""On what terms a pool can be booked, as configured.

Pure data; `types.py` says how these types are used. The defaults are those of the core: a motorway site.
"""

from dataclasses import dataclass
from typing import Annotated

from agent.config.settings import setting
from agent.core.terms import WEEK_MIN, FeeKind

OPENING = r"\A[A-Za-z]{2}(-[A-Za-z]{2})? [0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}\Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSettings:
    """A fee of the bookings of the pool above: told to partners as data, billed by nobody here."""

    kind: Annotated[FeeKind, setting("What it is for", examples=["NO_SHOW"])]
    amount: Annotated[float, setting("Price before taxes; per minute for OVERSTAY", ge=0, le=10_000, examples=[4])]
    currency: Annotated[
        str, setting("Currency (ISO 4217)", pattern=r"\A[A-Z]{3}\Z", form="three capital letters", examples=["EUR"])
    ]
    tax_percent: Annotated[float, setting("Tax on it", ge=0, le=100, unit="%")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingSettings:
    """On what terms the pool above can be booked. Without this table it cannot."""

    min_advance_min: Annotated[int, setting("Shortest time ahead", ge=0, le=WEEK_MIN, unit="min")] = 30
    max_advance_days: Annotated[int, setting("Longest time ahead", ge=1, le=365, unit="days")] = 14
    shortest_min: Annotated[int, setting("Shortest slot", ge=1, le=WEEK_MIN, unit="min")] = 30
    longest_min: Annotated[int, setting("Longest slot", ge=1, le=WEEK_MIN, unit="min")] = 90
    increment_min: Annotated[int, setting("Slots begin and end at multiples of this", ge=1, le=1440, unit="min")] = 15
    share_max_percent: Annotated[
        int,
        setting("Largest share of the EVSEs bookable at one time; the rest is for the queue", ge=1, le=100, unit="%"),
    ] = 50
    bind_before_min: Annotated[
        int,
        setting("An EVSE is looked for so long before the start, and may be used once found", ge=0, le=120, unit="min"),
    ] = 10
    late_stop_min: Annotated[int, setting("A car may stay so long after the end", ge=0, le=240, unit="min")] = 0
    no_show_min: Annotated[
        int, setting("An EVSE is kept for a late driver so long after the start", ge=0, le=240, unit="min")
    ] = 15
    change_until_min: Annotated[
        int, setting("Free changes end so long before the start", ge=0, le=WEEK_MIN, unit="min")
    ] = 60
    cancel_until_min: Annotated[
        int, setting("Free cancelling ends so long before the start", ge=0, le=WEEK_MIN, unit="min")
    ] = 60
    required: Annotated[
        tuple[
            Annotated[str, setting("Hours", pattern=OPENING, form='days and hours such as "Mo-Fr 06:00-22:00"')], ...
        ],
        setting(
            "Hours in which only bookings are taken, in local time; an empty list: never",
            max_length=50,
            examples=[["Fr-Su 08:00-20:00"]],
        ),
    ] = ()
    fee: Annotated[tuple[FeeSettings, ...], setting("Its fees", max_length=4)] = ()
