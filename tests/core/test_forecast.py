"""The wait forecast: exact against an event simulation, monotone, repeatable, and honest about what it cannot know."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene import CCS, CHADEMO, MINUTE, ONE, Scene, busy, evse, location, pool, single, three

from agent.core import inputs as i
from agent.core.forecast import SAMPLES_LEAST, claim, forecast, newcomer_wait, serve
from agent.core.history import StayKind, stay_kind
from agent.core.layout import CheckInId, Connector, ConnectorId, EvseId, PoolId, SubjectRef
from agent.core.residual import CHANGEOVER_MIN
from agent.core.shown import WaitRange, Waits
from agent.core.state import Site, Wishes
from agent.core.stays import StayClass, StayTable

A = PoolId("A")
NOW = WaitRange(p10_min=0, p50_min=0, p90_min=0)

# Every stay lasts 30 minutes, or very nearly: then a forecast can be checked by hand.
SURE = StayTable(quantiles_min=(30.0, 30.0 + 1e-6), tail_min=1.0)
SURELY = {StayKind(f"{s}/{c.value}"): SURE for s in (CCS, CHADEMO, "IEC_62196_T2") for c in StayClass}

Person = tuple[frozenset[int], float, float]  # accepted EVSEs, stay, ready from


def simulated(free: list[float], line: list[Person]) -> list[float]:
    """Return when each starts, by events: at every instant the first in line who is ready takes what suits them."""
    starts: dict[int, float] = {}
    free = list(free)
    while len(starts) < len(line):
        found = []
        for number, (accepted, _, ready) in enumerate(line):
            if number not in starts:
                found.append((min(max(free[e], ready) for e in accepted), number))
        now, number = min(found)
        accepted, stay, _ = line[number]
        place = min((e for e in accepted if free[e] <= now), key=lambda e: free[e])
        starts[number] = now
        free[place] = now + stay
    return [starts[n] for n in range(len(line))]


def recursed(free: list[float], line: list[Person]) -> list[float]:
    """Return when each starts, by the matching recursion."""
    claims = []
    for accepted, stay, ready in line:
        places = tuple(sorted(accepted))
        claims.append(claim(places, tuple([stay] for _ in places), ready=ready))
    serve([list(free)], claims)
    return [c.starts[0] for c in claims]


def people(evses: int, *, alike: bool) -> st.SearchStrategy[list[Person]]:
    """Return lines of people; alike, all accept every EVSE and some are ready only later."""
    every = frozenset(range(evses))
    accepted = st.just(every) if alike else st.frozensets(st.integers(0, evses - 1), min_size=1)
    ready = st.one_of(st.just(0.0), st.floats(1, 100)) if alike else st.just(0.0)
    return st.lists(st.tuples(accepted, st.floats(1, 60), ready), max_size=9)


free_times = st.lists(st.floats(0.5, 60), min_size=3, max_size=3, unique=True)


@given(free=free_times, line=people(3, alike=False))
@settings(max_examples=300)
def test_the_recursion_gives_the_starts_of_an_event_simulation(free: list[float], line: list[Person]) -> None:
    assert recursed(free, line) == simulated(free, line)


@given(free=free_times, line=people(3, alike=True))
@settings(max_examples=300)
def test_who_is_ready_later_is_passed_over_until_then_and_no_longer(free: list[float], line: list[Person]) -> None:
    assert recursed(free, line) == simulated(free, line)


def test_who_only_asks_takes_nothing() -> None:
    asked, after = claim((0,), (), asks=True), claim((0,), ([5.0],))
    serve([[7.0]], [asked, after])
    assert (asked.starts, after.starts) == ([7.0], [7.0])
    asked, late = claim((0,), (), asks=True), claim((0,), ([5.0],), ready=3.0)
    serve([[1.0]], [late, asked])
    assert (late.starts, asked.starts) == ([3.0], [1.0])


def waits(scene: Scene) -> Waits:
    """Return the forecast with stays that are sure."""
    return forecast(scene.site, scene.now, tables=SURELY)


def is_sure(found: WaitRange | None, minutes: float) -> bool:
    """Return whether a wait is known but for seconds and the rounding to whole minutes."""
    return found is not None and minutes - 1.1 <= found.p10_min <= found.p90_min <= minutes + 1.1


def test_a_site_that_is_not_ready_has_no_forecast() -> None:
    scene = Scene(single())
    assert forecast(Site(), scene.now) == Waits()
    assert newcomer_wait(Site(), scene.now, A, Wishes()) is None
    scene.do(i.Started(boot=2))
    assert forecast(scene.site, scene.now) == Waits()


def test_where_an_evse_is_free_a_newcomer_does_not_wait() -> None:
    scene = Scene(three())
    scene.charge(1)
    assert forecast(scene.site, scene.now).newcomer == {A: NOW}


def test_each_waits_for_those_before_them_and_a_changeover() -> None:
    scene = busy()
    first, second = scene.join(), scene.join()
    scene.site = replace(scene.site, elapsed_ms=0)
    scene.elapsed_ms = scene.site.stays[EvseId(1)].began_ms + 10 * MINUTE
    found = waits(scene)
    assert is_sure(found.of[first], 20 + CHANGEOVER_MIN)
    assert is_sure(found.of[second], 20 + 30 + 2 * CHANGEOVER_MIN)
    assert is_sure(found.newcomer[A], 20 + 2 * 30 + 3 * CHANGEOVER_MIN)


def test_a_hold_is_a_stay_that_begins_soon() -> None:
    scene = Scene(single())
    scene.join()
    assert is_sure(waits(scene).newcomer[A], 30 + CHANGEOVER_MIN)


def test_a_car_that_has_unplugged_leaves_within_a_changeover() -> None:
    scene = busy()
    scene.unplug(1)
    assert waits(scene).newcomer == {A: WaitRange(p10_min=2, p50_min=2, p90_min=2)}


def test_a_car_without_plug_is_taken_for_somebody_about_to_charge() -> None:
    scene = Scene(single())
    scene.occupy(1)
    assert is_sure(waits(scene).newcomer[A], 30)


def test_a_reserve_now_is_somebody_who_comes_until_it_expires() -> None:
    scene = Scene(single())
    scene.do(i.MakeReserveNow(id=1, evse=EvseId(1), subject=SubjectRef("x"), for_ms=10 * MINUTE))
    found = waits(scene).newcomer[A]
    assert found is not None
    assert found.p10_min == pytest.approx(33, abs=1)
    assert found.p50_min == pytest.approx(37, abs=1)
    assert found.p90_min == pytest.approx(41, abs=1)


def test_nobody_is_promised_an_evse_that_is_out_of_service() -> None:
    scene = busy()
    who = scene.join()
    scene.fault(1)
    found = forecast(scene.site, scene.now)
    assert (found.of, found.newcomer) == ({who: None}, {A: None})
    assert newcomer_wait(scene.site, scene.now, PoolId("Z"), Wishes()) is None


def test_a_fault_lengthens_the_wait_for_the_others() -> None:
    scene = Scene(three())
    for number in (1, 2, 3):
        scene.charge(number, f"s{number}")
    before = newcomer_wait(scene.site, scene.now, A, Wishes())
    scene.fault(3)
    after = newcomer_wait(scene.site, scene.now, A, Wishes())
    assert before is not None
    assert after is not None
    assert after.p50_min > before.p50_min


def test_narrow_wishes_wait_longer_and_accessible_bays_go_first_to_who_needs_one() -> None:
    layout = location([evse(1), evse(2), evse(3, accessible=True)], [pool("A", [1, 2, 3])])
    scene = Scene(layout)
    for number in (1, 2, 3):
        scene.charge(number, f"s{number}")
    for _ in range(4):
        scene.join()
    any_bay = newcomer_wait(scene.site, scene.now, A, Wishes(), tables=SURELY)
    accessible = newcomer_wait(scene.site, scene.now, A, Wishes(accessible=True), tables=SURELY)
    assert any_bay is not None
    assert accessible is not None
    assert accessible.p90_min <= 30 + CHANGEOVER_MIN < any_bay.p50_min  # ahead of four others, at that bay
    needs = scene.join(wishes=Wishes(accessible=True))
    assert waits(scene).of[needs] == accessible


def test_who_snoozes_or_is_on_the_road_waits_at_least_until_ready_and_delays_nobody_before() -> None:
    scene = busy()
    snoozing, driving, here = scene.join(), scene.join(), scene.join()
    scene.do(i.SnoozeCheckIn(check_in=snoozing, minutes=40))
    scene.do(i.UpdateArrival(check_in=driving, expected_in_ms=125 * MINUTE))
    found = waits(scene).of
    assert is_sure(found[here], 30 + CHANGEOVER_MIN)
    assert is_sure(found[snoozing], 61 + CHANGEOVER_MIN)
    assert is_sure(found[driving], 119)


def test_a_change_of_wishes_is_forecast_without_the_old_place() -> None:
    scene = busy()
    first, second = scene.join(), scene.join()
    as_newcomer = newcomer_wait(scene.site, scene.now, A, Wishes(), without=first, tables=SURELY)
    assert as_newcomer == waits(scene).of[second]


def test_a_stay_is_of_the_class_of_the_connector_in_use() -> None:
    fast = Connector(id=ConnectorId(1), standard=CCS, max_power_w=150_000, dc=True, cable=True)
    slow = Connector(id=ConnectorId(2), standard="IEC_62196_T2", max_power_w=22_000, dc=False, cable=False)
    both = replace(evse(1), connectors=(fast, slow))
    minutes = {stay_kind(slow): 100.0, stay_kind(fast): 10.0}
    tables = {k: StayTable(quantiles_min=(m, m + 1e-6), tail_min=1.0) for k, m in minutes.items()}
    scene = Scene(location([both], [pool("A", [1])]))
    scene.do(i.PluggedIn(evse=EvseId(1), connector=ConnectorId(2)))
    assert is_sure(forecast(scene.site, scene.now, tables=tables).newcomer[A], 100 + CHANGEOVER_MIN)
    scene.unplug(1)
    scene.do(i.PluggedIn(evse=EvseId(1), connector=ONE))
    assert is_sure(forecast(scene.site, scene.now, tables=tables).newcomer[A], 10 + CHANGEOVER_MIN)
    scene.join(wishes=Wishes(standards=("IEC_62196_T2",)))
    assert is_sure(
        forecast(scene.site, scene.now, tables=tables).newcomer[A], 10 + CHANGEOVER_MIN + 100 + CHANGEOVER_MIN
    )


@given(
    minutes=st.lists(st.integers(0, 120), min_size=3, max_size=3),
    line=st.lists(st.sampled_from(["any", CCS, CHADEMO]), min_size=1, max_size=12),
)
@settings(max_examples=25, deadline=None)
def test_with_the_same_wishes_a_later_position_never_waits_less(minutes: list[int], line: list[str]) -> None:
    scene = Scene(location([evse(1), evse(2), evse(3, standard=CHADEMO)], [pool("A", [1, 2, 3])]))
    for number, spent in enumerate(minutes, start=1):
        scene.charge(number, f"s{number}")
        scene.wait(spent * 1000)
    wishes = {"any": Wishes(), CCS: Wishes(standards=(CCS,)), CHADEMO: Wishes(standards=(CHADEMO,))}
    joined = [(scene.join(wishes=wishes[w]), w) for w in line]
    found = forecast(scene.site, scene.now)
    last: dict[str, WaitRange] = {}
    for who, wish in joined:
        here = found.of[who]
        assert here is not None
        before = last.get(wish, NOW)
        pairs = zip(_figures(before), _figures(here), strict=True)
        assert all(a <= b for a, b in pairs)
        last[wish] = here
    newcomer = found.newcomer[A]
    assert newcomer is not None
    if "any" in last:
        assert _figures(last["any"]) <= _figures(newcomer)


def _figures(wait: WaitRange) -> tuple[int, int, int]:
    return (wait.p10_min, wait.p50_min, wait.p90_min)


def test_the_same_state_gives_the_same_forecast_and_another_seed_nearly_the_same() -> None:
    scene = busy()
    who = [scene.join() for _ in range(5)][-1]
    one, again = (forecast(scene.site, scene.now) for _ in range(2))
    other = forecast(scene.site, scene.now, seed=7)
    assert one == again
    here, there = one.of[who], other.of[who]
    assert here is not None
    assert there is not None
    assert all(abs(a - b) <= 15 for a, b in zip(_figures(here), _figures(there), strict=True))
    assert _figures(there) != _figures(here)


def test_a_wait_of_days_is_told_as_a_day_or_more() -> None:
    scene = Scene(single())
    scene.charge(1)
    for _ in range(60):
        scene.join()
    assert forecast(scene.site, scene.now, samples=60).newcomer[A] == WaitRange(
        p10_min=1440, p50_min=1440, p90_min=1440
    )


def test_many_people_get_fewer_futures_each_but_enough_for_a_p90() -> None:
    scene = busy()
    for _ in range(30):
        scene.join()
    line = {
        CheckInId(n): replace(c, id=CheckInId(n)) for n in range(1, 700) for c in (scene.site.check_ins[CheckInId(1)],)
    }
    scene.site = replace(scene.site, check_ins=line)
    found = forecast(scene.site, scene.now)
    fixed = forecast(scene.site, scene.now, samples=SAMPLES_LEAST)
    assert found == fixed
