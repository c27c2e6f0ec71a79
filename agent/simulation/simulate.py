"""Many days of one site, one after the other: what the site learned on one day it knows on the next.

Pure but for what it is given. Returns what came of everybody, and the figures by which rules are compared; the
yardsticks are those of `queue-science.md`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from agent.core import events as ev
from agent.core.layout import ChargingLocation, EvseId
from agent.simulation.demand import Visitor
from agent.simulation.site_day import Outcome, Rules, SiteDay, by_day

ON_TIME_MIN = 5.0  # a booked driver who starts within this of the booked start was kept their slot

RESULT_COLUMNS = (
    "day",
    "driver",
    "evse",
    "start_min",
    "position",
    "forecast_p50_min",
    "forecast_p90_min",
    "refused",
    "reason",
)


@dataclass(slots=True)
class Results:
    """What came of everybody, in the order of the demand."""

    outcomes: list[Outcome] = field(default_factory=list)
    days: int = 0


def simulate(
    location: ChargingLocation,
    visitors: Sequence[Visitor],
    rules: Rules,
    *,
    history: Sequence[ev.StaysRestated] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Results:
    """Return the outcome of all days; `progress` is told after each day how many of how many are done."""
    days = by_day(visitors)
    found: dict[tuple[str, str], Outcome] = {}
    for number, day in enumerate(days.values(), start=1):
        site_day = SiteDay(location, day, rules, history=history)
        for outcome in site_day.run():
            found[outcome.visitor.day, outcome.visitor.driver] = outcome
        learned = sorted(site_day.site.learned.items())
        history = tuple(ev.StaysRestated(at_ms=0, kind=k, seconds=h.seconds) for k, h in learned)
        if progress is not None:
            progress(number, len(days))
    return Results([found[v.day, v.driver] for v in visitors], len(days))


def result_rows(results: Results) -> Iterator[tuple[object, ...]]:
    """Return the rows of `results.csv`, one a visitor, in the order of the demand; empty where there is nothing."""
    for each in results.outcomes:
        wait = each.wait
        yield (
            each.visitor.day,
            each.visitor.driver,
            _known(each.evse),
            "" if each.start_min is None else f"{each.start_min:.2f}",
            _known(each.position),
            "" if wait is None else wait.p50_min,
            "" if wait is None else wait.p90_min,
            int(each.refused is not None),
            each.refused or "",
        )


def _known(value: object) -> object:
    return "" if value is None else value


def summary(location: ChargingLocation, results: Results) -> dict[str, object]:
    """Return the figures: waits of walk-ins, bookings, forecast, use of the EVSEs, and what was unjust."""
    walk_ins = [o for o in results.outcomes if o.visitor.booked_start_min is None]
    waits = sorted(w for o in walk_ins if (w := _wait(o)) is not None)
    return {
        "days": results.days,
        "visitors": len(results.outcomes),
        "walk_ins": {
            "count": len(walk_ins),
            "refused": sum(1 for o in walk_ins if o.refused),
            "never_served": sum(1 for o in walk_ins if not o.refused and o.start_min is None),
            "wait_mean_min": _mean(waits),
            "wait_p50_min": _quantile(waits, 0.5),
            "wait_p95_min": _quantile(waits, 0.95),
        },
        "bookings": _bookings(results),
        "forecast": _forecast(walk_ins),
        "minutes_by_evse": _used(results),
        "unjustified_overtakes": overtakes(location, walk_ins) if len(walk_ins) == len(results.outcomes) else None,
    }


def _wait(outcome: Outcome) -> float | None:
    return None if outcome.start_min is None else outcome.start_min - outcome.visitor.arrive_min


def _bookings(results: Results) -> dict[str, object]:
    booked = [o for o in results.outcomes if o.visitor.booked_start_min is not None]
    came = [o for o in booked if o.refused is None and o.visitor.shows_up]
    on_time = [o for o in came if (late := _late(o)) is not None and late <= ON_TIME_MIN]
    return {
        "count": len(booked),
        "refused": sum(1 for o in booked if o.refused),
        "came": len(came),
        "on_time_share": round(len(on_time) / len(came), 4) if came else None,
    }


def _late(outcome: Outcome) -> float | None:
    """Return by how much a booked driver started after the booked start, or after they came, if that was later."""
    booked = outcome.visitor.booked_start_min
    if outcome.start_min is None or booked is None:
        return None
    return outcome.start_min - max(booked, outcome.visitor.arrive_min)


def _forecast(walk_ins: Sequence[Outcome]) -> dict[str, object]:
    """Of those who had to wait: the error of P50, and how many waits were within P50 and P90."""
    told = [(w, o.wait) for o in walk_ins if (w := _wait(o)) and o.wait is not None]
    if not told:
        return {"count": 0}
    return {
        "count": len(told),
        "mean_absolute_error_min": round(fmean(abs(w - r.p50_min) for w, r in told), 2),
        "p50_coverage": round(fmean(w <= r.p50_min for w, r in told), 4),
        "p90_coverage": round(fmean(w <= r.p90_min for w, r in told), 4),
        "p90_mean_min": round(fmean(r.p90_min for _, r in told), 2),
    }


def _used(results: Results) -> Mapping[EvseId, float]:
    used: dict[EvseId, float] = {}
    for each in results.outcomes:
        if each.evse is not None:
            used[each.evse] = round(used.get(each.evse, 0.0) + each.visitor.occupies_min, 2)
    return dict(sorted(used.items()))


def overtakes(location: ChargingLocation, outcomes: Sequence[Outcome]) -> int:
    """Return how often somebody who came later started earlier on an EVSE that somebody before them accepted.

    Only for days without bookings: beside those it may be right.
    """
    pools = {p.id: frozenset(p.evses) for p in location.pools}
    found = 0
    for day in _days(outcomes).values():
        for index, first in enumerate(day):
            accepts = frozenset(first.visitor.accepts) or pools[first.visitor.pool]
            end = first.start_min if first.start_min is not None else float("inf")
            for later in day[index + 1 :]:
                if later.visitor.arrive_min >= end:
                    break
                if later.start_min is not None and later.start_min < end and later.evse in accepts:
                    found += first.refused is None
    return found


def _days(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    days: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        days.setdefault(outcome.visitor.day, []).append(outcome)
    return {day: sorted(found, key=lambda o: o.visitor.arrive_min) for day, found in days.items()}


def _mean(values: Sequence[float]) -> float | None:
    return round(fmean(values), 2) if values else None


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return round(ordered[round(share * (len(ordered) - 1))], 2) if ordered else None
