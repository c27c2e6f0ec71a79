"""Opening hours over changes of the clock, closing, another configuration, and what a layout refuses to be."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from story import CCS, MINUTE, START_UTC_MS, Story, evse, location, pool, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.hours import is_open, minute_of_week, next_close_utc_ms
from agent.core.layout import (
    ChargingLocation,
    ChargingPool,
    Connector,
    ConnectorId,
    Evse,
    EvseId,
    Now,
    OpenRange,
    Place,
    Policy,
    PoolId,
    SubjectRef,
)
from agent.core.site import step
from agent.core.state import CheckInState, EndOfEnergy, Origin, Quote, Reason, TokenAnswer, Wishes


def utc(text: str) -> int:
    """Return UTC milliseconds of an ISO instant."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def hours(*ranges: tuple[int, float, float]) -> tuple[OpenRange, ...]:
    """Return openings of (weekday, from hour, to hour)."""
    return tuple(OpenRange(weekday=d, begin_min=round(a * 60), end_min=round(b * 60)) for d, a, b in ranges)


def berlin(opening: tuple[OpenRange, ...]) -> ChargingLocation:
    """Return a location in Berlin: CET, CEST from 2026-03-29 01:00 UTC, CET from 2026-10-25 01:00 UTC."""
    offsets = ((0, 60), (utc("2026-03-29T01:00"), 120), (utc("2026-10-25T01:00"), 60))
    return replace(location([evse(1)], [pool("A", [1], opening=opening)]), time_zone="Europe/Berlin", offsets=offsets)


DAILY = tuple(r for day in range(7) for r in hours((day, 6, 22)))
ALWAYS = tuple(r for day in range(7) for r in hours((day, 0, 24)))
NIGHT = hours((5, 22, 24), (6, 0, 2.5))  # Saturday night until 02:30


@pytest.mark.parametrize(
    ("opening", "at", "open_now", "closes"),
    [
        (DAILY, "2026-11-25T04:59", False, "2026-11-25T04:59"),
        (DAILY, "2026-11-25T05:00", True, "2026-11-25T21:00"),
        (DAILY, "2026-07-01T04:00", True, "2026-07-01T20:00"),
        # The clock goes forward at 02:00: 22:00 comes an hour earlier than the day before.
        (DAILY, "2026-03-28T12:00", True, "2026-03-28T21:00"),
        (DAILY, "2026-03-29T12:00", True, "2026-03-29T20:00"),
        # 02:30 is never on that night: the pool closes with the jump.
        (NIGHT, "2026-03-28T23:30", True, "2026-03-29T01:00"),
        (NIGHT, "2026-03-29T00:59", True, "2026-03-29T01:00"),
        # The clock goes back at 03:00: 02:30 comes twice, and both times it closes.
        (NIGHT, "2026-10-24T22:30", True, "2026-10-25T00:30"),
        (NIGHT, "2026-10-25T00:45", False, "2026-10-25T00:45"),
        (NIGHT, "2026-10-25T01:10", True, "2026-10-25T01:30"),
        # Sunday 24:00 touches Monday 00:00.
        (hours((6, 20, 24), (0, 0, 1)), "2026-11-22T22:00", True, "2026-11-23T00:00"),
        (ALWAYS, "2026-03-28T12:00", True, None),
        ((), "2026-03-28T12:00", True, None),
    ],
)
def test_opening_hours_are_local_whatever_the_offset(
    opening: tuple[OpenRange, ...], at: str, *, open_now: bool, closes: str | None
) -> None:
    layout = berlin(opening)
    assert is_open(layout, layout.pools[0], utc(at)) is open_now
    assert next_close_utc_ms(layout, layout.pools[0], utc(at)) == (None if closes is None else utc(closes))


def test_the_closing_time_found_in_steps_is_the_one_found_minute_by_minute() -> None:
    layout = berlin((*NIGHT, *hours((6, 2, 2.25), (6, 10, 11))))
    opened = layout.pools[0]
    for begin in (utc("2026-03-28T20:30"), utc("2026-10-24T20:30")):
        for minute in range(0, 20 * 60, 7):
            instant = begin + minute * MINUTE
            closes = instant
            while is_open(layout, opened, closes):
                closes += MINUTE
            assert next_close_utc_ms(layout, opened, instant) == closes


def test_before_the_first_offset_the_first_holds() -> None:
    layout = replace(row(1), offsets=((1000, 60), (2000, 120)))
    assert [layout.offset_min(t) for t in (0, 999, 1000, 1999, 2000)] == [60, 60, 60, 60, 120]
    assert [layout.next_offset_utc_ms(t) for t in (0, 1000, 2000)] == [1000, 2000, None]
    assert minute_of_week(row(1), 0) == 3 * 24 * 60  # a Thursday


# --- closing; the story begins on Monday at 09:00 UTC

TILL_TEN = location([evse(1)], [pool("A", [1], opening=hours((0, 8, 10), (1, 8, 10)))])


