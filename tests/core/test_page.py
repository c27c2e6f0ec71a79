"""The own page of a CheckIn through everything that can happen, and what can be done in each state."""

from dataclasses import replace

import pytest
from scene import CHADEMO, MINUTE, Scene, busy, evse, location, pool, single, three

from agent.core import inputs as i
from agent.core.layout import CheckInId, EvseId, Now, OpenRange, Place
from agent.core.page import ACTIONS, Action, PageState, PageView, page_view
from agent.core.shown import Reading, WaitRange, Waits
from agent.core.state import CheckInState, Reason, Site
from agent.texts import pages as texts

E1 = EvseId(1)
HOUR = 60 * MINUTE
WAIT = WaitRange(p10_min=20, p50_min=25, p90_min=50)


def page(scene: Scene, who: CheckInId, waits: Waits | None = None, reading: Reading | None = None) -> PageView:
    """Return somebody's own page."""
    return page_view(scene.site, who, scene.now, {E1: reading} if reading else {}, waits or Waits())


def code(scene: Scene, who: CheckInId) -> str:
    """Return the call code of a CheckIn."""
    return scene.site.check_ins[who].code


def test_states_and_actions_are_those_of_the_texts() -> None:
    assert [s.value for s in PageState] == [s.value for s in texts.PageState]
    assert {a.value for a in Action} <= {b.value for b in texts.Button}
    assert set(ACTIONS) == set(PageState)


def test_a_page_nobody_knows_offers_to_check_in() -> None:
    scene = Scene(single())
    assert page(scene, CheckInId(5)).state is PageState.UNKNOWN_LINK
    assert page_view(Site(), CheckInId(5), scene.now).actions == (Action.CHECK_IN,)


def test_waiting_tells_place_and_wait() -> None:
    scene = busy()
    scene.join()
    who = scene.join()
    shown = page(scene, who, Waits(of={who: WAIT}))
    assert (shown.state, shown.position, shown.wait) == (PageState.WAITING, 2, WAIT)
    assert (shown.code, shown.pool, shown.bay, shown.left_ms) == (code(scene, who), "A", None, None)
    assert shown.actions == (Action.REMIND, Action.SNOOZE, Action.CHANGE, Action.LEAVE)
    assert shown.sequence == scene.site.check_ins[who].sequence


def test_a_reminder_needs_a_long_wait_and_a_trusted_clock() -> None:
    scene = busy()
    scene.join()
    who = scene.join()
    short = WaitRange(p10_min=14, p50_min=25, p90_min=50)
    assert Action.REMIND not in page(scene, who, Waits(of={who: short})).actions
    assert Action.REMIND not in page(scene, who).actions
    scene.trusted = False
    assert Action.REMIND not in page(scene, who, Waits(of={who: WAIT})).actions


def test_the_first_in_line_is_next() -> None:
    scene = busy()
    who = scene.join()
    shown = page(scene, who)
    assert (shown.state, shown.position) == (PageState.NEXT, 1)
    assert shown.actions == (Action.SNOOZE, Action.CHANGE, Action.LEAVE)


def test_who_is_on_the_road_waits_and_the_page_knows_it() -> None:
    scene = busy()
    who = scene.join()
    scene.do(i.UpdateArrival(check_in=who, expected_in_ms=HOUR))
    assert page(scene, who).on_the_road


def test_called_tells_bay_code_and_countdown_and_offers_more_time_once() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.wait(28_000)
    shown = page(scene, who)
    assert (shown.state, shown.bay, shown.left_ms) == (PageState.CALLED, "1", 5 * MINUTE - 28_000)
    assert shown.until_utc_ms == scene.now.at(scene.elapsed_ms + 5 * MINUTE - 28_000).utc_ms
    assert (shown.wait, shown.position, shown.clock_stopped) == (None, None, False)
    assert shown.actions == (Action.EXTEND, Action.SNOOZE, Action.LEAVE)
    scene.do(i.ExtendHold(check_in=who))
    assert Action.EXTEND not in page(scene, who).actions


def test_the_way_to_the_bay_is_offered_where_every_bay_has_its_place() -> None:
    placed = [replace(evse(n), place=Place(row=1, column=n)) for n in (1, 2)]
    for bays, offered in ((placed, True), ([placed[0], evse(2)], False), (placed[:1], False)):
        scene = Scene(location(bays, [pool("A", [one.id for one in bays])]))
        who = scene.join()
        assert (Action.PLAN in page(scene, who).actions) is offered


