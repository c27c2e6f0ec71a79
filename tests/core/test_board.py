"""Pools, the public board, the console's queue, and why somebody still waits."""

from dataclasses import replace

import pytest
from scene import CCS, CHADEMO, MINUTE, START_UTC_MS, Scene, evse, location, pool, single, three

from agent.core import inputs as i
from agent.core.board import PoolStatus, Sign, Why, board_view, explain, label, pool_view, pool_views, queue_view
from agent.core.lamps import LAMPS
from agent.core.layout import CheckInId, EvseId, Now, OpenRange, PoolId, SubjectRef
from agent.core.shown import EvseShown, WaitRange, Waits
from agent.core.state import CheckInState, Site, Wishes
from agent.core.views import evse_views

A = PoolId("A")
HOUR = 60 * MINUTE


def test_a_pool_tells_what_a_newcomer_finds() -> None:
    scene = Scene(location([evse(1), evse(2, standard=CHADEMO, power_w=50_000)], [pool("A", [1, 2])]))
    wait = WaitRange(p10_min=1, p50_min=2, p90_min=3)
    shown = pool_view(scene.site, A, scene.now, Waits(newcomer={A: wait}))
    assert (shown.status, shown.queue_length, shown.evses, shown.evses_free) == (PoolStatus.OPEN, 0, 2, 2)
    assert (shown.standards, shown.max_power_w, shown.accessible) == ((CHADEMO, CCS), 150_000, False)
    assert (shown.wait, shown.restricted, shown.price) == (wait, False, None)
    assert (shown.closes_utc_ms, shown.opens_utc_ms) == (None, None)
    assert pool_views(Site(), scene.now) == ()


def test_an_evse_for_which_somebody_waits_is_not_free_for_a_newcomer() -> None:
    scene = Scene(three())
    scene.join()
    assert pool_view(scene.site, A, scene.now).evses_free == 2
    scene.fault(3)
    shown = pool_view(scene.site, A, scene.now)
    assert (shown.evses_free, shown.evses_in_service) == (1, 2)
    assert shown.wait is None


def test_a_pool_is_full_at_its_limit() -> None:
    scene = Scene(location([evse(1)], [pool("A", [1], limit=1)]))
    scene.charge(1)
    scene.join()
    shown = pool_view(scene.site, A, scene.now)
    assert (shown.status, shown.queue_length) == (PoolStatus.FULL, 1)


def test_a_pool_that_does_not_exist_is_our_mistake() -> None:
    scene = Scene(single())
    with pytest.raises(KeyError, match="not in the layout"):
        pool_view(scene.site, PoolId("Z"), scene.now)
    with pytest.raises(KeyError, match="not in the layout"):
        pool_view(Site(), A, scene.now)


def opening_at(*ranges: OpenRange) -> Scene:
    """Return a site whose only pool is open at these times; it is Monday nine o'clock."""
    return Scene(location([evse(1)], [pool("A", [1], opening=ranges)]))


def test_an_open_pool_tells_when_it_closes() -> None:
    scene = opening_at(OpenRange(weekday=0, begin_min=6 * 60, end_min=22 * 60))
    shown = pool_view(scene.site, A, scene.now)
    assert (shown.status, shown.opens_utc_ms) == (PoolStatus.OPEN, None)
    assert shown.closes_utc_ms == START_UTC_MS + 13 * HOUR


def test_a_closed_pool_tells_when_it_opens_and_has_nothing_free() -> None:
    scene = opening_at(
        OpenRange(weekday=0, begin_min=6 * 60, end_min=8 * 60), OpenRange(weekday=1, begin_min=6 * 60, end_min=8 * 60)
    )
    shown = pool_view(scene.site, A, scene.now)
    assert (shown.status, shown.evses_free, shown.closes_utc_ms) == (PoolStatus.CLOSED, 0, None)
    assert shown.opens_utc_ms == START_UTC_MS + 21 * HOUR


