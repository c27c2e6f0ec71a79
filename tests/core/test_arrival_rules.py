"""From the call to the plug: two-step arrival, no-shows, strangers in held bays, outages, restarts."""

import pytest
from story import MINUTE, Story, row

from agent.core import inputs as i
from agent.core.layout import EvseId
from agent.core.state import Bay, CheckInState, Reason, TokenAnswer


def test_a_call_lasts_five_minutes_or_ten_for_who_needs_more_time() -> None:
    story = Story(row(2))
    story.joins("ann")
    story.joins("bob", more_time=True)
    assert (story.left("ann"), story.left("bob")) == (5, 10)


def test_the_first_missed_call_costs_two_places_the_second_the_check_in() -> None:
    story = Story(row(1))
    for who in ("ann", "bob", "cleo", "dan"):
        story.joins(who)
    story.after(minutes=5)
    assert story.called("bob") == 1
    # Behind the next two in line; bob, who is called now, was the first of them when ann lost the bay.
    assert story.line() == "cleo ann dan"
    assert (story.of("ann").reason, story.of("ann").misses) == (Reason.MISSED_CALL, 1)
    for who in ("bob", "cleo"):
        story.leaves(who)
    assert story.called("ann") == 1
    story.after(minutes=5)
    assert (story.state("ann"), story.of("ann").reason) == (CheckInState.NO_SHOW, Reason.NOT_ARRIVED)
    assert story.called("dan") == 1


def test_who_is_alone_is_called_again_and_then_out() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.after(minutes=5)
    assert (story.called("ann"), story.left("ann")) == (1, 5)
    story.after(minutes=5)
    assert story.state("ann") is CheckInState.NO_SHOW


def test_places_and_chances_are_policy() -> None:
    story = Story(row(1, misses_allowed=2, requeue_behind=0))
    story.joins("ann")
    story.joins("bob")
    story.after(minutes=10)
    assert (story.of("ann").misses, story.called("ann"), story.line()) == (2, 1, "bob")
    story.after(minutes=5)
    assert story.state("ann") is CheckInState.NO_SHOW


def test_a_missed_call_of_the_last_in_line_leads_to_its_end() -> None:
    story = Story(row(1))
    for who in ("ann", "bob", "cleo"):
        story.joins(who)
    story.after(minutes=5)
    assert story.line() == "cleo ann"


def test_who_never_showed_is_out_at_once() -> None:
    story = Story(row(1))
    story.joins("ann", window=7)
    story.after(minutes=5)
    assert story.state("ann") is CheckInState.NO_SHOW


def test_who_scanned_again_has_a_second_chance() -> None:
    story = Story(row(1))
    story.joins("ann", window=7)
    story.scans("ann")
    story.after(minutes=5)
    assert story.of("ann").misses == 1


def test_pressing_start_from_afar_proves_nothing() -> None:
    story = Story(row(1))
    story.joins("ann", window=7)
    story.presses_start("ann")
    story.after(minutes=5)
    assert story.state("ann") is CheckInState.NO_SHOW


def test_more_time_is_given_once() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.after(minutes=4)
    assert story.extends("ann") is None
    assert story.left("ann") == 3
    assert story.extends("ann") is i.Refusal.EXTENSION_USED
    story.snoozes("ann", 1)
    assert story.extends("ann") is i.Refusal.NOT_CALLED
    story.after(minutes=1)
    assert story.extends("ann") is None  # another call, another extension


@pytest.mark.parametrize(
    ("in_minutes", "left", "refused_next"),
    [(1.0, 1.5, False), (2.0, 2.0, True), (3.0, 3.0, True), (9.0, 3.5, True), (None, 1.5, False)],
)
def test_an_arrival_update_lengthens_the_hold_once_and_by_the_extension_at_most(
    in_minutes: float | None, left: float, *, refused_next: bool
) -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.after(minutes=3.5)
    assert story.will_arrive("ann", in_minutes) is None
    assert story.left("ann") == left
    assert story.will_arrive("ann", 20) is (i.Refusal.EXTENSION_USED if refused_next else None)


def test_a_new_departure_is_noted_while_called() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    given = i.UpdateArrival(check_in=story.people["ann"], expected_in_ms=6 * MINUTE, departure_utc_ms=1)
    assert story.asks(given) is None
    assert (story.of("ann").departure_utc_ms, story.left("ann")) == (1, 6)
    assert story.state("ann") is CheckInState.CALLED


# --- two-step arrival


def test_a_car_in_the_bay_stops_the_clock_until_the_card_is_shown() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.after(minutes=4)
    story.parks(1)
    assert story.state("ann") is CheckInState.ARRIVED
    story.after(minutes=3.5)
    assert story.called("ann") == 1
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    assert not story.charging(1)
    story.plugs(1)
    assert story.charging(1)
    assert story.state("ann") is CheckInState.FULFILLED


def test_the_clock_goes_on_when_the_car_leaves_and_stops_only_once() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.after(minutes=1)
    story.parks(1)
    story.after(minutes=2)
    story.drives_off(1)
    assert (story.state("ann"), story.left("ann")) == (CheckInState.CALLED, 4)
    story.parks(1)
    assert (story.state("ann"), story.left("ann")) == (CheckInState.CALLED, 4)


def test_a_long_look_at_the_bay_does_not_lengthen_the_hold() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.parks(1)
    assert story.left("ann") == 8
    story.after(minutes=7)
    story.drives_off(1)
    assert story.left("ann") == 1


def test_more_time_counts_for_who_is_in_the_bay_too() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.parks(1)
    story.extends("ann")
    assert story.left("ann") == 10
    story.drives_off(1)
    assert story.left("ann") == 7