def test_who_let_others_go_three_times_is_not_offered_it_again() -> None:
    scene = busy()
    who = scene.join()
    for _ in range(3):
        scene.do(i.SnoozeCheckIn(check_in=who, minutes=10))
        scene.do(i.SnoozeCheckIn(check_in=who, minutes=0))
    assert Action.SNOOZE not in page(scene, who).actions


def test_a_bay_that_breaks_before_arrival_is_changed_for_another() -> None:
    scene = Scene(three())
    who = scene.join()
    scene.fault(1)
    shown = page(scene, who)
    assert (shown.state, shown.bay, shown.lost_bay) == (PageState.BAY_CHANGED, "2", "1")
    assert (shown.lost_reason, shown.left_ms) == (Reason.EVSE_FAULT, 5 * MINUTE)


def test_a_call_long_after_a_lost_hold_is_a_call() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.fault(1)
    assert page(scene, who).state is PageState.SITE_FAULT
    scene.fault(1, active=False)
    shown = page(scene, who)
    assert (shown.state, shown.lost_reason) == (PageState.CALLED, Reason.EVSE_FAULT)


def test_who_arrives_is_to_plug_in_while_the_clock_stands() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.occupy(1)
    shown = page(scene, who)
    assert (shown.state, shown.bay, shown.clock_stopped) == (PageState.ARRIVED, "1", True)
    assert shown.actions == (Action.WRONG_BAY, Action.LEAVE)


def test_who_confirms_at_a_bay_without_sensor_has_arrived() -> None:
    scene = Scene(single(), free=False)
    who = scene.join()
    scene.do(i.StartAtPage(check_in=who))
    assert page(scene, who).state is PageState.ARRIVED


def two_called() -> tuple[Scene, CheckInId]:
    """Two are called; the one called to bay 1 plugs in at bay 2, which is kept for the other."""
    scene = Scene(location([evse(1), evse(2)], [pool("A", [1, 2])]))
    who = scene.join(subject="me")
    scene.join(subject="other")
    scene.occupy(2)
    scene.plug(2)
    scene.card(2, "me")
    return scene, who


def test_who_plugs_in_at_somebody_elses_bay_is_told_which_is_theirs() -> None:
    scene, who = two_called()
    shown = page(scene, who)
    assert (shown.state, shown.bay, shown.wrong_bay) == (PageState.WRONG_BAY, "1", "2")
    assert shown.actions == ()
    assert shown.left_ms is not None
    scene.unplug(2)
    scene.leave(2)
    shown = page(scene, who)
    assert (shown.state, shown.wrong_bay) == (PageState.CALLED, None)


def test_the_other_whose_bay_is_taken_is_told_that_somebody_stands_there() -> None:
    scene, who = two_called()
    other = CheckInId(who + 1)
    shown = page(scene, other)
    assert (shown.state, shown.bay) == (PageState.BAY_BLOCKED, "2")
    assert Action.WRONG_BAY in shown.actions


def test_a_bay_lost_to_a_stranger_is_said_until_another_is_found() -> None:
    scene = Scene(single())
    who = scene.join(subject="me")
    scene.occupy(1)
    scene.do(i.ReportBlocked(check_in=who))
    shown = page(scene, who)
    assert (shown.state, shown.bay, shown.position) == (PageState.BAY_BLOCKED, "1", 1)
    assert shown.actions == (Action.SNOOZE, Action.LEAVE)


def test_a_missed_call_is_told_with_the_bay_until_when_and_the_new_place() -> None:
    scene = Scene(location([evse(1), evse(2, standard=CHADEMO)], [pool("A", [1]), pool("B", [2])]))
    who = scene.join(subject="me")
    others = [scene.join() for _ in range(3)]
    scene.wait(5 * MINUTE)
    shown = page(scene, who)
    assert (shown.state, shown.bay, shown.position) == (PageState.REQUEUED, "1", 2)
    assert shown.until_utc_ms is not None
    assert shown.actions == (Action.HERE, Action.SNOOZE, Action.LEAVE)
    assert page(scene, others[0]).state is PageState.CALLED
    scene.do(i.UpdateArrival(check_in=who))
    assert page(scene, who).state is PageState.WAITING


def test_the_second_missed_call_ends_it() -> None:
    scene = Scene(single(misses_allowed=0))
    who = scene.join(subject="me")
    scene.wait(5 * MINUTE)
    shown = page(scene, who)
    assert (shown.state, shown.bay, shown.reason) == (PageState.ENDED, "1", Reason.NOT_ARRIVED)
    assert shown.until_utc_ms == shown.ended_utc_ms is not None
    assert shown.actions == (Action.CHECK_IN_AGAIN,)


