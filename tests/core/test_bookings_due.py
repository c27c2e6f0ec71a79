"""A booking's own life: it comes due, is bound, used, missed, moved, cannot be kept; and what the queue pays."""

from dataclasses import replace

import pytest
from bookings import TERMS, BookingStory, bookable
from story import MINUTE, START_UTC_MS

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.admission import Admission
from agent.core.booking import Canceler, ReservationStatus
from agent.core.layout import EvseId
from agent.core.state import Bay, CheckInState, Reason, TokenAnswer
from agent.core.terms import FeeKind

# --- coming due


def test_a_booking_is_bound_shortly_before_its_start_and_not_earlier() -> None:
    story = BookingStory(bookable(2))
    story.books("ann", in_minutes=60)
    story.after(minutes=49)
    assert story.bound("ann") is None
    story.after(minutes=2)
    assert story.bound("ann") in (1, 2)
    story.due("ann")
    assert story.left("ann") == pytest.approx(9 + 15), "until 15 minutes after the start"
    assert story.of("ann").code == story.reservation("ann").code


def test_the_booked_driver_starts_and_the_booking_is_fulfilled() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    story.after(minutes=55)
    assert story.swipes("somebody else", 1) is TokenAnswer.JOINED
    assert story.swipes("card of ann", 1) is TokenAnswer.STARTED
    assert story.reason_of_end() == (ReservationStatus.FULFILLED, Reason.SESSION_STARTED, None)


def test_who_does_not_come_pays_the_agreed_fee_and_is_not_called_again() -> None:
    story = BookingStory(bookable(1))
    story.sees(1, Bay.FREE)
    story.books("ann", in_minutes=60)
    story.after(minutes=76)
    assert story.reason_of_end() == (ReservationStatus.NO_SHOW, Reason.NOT_ARRIVED, None)
    assert story.fees() == [(FeeKind.NO_SHOW, 400)]
    seen = story.happened(ev.FeeArose)[0].evidence
    kinds = [e.kind for e in seen]
    assert kinds == [
        ev.EvidenceKind.HELD,
        ev.EvidenceKind.BAY_EMPTY,
        ev.EvidenceKind.NO_TOKEN,
        ev.EvidenceKind.HOLD_ENDED,
    ]
    assert seen[0].utc_ms == START_UTC_MS + 50 * MINUTE
    assert story.due("ann") not in {h.check_in for h in story.site.holds.values()}
    assert story.of("ann").state is CheckInState.NO_SHOW


def test_no_show_costs_nothing_without_such_a_fee_and_without_a_sensor_nothing_is_said_of_the_bay() -> None:
    free = BookingStory(bookable(1, replace(TERMS, fees=())))
    free.books("ann", in_minutes=60)
    free.after(minutes=76)
    assert free.fees() == []
    blind = BookingStory(bookable(1))
    blind.books("ann", in_minutes=60)
    blind.after(minutes=76)
    kinds = [e.kind for e in blind.happened(ev.FeeArose)[0].evidence]
    assert ev.EvidenceKind.BAY_EMPTY not in kinds


def test_leaving_the_line_by_the_page_cancels_the_booking() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    story.after(minutes=55)
    story.due("ann")
    assert story.snoozes("ann", 10) is i.Refusal.CHANGE_REFUSED
    assert story.joins("ann", replaces="ann") is i.Refusal.CHANGE_REFUSED
    assert story.leaves("ann") is None
    assert story.reason_of_end() == (ReservationStatus.CANCELED, Reason.USER, Canceler.RECEIVER)
    assert story.fees() == [(FeeKind.LATE_CANCEL, 200)]
    assert story.comes_back("ann") is i.Refusal.UNDO_TOO_LATE


def test_a_booking_whose_check_in_waits_is_no_check_in_to_be_changed() -> None:
    story = BookingStory(bookable(1))
    story.somebody_charges(1)
    story.books("ann", in_minutes=180)
    story.after(minutes=175)
    story.due("ann")
    assert story.joins("ann", replaces="ann") is i.Refusal.CHANGE_REFUSED


def test_ended_bookings_are_forgotten_after_a_day() -> None:
    story = BookingStory(bookable(1))
    story.books("ann")
    story.cancels("ann")
    story.after(minutes=23 * 60)
    assert story.booked["ann"] in story.site.reservations
    story.after(minutes=61)
    assert story.site.reservations == {}


# --- the clock


