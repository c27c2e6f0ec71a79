"""Who comes on a simulated day: the rows of `demand.csv`, read with every mistake named, and written.

Columns: `day,driver,arrive_min,pool,accepts,occupies_min,booked_start_min,booked_len_min,shows_up,stated_min`. Minutes
count from the day's start. `accepts` are EVSE ids joined by `;`, empty for every EVSE of the pool. A row with
`booked_start_min` is a booking made the day before. `stated_min` is when the driver said they would leave.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from agent.core.layout import ChargingLocation, EvseId, PoolId

COLUMNS = (
    "day",
    "driver",
    "arrive_min",
    "pool",
    "accepts",
    "occupies_min",
    "booked_start_min",
    "booked_len_min",
    "shows_up",
    "stated_min",
)
DAY_LENGTH_MAX_MIN = 7 * 24 * 60.0  # a simulated day, as long as it takes until the last car has left


class DemandError(ValueError):
    """A row that cannot be meant; the message names line, column and value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who comes, or has booked; all times in minutes from the start of their day."""

    day: str
    driver: str
    arrive_min: float
    pool: PoolId
    accepts: tuple[EvseId, ...]
    occupies_min: float
    booked_start_min: float | None = None
    booked_len_min: float | None = None
    shows_up: bool = True
    stated_min: float | None = None


def read_demand(lines: Iterable[str], location: ChargingLocation) -> Iterator[Visitor]:
    """Return the visitors of a CSV text, in its order; raise DemandError for the first row that is wrong."""
    reader = csv.DictReader(lines)
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        raise DemandError(f"demand: the header lacks {', '.join(missing)}")
    for row in reader:
        yield _visitor(_Row(row, reader.line_num), location)


def write_demand(file: TextIO, visitors: Iterable[Visitor]) -> None:
    """Write visitors as CSV, with minutes to the hundredth."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in visitors:
        writer.writerow(
            (
                each.day,
                each.driver,
                _text(each.arrive_min),
                each.pool,
                ";".join(map(str, each.accepts)),
                _text(each.occupies_min),
                _text(each.booked_start_min),
                _text(each.booked_len_min),
                int(each.shows_up),
                _text(each.stated_min),
            )
        )


def _text(minutes: float | None) -> str:
    return "" if minutes is None else f"{minutes:.2f}"


class _Row:
    """One line with its number, so that what is wrong can be found."""

    def __init__(self, row: dict[str, str], line: int) -> None:
        self._row, self._line = row, line

    def text(self, column: str) -> str:
        return (self._row.get(column) or "").strip()

    def wrong(self, column: str, why: str) -> DemandError:
        return DemandError(f"demand line {self._line}: {column} = {self.text(column)!r}: {why}")

    def minutes(self, column: str, least: float = 0.0) -> float | None:
        text = self.text(column)
        if not text:
            return None
        try:
            minutes = float(text)
        except ValueError:
            minutes = -1.0
        if not least <= minutes <= DAY_LENGTH_MAX_MIN:
            raise self.wrong(column, f"must be minutes from {least:g} to {DAY_LENGTH_MAX_MIN:g}")
        return minutes

    def needed(self, column: str, least: float = 0.0) -> float:
        minutes = self.minutes(column, least)
        if minutes is None:
            raise self.wrong(column, "is missing")
        return minutes


def _visitor(row: _Row, location: ChargingLocation) -> Visitor:
    pool = location.pool(PoolId(row.text("pool")))
    if pool is None:
        known = ", ".join(p.id for p in location.pools)
        raise row.wrong("pool", f"is no pool of this site; it has {known}")
    try:
        accepts = tuple(sorted({EvseId(int(e)) for e in row.text("accepts").split(";") if e}))
    except ValueError:
        raise row.wrong("accepts", "must be EVSE ids joined by ;") from None
    if not frozenset(accepts) <= frozenset(pool.evses):
        raise row.wrong("accepts", f"pool {pool.id} has the EVSEs {', '.join(map(str, pool.evses))}")
    booked, length = row.minutes("booked_start_min"), row.minutes("booked_len_min", 1.0)
    if (booked is None) is not (length is None):
        raise row.wrong("booked_len_min", "start and length of a booking go together")
    return Visitor(
        day=row.text("day"),
        driver=row.text("driver"),
        arrive_min=row.needed("arrive_min"),
        pool=pool.id,
        accepts=accepts,
        occupies_min=row.needed("occupies_min"),
        booked_start_min=booked,
        booked_len_min=length,
        shows_up=row.text("shows_up").lower() not in ("0", "0.0", "false", "no"),
        stated_min=row.minutes("stated_min"),
    )