def test_a_plug_counts_as_a_car_where_no_sensor_looks() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.plugs(1)
    assert (story.state("ann"), story.left("ann")) == (CheckInState.ARRIVED, 8)
    story.unplugs(1)
    assert (story.state("ann"), story.left("ann")) == (CheckInState.CALLED, 5)


def test_sensor_and_plug_are_believed_whichever_sees_somebody() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.parks(1)
    story.plugs(1)
    story.drives_off(1)  # contradicted by the plug
    assert story.state("ann") is CheckInState.ARRIVED
    story.parks(1)
    story.unplugs(1)  # still in the bay
    assert story.state("ann") is CheckInState.ARRIVED
    story.sees(1, Bay.UNKNOWN)
    assert story.state("ann") is CheckInState.ARRIVED
    story.sees(1, Bay.UNKNOWN)
    assert story.last == ()


def test_a_plug_after_pressing_start_uses_up_the_hold_and_starts_where_it_is_free() -> None:
    story = Story(row(1))
    story.joins("ann")
    assert story.presses_start("ann") is None
    assert story.presses_start("ann") is None  # twice: the plug comes next
    assert story.state("ann") is CheckInState.CALLED
    story.plugs(1)
    assert (story.state("ann"), story.charging(1)) == (CheckInState.FULFILLED, True)
    assert story.presses_start("ann") is None  # three times
    assert story.presses_stop("ann") is None
    assert not story.charging(1)
    assert story.presses_stop("ann") is i.Refusal.NOT_CHARGING


def test_a_fresh_scan_after_the_plug_starts_as_well() -> None:
    story = Story(row(1))
    story.joins("ann", window=3)
    story.plugs(1)
    assert not story.charging(1)
    assert story.scans("ann") is None
    assert (story.state("ann"), story.charging(1)) == (CheckInState.FULFILLED, True)


def test_a_second_scan_tells_nothing_new() -> None:
    story = Story(row(1))
    story.joins("ann", window=3)
    story.scans("ann")
    story.scans("ann")
    assert story.last == ()


# --- somebody else in the bay


def test_a_wrong_card_does_not_start_in_a_held_bay() -> None:
    story = Story(row(2))
    story.joins("ann", card="a")
    story.joins("bob", card="b")
    assert (story.called("ann"), story.called("bob")) == (1, 2)
    story.parks(1)
    story.plugs(1)
    assert story.swipes("b", 1) is TokenAnswer.OTHER_BAY
    assert story.swipes("stranger", 1) is TokenAnswer.JOINED
    assert not story.charging(1)
    assert story.called("ann") == 1


def test_a_jumper_does_not_cost_the_holder_the_place() -> None:
    story = Story(row(2))
    story.somebody_charges(2)
    story.joins("ann", card="a")
    story.joins("bob")
    story.parks(1)
    story.plugs(1)
    story.after(minutes=8)
    assert (story.state("ann"), story.of("ann").reason) == (CheckInState.WAITING, Reason.EVSE_BLOCKED)
    assert (story.place("ann"), story.of("ann").misses) == (1, 0)
    story.leaves_the_bay(2)
    assert story.called("ann") == 2


def test_who_finds_the_bay_taken_gets_another_at_once() -> None:
    story = Story(row(2))
    story.joins("ann")
    story.parks(1)
    assert story.reports_blocked("ann") is None
    assert (story.called("ann"), story.left("ann")) == (2, 5)
    assert story.site.evse(EvseId(1)).blocked
    story.drives_off(1)
    assert not story.site.evse(EvseId(1)).blocked


def test_strangers_save_who_never_came_only_so_often() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    for times in (1, 2):
        story.parks(1)
        story.after(minutes=8)
        assert (story.of("ann").blocked, story.called("ann")) == (times, None)
        story.drives_off(1)
        assert story.called("ann") == 1
    story.parks(1)
    story.after(minutes=8)
    assert story.of("ann").misses == 1


def test_without_a_sensor_a_report_closes_the_bay_for_a_while() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    assert story.reports_blocked("ann") is None
    assert story.called("ann") is None
    story.after(minutes=9.9)
    assert story.called("ann") is None
    story.after(minutes=0.1)
    assert story.called("ann") == 1


def test_reports_without_evidence_have_limits() -> None:
    story = Story(row(4))
    story.joins("ann", card="a")
    assert [story.reports_blocked("ann") for _ in range(2)] == [None, None]
    assert story.reports_blocked("ann") is i.Refusal.CHANGE_REFUSED
    story.joins("bob", window=1)  # could be anywhere
    assert story.reports_blocked("bob") is i.Refusal.CHANGE_REFUSED
    story.scans("bob")
    assert story.reports_blocked("bob") is None


def test_a_sensor_that_sees_an_empty_bay_is_believed_unless_the_driver_is_there_and_once() -> None:
    story = Story(row(1))
    story.drives_off(1)
    story.joins("ann", card="a")
    assert story.reports_blocked("ann") is i.Refusal.CHANGE_REFUSED
    story.scans("ann")
    assert story.reports_blocked("ann") is None
    story.after(minutes=10)
    assert story.called("ann") == 1
    assert story.reports_blocked("ann") is i.Refusal.CHANGE_REFUSED


def test_only_who_is_called_has_a_bay_to_report() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann")
    assert story.reports_blocked("ann") is i.Refusal.NOT_CALLED


def test_a_car_without_plug_blocks_after_a_grace() -> None:
    story = Story(row(1))
    story.parks(1)
    story.after(minutes=9)
    assert not story.site.evse(EvseId(1)).blocked
    story.after(minutes=1)
    assert story.site.evse(EvseId(1)).blocked
    story.plugs(1)
    assert not story.site.evse(EvseId(1)).blocked
