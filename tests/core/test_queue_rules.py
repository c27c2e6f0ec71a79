"""Who is served when: order, matching, positions, changing, snoozing, the road, accessible bays, shared EVSEs."""

import pytest
from story import MINUTE, Story, evse, location, pool, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.layout import Connector, ConnectorId, EvseId
from agent.core.queue import next_match, positions
from agent.core.state import CheckInState, Reason, Wishes

AC = "IEC_62196_T2"
NEEDS_ACCESS = Wishes(accessible=True)


def test_first_come_is_first_served() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    for who in ("ann", "bob", "cleo"):
        assert story.joins(who) is None
    assert [story.place(w) for w in ("ann", "bob", "cleo")] == [1, 2, 3]
    story.leaves_the_bay(1)
    assert story.called("ann") == 1
    assert story.place("ann") is None
    assert story.place("cleo") == 2
    assert story.happened(ev.EvseAssigned)[-1].passed == ()


def test_a_free_bay_is_given_at_once() -> None:
    story = Story(row(2))
    story.joins("ann")
    story.joins("bob")
    story.joins("cleo")
    assert (story.called("ann"), story.called("bob"), story.called("cleo")) == (1, 2, None)


def test_the_bay_that_is_free_for_longest_is_taken() -> None:
    story = Story(row(2))
    story.somebody_charges(1)
    story.after(minutes=5)
    story.leaves_the_bay(1)
    story.joins("ann")
    assert story.called("ann") == 2


def test_nobody_blocks_others_who_want_something_else() -> None:
    story = Story(
        location([evse(1), evse(2, standard="CHADEMO")], [pool("A", [1, 2])]),
    )
    story.somebody_charges(1)
    story.joins("ann", wishes=Wishes(standards=("IEC_62196_T2_COMBO",)))
    story.joins("bob", wishes=Wishes(standards=("CHADEMO",)))
    assert story.called("ann") is None
    assert story.called("bob") == 2


def test_a_later_one_waits_behind_whoever_accepts_the_same_bay() -> None:
    story = Story(location([evse(1), evse(2)], [pool("A", [1, 2]), pool("B", [2])]))
    story.somebody_charges(1)
    story.somebody_charges(2)
    story.joins("ann", "A")
    story.joins("bob", "B")
    assert story.place("bob") == 2
    story.leaves_the_bay(2)
    assert (story.called("ann"), story.called("bob")) == (2, None)
    assert story.place("bob") == 1


def test_positions_count_only_those_who_accept_a_common_bay() -> None:
    story = Story(location([evse(1), evse(2), evse(3)], [pool("A", [1]), pool("B", [2]), pool("C", [1, 2, 3])]))
    for number in (1, 2, 3):
        story.somebody_charges(number)
    story.joins("ann", "A")
    story.joins("bob", "B")
    story.joins("cleo", "C")
    story.joins("dan", "A")
    assert [story.place(w) for w in ("ann", "bob", "cleo", "dan")] == [1, 1, 3, 3]
    assert positions(story.site) == {story.people[w]: story.place(w) for w in ("ann", "bob", "cleo", "dan")}


def test_weak_connectors_first_strong_ones_stay_for_who_needs_them() -> None:
    def cable(ident: int, power_w: int) -> Connector:
        return Connector(id=ConnectorId(ident), standard=AC, max_power_w=power_w, dc=False, cable=True)

    both = evse(1)
    both = type(both)(id=EvseId(1), label="1", connectors=(cable(1, 22_000), cable(2, 11_000)))
    assert both.max_power_w == 22_000
    story = Story(location([both], [pool("A", [1])]))
    story.joins("ann")
    assert story.happened(ev.EvseAssigned)[-1].connector == 2
    story.leaves("ann")
    story.joins("bob", wishes=Wishes(min_power_w=20_000))
    assert story.happened(ev.EvseAssigned)[-1].connector == 1