def test_snoozed_tells_until_when() -> None:
    scene = busy()
    who = scene.join()
    scene.do(i.SnoozeCheckIn(check_in=who, minutes=20))
    shown = page(scene, who)
    assert (shown.state, shown.left_ms, shown.bay) == (PageState.SNOOZED, 20 * MINUTE, None)
    assert shown.actions == (Action.READY, Action.LEAVE)


def test_leaving_can_be_undone_for_half_a_minute() -> None:
    scene = busy()
    who = scene.join()
    scene.do(i.LeaveQueue(check_in=who))
    shown = page(scene, who)
    assert (shown.state, shown.can_undo, shown.left_ms) == (PageState.LEFT, True, 30_000)
    assert shown.actions == (Action.CHECK_IN_AGAIN, Action.UNDO)
    scene.wait(31_000)
    shown = page(scene, who)
    assert (shown.can_undo, shown.left_ms, shown.actions) == (False, 0, (Action.CHECK_IN_AGAIN,))


def test_a_fault_of_all_bays_keeps_the_place_and_shows_other_plugs() -> None:
    scene = Scene(location([evse(1), evse(2, standard=CHADEMO)], [pool("A", [1]), pool("B", [2])]))
    scene.charge(1)
    who = scene.join()
    scene.fault(1)
    shown = page(scene, who)
    assert (shown.state, shown.position) == (PageState.SITE_FAULT, 1)
    assert shown.actions == (Action.OTHER_PLUGS, Action.LEAVE)


def test_with_one_pool_there_are_no_other_plugs() -> None:
    scene = busy()
    who = scene.join()
    scene.fault(1)
    assert page(scene, who).actions == (Action.LEAVE,)


def test_closing_ends_the_check_in_and_says_when_it_opens() -> None:
    day = OpenRange(weekday=0, begin_min=6 * 60, end_min=10 * 60)
    scene = Scene(location([evse(1)], [pool("A", [1], opening=(day,))]))
    scene.charge(1)
    who = scene.join()
    assert page(scene, who).closes_utc_ms == scene.now.at(HOUR).utc_ms
    scene.wait(2 * HOUR)
    shown = page(scene, who)
    assert (shown.state, shown.reason, shown.bay) == (PageState.CLOSED, Reason.CLOSED, None)
    assert shown.opens_utc_ms is not None
    assert shown.actions == ()


def test_who_waited_too_long_has_ended_without_a_bay() -> None:
    scene = busy()
    who = scene.join()
    scene.wait(12 * HOUR)
    shown = page(scene, who)
    assert (shown.state, shown.reason, shown.bay) == (PageState.ENDED, Reason.EXPIRED, None)


def test_a_pool_that_left_the_layout_still_has_its_pages() -> None:
    scene = busy()
    who = scene.join()
    scene.do(i.LayoutRead(location=location([evse(1)], [pool("Z", [1])]), digest="2"))
    shown = page(scene, who)
    assert (shown.state, shown.closes_utc_ms) == (PageState.ENDED, None)


def test_a_second_scan_is_asked_for_while_in_line() -> None:
    scene = busy()
    who = scene.join()
    suspect = replace(scene.site.check_ins[who], must_scan=True)
    scene.site = replace(scene.site, check_ins={who: suspect})
    assert page(scene, who).must_scan


def test_a_call_without_its_hold_is_shown_as_waiting_until_the_core_has_settled() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.site = replace(scene.site, holds={})
    assert page(scene, who).state is PageState.WAITING


def test_an_undo_that_nobody_timed_has_no_countdown() -> None:
    scene = busy()
    who = scene.join()
    left = replace(scene.site.check_ins[who], state=CheckInState.CHECKED_OUT)
    scene.site = replace(scene.site, check_ins={who: left})
    assert page(scene, who).left_ms is None


@pytest.mark.parametrize("state", list(PageState))
def test_the_texts_know_every_button_that_a_state_offers(state: PageState) -> None:
    known = {b.value for b in texts.PAGES[texts.PageState(state.value)].buttons}
    extra = {a.value for a in ACTIONS[state]} - known
    assert extra <= ({"wrong_bay", "snooze", "leave"} if state is PageState.BAY_BLOCKED else set())


def test_an_untrusted_clock_gives_spans_and_no_instants() -> None:
    scene = Scene(single(), trusted=False)
    who = scene.join()
    shown = page_view(scene.site, who, Now(scene.elapsed_ms, None))
    assert (shown.left_ms, shown.until_utc_ms, shown.closes_utc_ms) == (5 * MINUTE, None, None)