def test_a_change_of_the_clocks_in_between_moves_the_opening() -> None:
    layout = location([evse(1)], [pool("A", [1], opening=(OpenRange(weekday=1, begin_min=0, end_min=60),))])
    change = START_UTC_MS + 5 * HOUR
    scene = Scene(replace(layout, offsets=((0, 120), (change, 60))))  # an hour back at 14:00 UTC
    assert pool_view(scene.site, A, scene.now).opens_utc_ms == START_UTC_MS + 14 * HOUR


def test_without_a_trusted_clock_a_pool_is_open_and_tells_no_time() -> None:
    layout = location([evse(1)], [pool("A", [1], opening=(OpenRange(weekday=3, begin_min=0, end_min=60),))])
    scene = Scene(layout, trusted=False)
    shown = pool_view(scene.site, A, scene.now)
    assert (shown.status, shown.closes_utc_ms, shown.opens_utc_ms) == (PoolStatus.OPEN, None, None)


def test_the_board_shows_calls_newest_first_then_the_next_three_then_bays() -> None:
    scene = Scene(three())
    scene.charge(3)
    called = [scene.join(), scene.join()]
    waiting = [scene.join() for _ in range(5)]
    scene.do(i.SnoozeCheckIn(check_in=waiting[0], minutes=10))
    board = board_view(scene.site, scene.now)
    code = {c.id: c.code for c in scene.site.check_ins.values()}
    assert [row.code for row in board.called] == [code[called[1]], code[called[0]]]
    assert [(row.bay, row.called_ms) for row in board.called] == [
        (str(hold.evse), hold.since_ms) for hold in (scene.site.holds[EvseId(2)], scene.site.holds[EvseId(1)])
    ]
    assert 0 < board.called[1].left_ms < board.called[0].left_ms <= 5 * MINUTE
    assert board.next == tuple(code[c] for c in waiting[1:4])
    assert [(b.label, b.state, b.sign, b.code) for b in board.bays] == [
        ("1", EvseShown.HELD, Sign.KEPT, code[called[0]]),
        ("2", EvseShown.HELD, Sign.KEPT, code[called[1]]),
        ("3", EvseShown.CHARGING, Sign.ENERGY, None),
    ]
    assert [p.pool for p in board.pools] == ["A"]


def test_bays_that_share_a_sign_have_lamps_of_one_colour() -> None:
    scene = Scene(three())
    scene.charge(1)
    scene.fault(2)
    bays = board_view(scene.site, scene.now).bays
    lamps = {v.evse: LAMPS[v.lamp].colour for v in evse_views(scene.site, scene.now)}
    assert [(b.sign, lamps[b.evse]) for b in bays] == [
        (Sign.ENERGY, "#0040ff"),
        (Sign.NOT_HERE, "#e00000"),
        (Sign.GO, "#00e68c"),
    ]


def test_a_bay_that_left_the_layout_is_named_by_its_number() -> None:
    assert label(Scene(single()).site, EvseId(8)) == "8"


def test_the_queue_of_a_pool_is_called_first_then_in_order() -> None:
    scene = Scene(location([evse(1), evse(2)], [pool("A", [1]), pool("B", [2])]))
    first, second, other = scene.join(), scene.join(), scene.join("B")
    wait = WaitRange(p10_min=1, p50_min=2, p90_min=3)
    rows = queue_view(scene.site, A, Waits(of={second: wait}))
    assert [(r.check_in, r.position, r.state, r.bay, r.wait) for r in rows] == [
        (first, None, CheckInState.CALLED, "1", None),
        (second, 1, CheckInState.WAITING, None, wait),
    ]
    assert [r.check_in for r in queue_view(scene.site)] == [first, other, second]


def why(scene: Scene, who: CheckInId) -> list[tuple[str, Why, str | None]]:
    """Return why somebody has none of the EVSEs they accept."""
    return [(e.label, e.why, e.code) for e in explain(scene.site, who, scene.now)]


def test_nobody_is_explained_who_is_unknown_or_has_ended() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.do(i.LeaveQueue(check_in=who))
    assert why(scene, who) == why(scene, CheckInId(77)) == []