def test_wishes_name_standards_power_access_and_bays() -> None:
    bays = [evse(1, power_w=50_000), evse(2), evse(3, accessible=True), evse(4, standard=AC)]
    story = Story(location(bays, [pool("A", [1, 2, 3, 4])]))
    for wishes, accepted in (
        (Wishes(), (1, 2, 3, 4)),
        (Wishes(standards=(AC, "CHADEMO")), (4,)),
        (Wishes(min_power_w=100_000), (2, 3, 4)),
        (NEEDS_ACCESS, (3,)),
        (Wishes(evses=(EvseId(2), EvseId(9))), (2,)),
    ):
        story.joins("somebody", wishes=wishes)
        assert story.of("somebody").accepts == accepted
        story.leaves("somebody")
    assert story.joins("dan", wishes=Wishes(min_power_w=400_000)) is i.Refusal.NO_EVSE_FITS


# --- accessible bays


def test_an_accessible_bay_goes_first_to_who_needs_it() -> None:
    story = Story(location([evse(1, accessible=True)], [pool("A", [1])]))
    story.somebody_charges(1)
    story.joins("ann")
    story.joins("bob", wishes=NEEDS_ACCESS)
    story.leaves_the_bay(1)
    assert (story.called("ann"), story.called("bob")) == (None, 1)
    assert story.happened(ev.EvseAssigned)[-1].passed == (story.people["ann"],)


def test_spare_accessible_bays_are_taken_last() -> None:
    story = Story(location([evse(1, accessible=True), evse(2)], [pool("A", [1, 2])]))
    story.joins("ann")
    assert story.called("ann") == 2
    story.joins("bob")
    assert story.called("bob") == 1


def test_who_waits_first_may_not_plug_in_at_an_accessible_bay_somebody_needs() -> None:
    story = Story(location([evse(1, accessible=True)], [pool("A", [1])]))
    story.plugs(1)  # a jumper, so that the bay cannot be given
    story.joins("ann", card="ann")
    story.joins("bob", card="bob", wishes=NEEDS_ACCESS)
    assert story.starts_remotely("ann", 1) is i.Refusal.NOT_YOUR_TURN
    assert story.starts_remotely("bob", 1) is None


# --- the road, snoozing


def test_who_is_on_the_road_keeps_the_place_and_is_passed_over() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann", card="ann", in_minutes=20)
    story.joins("bob")
    assert story.state("ann") is CheckInState.ON_THE_ROAD
    assert story.place("bob") == 2
    story.leaves_the_bay(1)
    assert story.called("bob") == 1
    assert story.happened(ev.EvseAssigned)[-1].passed == (story.people["ann"],)
    story.leaves("bob")
    story.after(minutes=14.9)
    assert story.called("ann") is None
    story.after(minutes=0.2)  # within the arrival window now
    assert story.called("ann") == 1
    assert [e.check_in for e in story.happened(ev.Approached)] == [story.people["ann"]]


def test_an_arrival_within_the_window_is_being_here() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann", card="a", in_minutes=5)
    story.joins("bob", card="b", in_minutes=8)
    story.joins("cleo", card="c", in_minutes=8, more_time=True)
    states = [story.state(w) for w in ("ann", "bob", "cleo")]
    assert states == [CheckInState.WAITING, CheckInState.ON_THE_ROAD, CheckInState.WAITING]


def test_a_scan_or_the_token_on_site_ends_the_road() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann", card="a", in_minutes=30)
    story.joins("bob", card="b", in_minutes=30)
    story.scans("ann")
    assert story.state("ann") is CheckInState.WAITING
    story.swipes("b", 1)
    assert story.state("bob") is CheckInState.WAITING


def test_an_arrival_update_moves_between_road_and_line_and_keeps_the_place() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann", card="a")
    story.joins("bob")
    assert story.will_arrive("ann", 40) is None
    assert (story.state("ann"), story.place("ann")) == (CheckInState.ON_THE_ROAD, 1)
    assert story.will_arrive("ann", None) is None
    assert (story.state("ann"), story.place("ann")) == (CheckInState.WAITING, 1)


def test_snoozing_lets_others_go_first_and_keeps_the_place() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.joins("bob")
    story.joins("cleo")
    assert story.snoozes("ann", 4) is None
    assert (story.state("ann"), story.place("ann"), story.called("bob")) == (CheckInState.SNOOZED, 1, 1)
    story.after(minutes=4)
    assert story.state("ann") is CheckInState.WAITING
    assert story.of("ann").reason is not Reason.CALLED
    story.leaves("bob")
    assert (story.called("ann"), story.called("cleo")) == (1, None)


