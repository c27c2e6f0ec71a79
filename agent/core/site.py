"""The door to the core: `decide`, `observe`, `settle`, `evolve`, `wake`, `restate`.

Pure. `step` is what the runner does with one input: what was due before it, the input itself, and what follows from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from agent.core import events as ev
from agent.core.decide import decide
from agent.core.evolve import evolve
from agent.core.inputs import Input, Refused, Request, Started
from agent.core.layout import Now
from agent.core.observe import observe
from agent.core.settle import settle, wake
from agent.core.state import Site

__all__ = ["Step", "decide", "evolve", "fold", "observe", "restate", "settle", "step", "wake"]


@dataclass(frozen=True, slots=True)
class Step:
    """The outcome of one input: the state after it, the events in order, and the refusal if it was refused."""

    site: Site
    events: tuple[ev.Event, ...]
    refused: Refused | None = None


def step(site: Site, given: Input, now: Now) -> Step:
    """Return the outcome of one input at an instant. A refused Request still lets what was due happen.

    At a start nothing is due: what ran while it was dark gets its full window again. The time of day is what the site
    knows from `ClockRead`, not what `now` says, so that all that is decided between two readings agrees.
    """
    before: tuple[ev.Event, ...] = ()
    if not isinstance(given, Started):
        site, before = settle(site, now)
    now = site.at(now.elapsed_ms)
    if isinstance(given, Request):
        decision = decide(site, given, now)
        if isinstance(decision, Refused):
            return Step(site, before, decision)
    else:
        decision = observe(site, given, now)
    site = fold(decision, site)
    site, after = settle(site, now)
    return Step(site, (*before, *decision, *after))


def fold(events: Iterable[ev.Event], site: Site | None = None) -> Site:
    """Return the state that a sequence of events leads to."""
    return reduce(evolve, events, Site() if site is None else site)


def restate(site: Site) -> tuple[ev.Event, ...]:
    """Return plain events that rebuild a state: `fold(restate(site)) == site`. A snapshot is made of them."""
    at = site.elapsed_ms
    layout = () if site.location is None else (ev.LayoutAdopted(at_ms=at, location=site.location, digest=site.digest),)
    evses = tuple(
        ev.EvseRestated(
            at_ms=at,
            evse=evse,
            state=site.evse(evse),
            hold=site.holds.get(evse),
            stay=site.stays.get(evse),
            reserve=site.reserved.get(evse),
        )
        for evse in sorted(site.evses)
    )
    check_ins = tuple(ev.CheckInRestated(at_ms=at, check_in=c) for _, c in sorted(site.check_ins.items()))
    reservations = tuple(ev.ReservationRestated(at_ms=at, reservation=r) for _, r in sorted(site.reservations.items()))
    learned = tuple(ev.StaysRestated(at_ms=at, kind=k, seconds=h.seconds) for k, h in sorted(site.learned.items()))
    booking = ev.BookingCountersRestated(
        at_ms=at,
        next_reservation=site.next_reservation,
        next_fee=site.next_fee,
        known_utc_ms=site.known_utc_ms,
    )
    counters = ev.CountersRestated(
        at_ms=at,
        boot=site.boot,
        sequence=site.sequence,
        next_check_in=site.next_check_in,
        next_stay=site.next_stay,
        next_place=site.next_place,
        utc_minus_elapsed_ms=site.utc_minus_elapsed_ms,
        reconciling_until_ms=site.reconciling_until_ms,
        faults=site.faults,
        no_shows=site.no_shows,
        scan_windows=site.scan_windows,
        scan_all=site.scan_all,
        old_codes=site.old_codes,
        paused=site.paused,
    )
    return (*layout, *evses, *check_ins, *reservations, *learned, booking, counters)