def test_closing_ends_the_wait_but_not_a_call() -> None:
    story = Story(TILL_TEN)
    story.after(minutes=50)
    story.joins("ann", more_time=True)
    story.joins("bob")
    story.joins("cleo")
    story.snoozes("cleo", 60)
    story.after(minutes=9)
    assert story.state("bob") is CheckInState.WAITING
    story.after(minutes=1)
    assert (story.state("bob"), story.of("bob").reason) == (CheckInState.CANCELED, Reason.CLOSED)
    assert story.state("cleo") is CheckInState.CANCELED
    assert story.joins("dan") is i.Refusal.LOCATION_CLOSED
    ann = story.happened(ev.EvseAssigned)[0]
    assert ann.check_in == story.people["ann"]


def test_who_is_called_before_closing_may_still_come() -> None:
    story = Story(TILL_TEN)
    story.after(minutes=58)
    story.joins("ann", card="a")
    story.after(minutes=4)
    assert story.called("ann") == 1
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    story.plugs(1)
    assert story.charging(1)


def test_a_closed_pool_starts_nobody_new() -> None:
    story = Story(TILL_TEN)
    story.after(minutes=61)
    assert story.starts_remotely("x", 1) is i.Refusal.LOCATION_CLOSED
    assert story.swipes("x", 1) is TokenAnswer.NOT_NOW


def test_who_would_hardly_be_called_before_closing_is_told() -> None:
    story = Story(TILL_TEN)
    story.somebody_charges(1)
    quote = Quote(p10_min=61, p50_min=70, p90_min=90)
    assert story.joins("ann", quote=quote) is i.Refusal.TOO_LATE_TODAY
    assert story.joins("ann", quote=replace(quote, p10_min=60)) is None


def test_an_untrusted_clock_closes_nothing() -> None:
    story = Story(TILL_TEN, trusted=False)
    story.somebody_charges(1)
    assert story.joins("ann", quote=Quote(p10_min=500, p50_min=600, p90_min=700)) is None
    story.after(minutes=120)
    assert story.state("ann") is CheckInState.WAITING
    story.knows_the_time()  # 11:00: closed since an hour
    assert story.of("ann").reason is Reason.CLOSED


def test_a_pool_that_never_closes_ends_nobodys_wait() -> None:
    story = Story(location([evse(1)], [pool("A", [1], opening=ALWAYS)]))
    story.somebody_charges(1)
    story.joins("ann")
    story.after(minutes=11 * 60)
    assert story.state("ann") is CheckInState.WAITING


def test_the_time_of_day_is_what_was_read_not_what_a_caller_says() -> None:
    story = Story(TILL_TEN, trusted=False)
    closed = Now(story.elapsed_ms, START_UTC_MS + 6 * 60 * MINUTE)
    request = i.JoinQueue(pool=PoolId("A"), draw=1, origin=Origin.PAGE)
    assert step(story.site, request, closed).refused is None
    story.knows_the_time(closed.utc_ms)
    assert story.asks(request) is i.Refusal.LOCATION_CLOSED


# --- the wall clock


def test_a_step_of_the_clock_moves_instants_and_no_spans() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    arrives = START_UTC_MS + 60 * MINUTE
    request = i.JoinQueue(
        pool=PoolId("A"), draw=1, origin=Origin.PARTNER, subjects=(SubjectRef("a"),), expected_utc_ms=arrives
    )
    assert story.asks(request) is None
    story.joins("bob", card="b", in_minutes=60)
    ann, bob = story.site.check_ins.values()
    story.knows_the_time(START_UTC_MS + 50 * MINUTE)
    assert story.happened(ev.ClockSet)[-1].at_ms == story.elapsed_ms
    assert story.site.check_ins[ann.id].expected != ann.expected
    assert story.site.check_ins[bob.id].expected == bob.expected
    story.after(minutes=5)
    assert story.site.check_ins[ann.id].state is CheckInState.WAITING
    assert story.state("bob") is CheckInState.ON_THE_ROAD


def test_the_drift_of_two_counters_is_no_step() -> None:
    story = Story(row(1))
    story.knows_the_time(START_UTC_MS + 999)
    assert story.last == ()
    story.knows_the_time(START_UTC_MS - 30 * 365 * 24 * 60 * MINUTE)
    assert story.happened(ev.ClockSet)
    story.loses_the_time()
    assert story.happened(ev.ClockSet)[-1].utc_minus_elapsed_ms is None
    story.loses_the_time()
    assert story.last == ()


def test_a_time_of_arrival_waits_for_the_clock() -> None:
    story = Story(row(1), trusted=False)
    request = i.JoinQueue(
        pool=PoolId("A"),
        draw=1,
        origin=Origin.PARTNER,
        subjects=(SubjectRef("a"),),
        expected_utc_ms=START_UTC_MS + 30 * MINUTE,
    )
    assert story.asks(request) is None
    (ann,) = story.site.check_ins
    story.after(minutes=27)
    assert story.site.check_ins[ann].state is CheckInState.ON_THE_ROAD
    story.knows_the_time()
    assert story.site.check_ins[ann].state is CheckInState.CALLED