def test_ready_now_ends_a_snooze_early_and_else_does_nothing() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.snoozes("ann", 60)
    assert story.called("ann") is None
    assert story.snoozes("ann", 0) is None
    assert story.called("ann") == 1
    assert story.snoozes("ann", 0) is None
    assert story.last == ()


def test_snoozing_is_limited_in_number_and_length() -> None:
    story = Story(row(1))
    story.joins("ann")
    for _ in range(3):
        assert story.snoozes("ann", 600) is None
    assert story.of("ann").snoozed_until_ms == story.elapsed_ms + 60 * MINUTE
    assert story.snoozes("ann", 10) is i.Refusal.SNOOZE_LIMIT


def test_nobody_snoozes_in_the_bay() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.parks(1)
    assert story.snoozes("ann", 10) is i.Refusal.CHANGE_REFUSED


def test_a_snoozer_who_goes_off_is_on_the_road_afterwards() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.snoozes("ann", 10)
    story.will_arrive("ann", 40)
    assert story.state("ann") is CheckInState.SNOOZED
    story.after(minutes=10)
    assert story.state("ann") is CheckInState.ON_THE_ROAD
    story.after(minutes=25)
    assert story.called("ann") == 1


def test_who_is_ready_at_the_instant_a_bay_comes_free_is_served() -> None:
    story = Story(row(1))
    for who in ("ann", "bob", "cleo"):
        story.joins(who)
    story.snoozes("ann", 5)
    story.after(minutes=5)  # bob's call and ann's snooze end at once
    assert (story.called("ann"), story.called("cleo")) == (1, None)


# --- the end of each


def test_nobody_waits_for_ever_and_ended_ones_are_forgotten() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann")
    story.after(minutes=12 * 60 - 1)
    assert story.state("ann") is CheckInState.WAITING
    story.after(minutes=1)
    assert (story.state("ann"), story.of("ann").reason) == (CheckInState.CANCELED, Reason.EXPIRED)
    story.after(minutes=24 * 60)
    assert story.people["ann"] in story.site.check_ins, "what became of them can be looked at for a day"
    story.after(minutes=60)
    assert story.people["ann"] not in story.site.check_ins
    for request in (
        i.LeaveQueue(check_in=story.people["ann"]),
        i.SnoozeCheckIn(check_in=story.people["ann"], minutes=3),
    ):
        assert story.asks(request) is i.Refusal.CHECKIN_UNKNOWN


def test_who_ended_within_an_hour_is_forgotten_in_one_go() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    for who in ("ann", "bert", "cleo"):
        story.joins(who)
        story.leaves(who)
        story.after(minutes=40)
    story.after(minutes=22 * 60)
    assert story.happened(ev.CheckInForgotten) == []
    story.after(minutes=60)
    ann, bert, cleo = (story.people[who] for who in ("ann", "bert", "cleo"))
    assert [e.check_in for e in story.happened(ev.CheckInForgotten)] == [ann, bert]
    assert len({e.at_ms for e in story.happened(ev.CheckInForgotten)}) == 1
    assert cleo in story.site.check_ins, "not a day ago"


def test_a_crowd_is_forgotten_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.core.deadlines.FORGET_AT_ONCE", 2)
    story = Story(row(1))
    story.somebody_charges(1)
    for n in range(5):
        story.joins(f"friend {n}")
        story.leaves(f"friend {n}")
    story.after(minutes=26 * 60)
    assert len(story.happened(ev.CheckInForgotten)) == 5
    assert story.site.check_ins == {}


def test_what_ended_takes_no_more_wishes() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.leaves("ann")
    for asked in (
        story.snoozes("ann", 3),
        story.extends("ann"),
        story.scans("ann"),
        story.will_arrive("ann", 10),
        story.reports_blocked("ann"),
        story.presses_start("ann"),
    ):
        assert asked is i.Refusal.CHECKIN_ENDED


def test_nothing_is_matched_without_a_location_or_free_bay() -> None:
    story = Story(row(1))
    assert next_match(story.site, story.now) is None
    story.joins("ann")
    assert next_match(story.site, story.now) is None