def test_no_booking_comes_due_or_lapses_while_the_clock_is_untrusted() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    story.books("bob", in_minutes=240)
    story.after(minutes=55)
    story.loses_the_time()
    story.after(minutes=100)
    assert story.bound("ann") == 1, "no no-show is counted"
    assert story.status("bob") is ReservationStatus.RESERVED
    story.knows_the_time(START_UTC_MS + 58 * MINUTE)
    assert story.bound("ann") == 1
    story.after(minutes=18)
    assert story.status("ann") is ReservationStatus.NO_SHOW


def test_a_hold_that_ran_out_while_the_clock_was_gone_gets_a_window_when_it_is_back() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    story.after(minutes=55)
    story.due("ann")
    story.loses_the_time()
    story.after(minutes=40)
    story.knows_the_time(START_UTC_MS + 120 * MINUTE)
    assert story.bound("ann") == 1
    assert story.left("ann") == pytest.approx(5)


def test_without_a_clock_a_bay_is_not_kept_for_ever_and_nobody_pays() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    story.after(minutes=55)
    story.loses_the_time()
    story.after(minutes=20 + 119)
    assert story.bound("ann") == 1
    story.after(minutes=2)
    assert story.reason_of_end() == (ReservationStatus.CANCELED, Reason.EXPIRED, Canceler.SENDER)
    assert story.fees() == []


def test_a_clock_stepped_past_the_end_of_a_hold_leaves_a_window_to_come() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    story.after(minutes=55)
    story.due("ann")
    story.knows_the_time(START_UTC_MS + 24 * 60 * MINUTE)
    assert story.left("ann") == pytest.approx(5)


def test_what_begins_soon_is_kept_for_though_the_clock_is_gone() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=90)
    story.loses_the_time()
    story.joins("walk-in")
    assert story.called("walk-in") is None
    assert story.starts_remotely("passer-by", 1) is not None
    story.cancels("ann")
    story.after(minutes=1)
    assert story.called("walk-in") == 1


def test_what_begins_much_later_is_in_nobodys_way_when_the_clock_is_gone() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=300)
    story.loses_the_time()
    story.joins("walk-in")
    assert story.called("walk-in") == 1


def test_a_clock_that_was_never_known_keeps_nothing() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    blind = replace(story.site, utc_minus_elapsed_ms=None, known_utc_ms=None)
    layout = story.site.layout_of(EvseId(1))
    assert layout is not None
    assert Admission(blind, blind.at(blind.elapsed_ms)).endangered(layout, layout.connectors[0]) is None


@pytest.mark.parametrize("moment", ["booked", "due", "bound", "paused", "ended"])
def test_a_restart_at_any_moment_of_its_life_keeps_the_promise(moment: str) -> None:
    story = BookingStory(bookable(1))
    if moment == "due":
        story.somebody_charges(1)
    story.books("ann", in_minutes=180)
    story.after(minutes=100 if moment == "booked" else 175)
    if moment == "paused":
        story.parks(1)
    if moment == "ended":
        story.cancels("ann")
    before = story.status("ann")
    story.starts(bookable(1))
    story.after(minutes=2)  # dark for a while, by the wall clock; nothing lapses meanwhile
    story.knows_the_time(START_UTC_MS + story.elapsed_ms + 3 * MINUTE)
    story.gets_ready(trusted=False)
    assert story.status("ann") is before
    if moment in ("bound", "paused"):
        assert story.bound("ann") == 1
        story.due("ann")
        assert story.left("ann") >= 5
    if moment == "due":
        story.leaves_the_bay(1)
        assert story.bound("ann") == 1
    if moment == "booked":
        story.after(minutes=80)
        assert story.bound("ann") == 1


# --- beside the queue


def test_a_walk_in_is_not_called_to_a_bay_that_a_booking_will_need() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=30, from_now=True)
    assert story.joins("walk-in") is None
    assert story.called("walk-in") is None
    assert story.starts_remotely("passer-by", 1) is i.Refusal.NOT_YOUR_TURN
    story.leaves("walk-in")
    assert story.starts_remotely("passer-by", 1) is i.Refusal.KEPT_FOR_BOOKING


def test_a_reserve_now_takes_no_bay_that_a_booking_will_need() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    story.after(minutes=10)
    assert story.reserves(1, "card", minutes=120) is i.Refusal.KEPT_FOR_BOOKING, "it is planned there before that ends"
    assert story.reserves(1, "card", minutes=20) is i.Refusal.KEPT_FOR_BOOKING, "its holder would stay too long"
    story.loses_the_time()
    assert story.reserves(1, "card", minutes=20) is i.Refusal.KEPT_FOR_BOOKING
    story.cancels("ann")
    assert story.reserves(1, "card", minutes=20) is None