def test_each_accepted_evse_has_one_reason_why_it_is_not_theirs() -> None:
    evses = [evse(n) for n in range(1, 8)]
    scene = Scene(location(evses, [pool("A", range(1, 8)), pool("B", [1, 2])]))
    scene.charge(1)
    scene.do(i.MakeReserveNow(id=1, evse=EvseId(3), subject=SubjectRef("booked"), for_ms=HOUR))
    scene.occupy(4)
    scene.fault(5)
    scene.do(i.SetAvailability(evse=EvseId(6), operative=False))
    caller = scene.join("B")
    scene.charge(7, "gone soon")
    scene.card(7, "gone soon")
    who = scene.join()
    code = scene.site.check_ins[caller].code
    assert why(scene, who) == [
        ("1", Why.CHARGING, None),
        ("2", Why.HELD, code),
        ("3", Why.RESERVED, None),
        ("4", Why.OCCUPIED, None),
        ("5", Why.FAULT, None),
        ("6", Why.OUT_OF_OPERATION, None),
        ("7", Why.FINISHED, None),
    ]
    assert why(scene, caller) == [("1", Why.CHARGING, None), ("2", Why.YOURS, None)]


def test_who_charges_after_a_call_is_named_by_code() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.plug(1)
    scene.do(i.StartAtPage(check_in=who))
    behind = scene.join()
    assert why(scene, behind) == [("1", Why.CHARGING, scene.site.check_ins[who].code)]


def test_who_lets_others_go_first_comes_later_or_must_scan_has_that_as_the_reason() -> None:
    scene = Scene(three())
    snoozed = scene.join()
    scene.do(i.SnoozeCheckIn(check_in=snoozed, minutes=10))
    assert why(scene, snoozed)[0] == ("1", Why.SNOOZED, None)
    scene.do(i.UpdateArrival(check_in=snoozed, expected_in_ms=HOUR))
    scene.do(i.SnoozeCheckIn(check_in=snoozed, minutes=0))
    state = replace(scene.site.check_ins[snoozed], state=CheckInState.ON_THE_ROAD)
    scene.site = replace(scene.site, check_ins={snoozed: state})
    assert why(scene, snoozed)[0] == ("1", Why.ON_THE_ROAD, None)
    scanning = replace(state, state=CheckInState.WAITING, must_scan=True)
    scene.site = replace(scene.site, check_ins={snoozed: scanning})
    assert why(scene, snoozed)[0] == ("1", Why.MUST_SCAN, None)


def test_a_closed_pool_is_the_reason_while_bays_stand_free() -> None:
    scene = opening_at(OpenRange(weekday=0, begin_min=6 * 60, end_min=22 * 60))
    who = scene.join()
    night = Now(scene.elapsed_ms, START_UTC_MS + 14 * HOUR)
    waiting = replace(scene.site.check_ins[who], state=CheckInState.WAITING)
    site = replace(scene.site, holds={}, check_ins={who: waiting})
    assert [e.why for e in explain(site, who, night)] == [Why.CLOSED]


def test_between_two_turns_a_free_bay_is_theirs_or_somebodys_before_them() -> None:
    scene = Scene(location([evse(1), evse(2, standard=CHADEMO)], [pool("A", [1, 2]), pool("B", [2])]))
    scene.charge(1)
    scene.charge(2)
    first = scene.join()
    second = scene.join(wishes=Wishes(standards=(CCS,)))
    site = replace(scene.site, stays={}, evses={e: replace(s, bay=s.bay.FREE) for e, s in scene.site.evses.items()})
    assert [(e.why, e.code) for e in explain(site, first, scene.now)] == [(Why.FREE, None), (Why.FREE, None)]
    assert [(e.why, e.code) for e in explain(site, second, scene.now)] == [(Why.BEFORE_YOU, site.check_ins[first].code)]


def test_who_is_called_finds_other_free_bays_free() -> None:
    scene = Scene(three())
    who = scene.join()
    assert why(scene, who) == [("1", Why.YOURS, None), ("2", Why.FREE, None), ("3", Why.FREE, None)]