# --- another configuration


def test_the_same_configuration_is_no_news() -> None:
    story = Story(row(1))
    story.reads(row(1), "1")
    assert story.last == ()


def test_a_removed_evse_ends_everything_on_it_aloud() -> None:
    story = Story(row(4))
    story.somebody_charges(4)
    assert story.reserves(3, "r") is None
    story.joins("ann")
    assert story.called("ann") == 1
    assert story.starts_remotely("b", 2) is None  # not plugged in yet
    smaller = location([evse(9)], [pool("A", [9])])
    story.reads(smaller, "2")
    assert story.happened(ev.EnergyEnded)[-1].why is EndOfEnergy.OTHER
    assert [e.evse for e in story.happened(ev.ConnectorFreed)] == [4]
    assert [e.evse for e in story.happened(ev.AuthorisationLapsed)] == [2]
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EVSE_UNAVAILABLE
    assert story.happened(ev.HoldLost)[-1].reason is Reason.EVSE_UNAVAILABLE
    assert list(story.site.evses) == [9]
    assert story.called("ann") == 9  # served first


def test_who_fits_nowhere_any_more_is_told() -> None:
    story = Story(location([evse(1), evse(2)], [pool("A", [1]), pool("B", [2])]))
    story.somebody_charges(1)
    story.somebody_charges(2)
    story.joins("ann", "A")
    story.joins("bob", "B")
    story.joins("cleo", "B", wishes=Wishes(standards=(CCS,)))
    story.leaves_the_bay(1)
    story.reads(location([evse(1), evse(2, standard="CHADEMO")], [pool("B", [2])]), "2")
    assert story.called("ann") == 1  # called already: may still come
    assert story.state("bob") is CheckInState.WAITING
    assert (story.state("cleo"), story.of("cleo").reason) == (CheckInState.CANCELED, Reason.POOL_REMOVED)


# --- what cannot be


def a_cable(ident: int = 1, *, power_w: int = 1, standard: str = "CCS") -> Connector:
    return Connector(id=ConnectorId(ident), standard=standard, max_power_w=power_w, dc=True, cable=True)


def a_pool(name: str = "A", evses: tuple[int, ...] = (1,), limit: int = 1) -> ChargingPool:
    return ChargingPool(id=PoolId(name), names=(), evses=tuple(EvseId(e) for e in evses), queue_limit=limit)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: a_cable(0),
        lambda: a_cable(power_w=0),
        lambda: a_cable(standard=""),
        lambda: Evse(id=EvseId(0), label="", connectors=(a_cable(),)),
        lambda: Evse(id=EvseId(1), label="", connectors=()),
        lambda: Evse(id=EvseId(1), label="", connectors=(a_cable(), a_cable())),
        lambda: Place(row=0, column=1),
        lambda: Place(row=13, column=1),
        lambda: Place(row=1, column=25),
        lambda: location([replace(evse(n), place=Place(row=1, column=1)) for n in (1, 2)], [a_pool()]),
        lambda: OpenRange(weekday=7, begin_min=0, end_min=1),
        lambda: OpenRange(weekday=0, begin_min=1, end_min=1),
        lambda: OpenRange(weekday=0, begin_min=0, end_min=1441),
        lambda: a_pool(evses=()),
        lambda: a_pool(evses=(1, 1)),
        lambda: a_pool(limit=0),
        lambda: Policy(arrival_window_ms=999),
        lambda: Policy(requeue_behind=-1),
        lambda: Policy(misses_allowed=-1),
        lambda: Policy(walk_in_risk_percent=101),
        lambda: location([], [a_pool()]),
        lambda: location([evse(1), evse(1)], [a_pool()]),
        lambda: location([evse(n) for n in range(1, 202)], [a_pool()]),
        lambda: location([evse(1)], []),
        lambda: location([evse(1)], [a_pool(), a_pool()]),
        lambda: location([evse(1)], [a_pool(str(n)) for n in range(65)]),
        lambda: location([evse(1)], [a_pool(evses=(2,))]),
        lambda: replace(row(1), offsets=()),
        lambda: replace(row(1), offsets=((5, 0), (1, 0))),
    ],
)
def test_what_cannot_be_is_refused(impossible: object) -> None:
    assert callable(impossible)
    with pytest.raises(ValueError, match=r"\w"):
        impossible()


def test_a_plan_needs_the_place_of_every_bay_and_a_choice_among_them() -> None:
    def at(column: int) -> Evse:
        return replace(evse(column), place=Place(row=1, column=column))

    assert location([at(1), at(2)], [a_pool()]).has_plan
    assert not location([at(1), evse(2)], [a_pool()]).has_plan
    assert not location([at(1)], [a_pool()]).has_plan


def test_an_instant_goes_with_its_clock() -> None:
    assert Now(10, 1000).at(15) == Now(15, 1005)
    assert Now(10).at(15) == Now(15)