def test_a_booked_driver_starts_at_no_bay_that_is_meant_for_another() -> None:
    story = BookingStory(bookable(2, bound=1))
    story.books("narrow", "B", in_minutes=75)
    story.books("wide", "A", in_minutes=60, length=45)
    story.after(minutes=52)
    assert story.bound("wide") == 2
    assert story.swipes("card of wide", 1) is TokenAnswer.OTHER_BAY
    assert story.planned("narrow") == 1
    assert story.swipes("card of wide", 2) is TokenAnswer.STARTED


def test_a_walk_in_who_will_be_gone_in_time_is_called() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=45)
    story.joins("long", card="card-1")
    assert story.called("long") is None
    leaves = START_UTC_MS + story.elapsed_ms + 30 * MINUTE
    story.asks(
        i.JoinQueue(
            pool=story.of("long").pool,
            draw=5,
            origin=story.of("long").origin,
            subjects=story.of("long").subjects,
            departure_utc_ms=leaves + 30 * MINUTE,
            replaces=story.people["long"],
        )
    )
    assert story.called("long") is None, "gone after the booked start"
    story.asks(i.UpdateArrival(check_in=story.people["long"], departure_utc_ms=leaves))
    story.after(minutes=0.1)
    assert story.called("long") == 1


def test_who_is_passed_over_for_a_booking_is_named_in_the_call() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=45)
    story.joins("stays", card="card-1")
    story.joins("short", card="card-2")
    leaves = START_UTC_MS + story.elapsed_ms + 40 * MINUTE
    story.asks(i.UpdateArrival(check_in=story.people["short"], departure_utc_ms=leaves))
    assert story.called("short") == 1
    call = story.happened(ev.EvseAssigned)[-1]
    assert call.kept_from == (story.people["stays"],)
    assert story.called("stays") is None


def test_with_enough_bays_a_booking_is_in_nobodys_way() -> None:
    story = BookingStory(bookable(3))
    story.books("ann", in_minutes=30)
    story.joins("walk-in")
    story.joins("next")
    assert (story.called("walk-in"), story.called("next")) == (1, 2)
    story.joins("third")
    assert story.called("third") is None


def test_a_booking_that_is_due_goes_first_when_a_bay_comes_free() -> None:
    story = BookingStory(bookable(1))
    story.somebody_charges(1)
    story.joins("walk-in")
    story.books("ann", in_minutes=180)
    story.after(minutes=175)
    story.leaves_the_bay(1)
    assert story.bound("ann") == 1
    assert story.called("walk-in") is None


def test_two_bookings_take_the_bays_that_leave_room_for_each_other() -> None:
    story = BookingStory(bookable(2, bound=1))
    story.books("narrow", "B", in_minutes=75)
    story.books("wide", "A", in_minutes=60, length=45)
    story.after(minutes=52)
    assert story.bound("wide") == 2
    story.after(minutes=15)
    assert story.bound("narrow") == 1


def test_before_its_start_a_booking_takes_no_bay_that_the_plan_has_for_another() -> None:
    story = BookingStory(bookable(2, bound=1))
    story.books("narrow", "B", in_minutes=75)
    story.books("wide", "A", in_minutes=60, length=45)
    story.somebody_charges(2)
    story.after(minutes=52)
    assert story.bound("wide") is None, "bay 1 is free, but meant for the other"
    story.after(minutes=9)
    assert story.bound("wide") == 1, "from its start on it takes what there is"


def test_a_due_booking_that_moves_another_in_the_plan_says_so() -> None:
    story = BookingStory(bookable(3))
    story.books("sooner", in_minutes=60, length=45)
    story.books("later", in_minutes=75, length=30)
    assert (story.planned("sooner"), story.planned("later")) == (1, 2)
    story.after(minutes=30)
    for number in (1, 3):
        story.plugs(number)
    story.after(minutes=22)
    assert story.bound("sooner") == 2
    assert story.planned("later") in (1, 3)
    assert [set(dict(e.plan)) for e in story.happened(ev.ReservationsPlanned)] == [
        {story.booked["sooner"], story.booked["later"]}
    ]


def test_a_bay_lost_before_the_start_is_replaced_and_the_booking_served_first() -> None:
    story = BookingStory(bookable(2))
    story.books("ann", in_minutes=60)
    story.after(minutes=52)
    first = story.bound("ann")
    story.breaks(first)
    assert story.bound("ann") not in (None, first)
