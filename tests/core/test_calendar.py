"""Booking, changing, canceling: what can be wrong with it, and what it leads to."""

from dataclasses import replace

import pytest
from bookings import TERMS, BookingStory, bookable
from story import evse, location, pool

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.booking import Canceler, Period, ReservationId, ReservationStatus
from agent.core.layout import ChargingLocation, OpenRange
from agent.core.state import CheckInState, Origin, Reason, Wishes
from agent.core.terms import BookingTerms, Fee, FeeKind

R = i.Refusal


def test_a_booked_slot_stands_with_a_code_and_a_plan() -> None:
    story = BookingStory(bookable(2))
    assert story.books("ann", in_minutes=120, length=45) is None
    assert story.status("ann") is ReservationStatus.RESERVED
    assert story.planned("ann") in (1, 2)
    assert story.reservation("ann").code
    assert story.site.holds == {}, "nothing is kept so early"


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        ({"into": "Z"}, R.POOL_UNKNOWN),
        ({"length": 20}, R.BAD_LENGTH),
        ({"length": 105}, R.BAD_LENGTH),
        ({"length": 30.01}, R.BAD_LENGTH),
        ({"in_minutes": 65}, R.BAD_LENGTH),
        ({"in_minutes": 15}, R.TOO_EARLY),
        ({"in_minutes": 15 * 24 * 60}, R.TOO_LATE),
        ({"wishes": Wishes(accessible=True)}, R.NO_EVSE_FITS),
    ],
)
def test_a_slot_outside_the_terms_is_refused(ask: dict[str, object], why: i.Refusal) -> None:
    story = BookingStory(bookable(1))
    assert story.books("ann", **ask) is why  # type: ignore[arg-type]


def test_a_pool_without_terms_cannot_be_booked() -> None:
    story = BookingStory(location([evse(1)], [pool("A", [1])]))
    assert story.books("ann") is R.NOT_BOOKABLE


def test_nothing_is_booked_without_a_trusted_clock_or_before_the_inputs_are_read() -> None:
    story = BookingStory(bookable(1), trusted=False)
    assert story.books("ann") is R.CLOCK_UNTRUSTED
    story.starts(bookable(1))
    story.knows_the_time()
    assert story.books("ann") is R.STARTING


def test_nothing_is_booked_while_the_queue_rests() -> None:
    story = BookingStory(bookable(1))
    story.give(i.Started(boot=2, paused=True))
    story.knows_the_time()
    assert story.books("ann") is R.PAUSED


def test_a_slot_must_lie_within_the_opening_hours() -> None:
    till_eleven = tuple(OpenRange(weekday=d, begin_min=8 * 60, end_min=11 * 60) for d in range(7))
    layout = bookable(1)
    story = BookingStory(replace(layout, pools=(replace(layout.pools[0], opening=till_eleven),)))
    assert story.books("ann", in_minutes=90, length=30) is None  # from 10:30 to 11:00
    assert story.books("bob", in_minutes=105, length=30) is R.LOCATION_CLOSED
    assert story.books("bob", in_minutes=150, length=30) is R.LOCATION_CLOSED


def test_out_of_order_bays_are_counted_on_again_after_an_hour_only() -> None:
    story = BookingStory(bookable(1))
    story.breaks(1)
    assert story.books("ann", in_minutes=45) is R.NONE_IN_SERVICE
    assert story.books("ann", in_minutes=60) is R.NONE_IN_SERVICE
    assert story.books("ann", in_minutes=75) is None


def test_a_group_pool_is_booked_by_its_group_only() -> None:
    layout = bookable(1)
    story = BookingStory(replace(layout, pools=(replace(layout.pools[0], token_groups=("FLEET",)),)))
    assert story.books("ann") is R.TOKEN_UNKNOWN
    assert story.books("ann", groups=("FLEET",)) is None
    assert story.books("ann", in_minutes=120, replaces="ann") is None, "the groups of the first booking count"


def test_one_open_booking_for_each_card() -> None:
    story = BookingStory(bookable(2))
    story.books("ann")
    assert story.books("ann again", in_minutes=180, card="card of ann") is R.ONE_RESERVATION
    story.cancels("ann")
    assert story.books("ann again", in_minutes=180, card="card of ann") is None


def test_a_taken_slot_is_refused_and_the_next_one_is_free() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=180)
    assert story.books("bob", in_minutes=165) is R.SLOT_TAKEN
    assert story.books("bob", in_minutes=195) is R.SLOT_TAKEN
    assert story.books("bob", in_minutes=120) is None, "the car of an hour before has gone by then"


def test_a_slot_right_behind_another_is_refused_where_its_car_would_hardly_be_gone() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60, length=30)
    assert story.books("bob", in_minutes=90) is R.SLOT_TAKEN


def test_others_are_planned_elsewhere_to_make_room() -> None:
    story = BookingStory(bookable(2, bound=1))
    story.books("ann", "A", in_minutes=120)
    assert story.planned("ann") == 1
    assert story.books("bob", "B", in_minutes=120) is None, "only EVSE 1 is in pool B"
    assert (story.planned("ann"), story.planned("bob")) == (2, 1)
    assert story.books("cleo", "B", in_minutes=120) is R.SLOT_TAKEN


def test_a_share_of_the_pool_is_left_to_the_queue() -> None:
    story = BookingStory(bookable(4, replace(TERMS, share_max_percent=50)))
    assert story.books("ann", in_minutes=120, length=60) is None
    assert story.books("bob", in_minutes=150, length=60) is None
    assert story.books("cleo", in_minutes=150) is R.BOOKED_SHARE
    assert story.books("cleo", in_minutes=210) is None


def test_whoever_may_book_from_now_on_needs_no_advance_no_increment_and_no_share() -> None:
    story = BookingStory(bookable(4, replace(TERMS, share_max_percent=25)))
    assert story.books("ann", in_minutes=15) is R.TOO_EARLY
    assert story.books("ann", in_minutes=1, from_now=True) is None
    assert story.books("bob", in_minutes=7, from_now=True) is None


def test_a_change_is_one_step_and_a_refused_one_leaves_the_old_slot() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=120)
    story.books("bob", in_minutes=240)
    code = story.reservation("ann").code
    assert story.books("ann", in_minutes=240, replaces="ann") is R.SLOT_TAKEN
    assert story.starts_in("ann") == 120
    assert story.books("ann", in_minutes=135, replaces="ann") is None, "their own slot is in nobody's way"
    assert story.starts_in("ann") == 135
    assert story.reservation("ann").code == code


def test_a_change_comes_too_late_or_for_nobody() -> None:
    story = BookingStory(bookable(2))
    story.books("ann", in_minutes=75)
    story.after(minutes=16)
    assert story.books("ann", in_minutes=119, replaces="ann") is R.CHANGE_DEADLINE
    story.booked["nobody"] = ReservationId(99)
    assert story.books("ann", in_minutes=119, replaces="nobody") is R.RESERVATION_UNKNOWN
    story.cancels("ann")
    assert story.books("ann", in_minutes=119, replaces="ann") is R.RESERVATION_ENDED


def test_a_bound_booking_is_not_changed_any_more() -> None:
    story = BookingStory(bookable(2, replace(TERMS, change_until_min=0)))
    story.books("ann", in_minutes=60)
    story.after(minutes=51)
    assert story.bound("ann") is not None
    assert story.books("ann", in_minutes=129, replaces="ann") is R.CHANGE_REFUSED


def test_a_booking_that_waits_for_its_bay_can_still_be_changed() -> None:
    story = BookingStory(bookable(1, replace(TERMS, change_until_min=0)))
    story.somebody_charges(1)
    story.books("ann", in_minutes=180)
    story.after(minutes=171)
    first = story.due("ann")
    assert story.books("ann", in_minutes=189, replaces="ann") is None
    assert story.site.check_ins[first].state is CheckInState.CHECKED_OUT
    assert story.reservation("ann").check_in is None
    assert story.status("ann") is ReservationStatus.RESERVED


def test_canceling_in_time_costs_nothing_and_twice_is_once() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=120)
    assert story.cancels("ann") is None
    assert story.cancels("ann") is None
    ended = story.happened(ev.ReservationEnded)
    assert [(e.status, e.canceler, e.reason) for e in ended] == [
        (ReservationStatus.CANCELED, Canceler.RECEIVER, Reason.PARTNER)
    ]
    assert story.fees() == []
    story.booked["nobody"] = ReservationId(99)
    assert story.cancels("nobody") is R.RESERVATION_UNKNOWN


def test_canceling_late_costs_the_agreed_fee_unless_the_operator_does_it() -> None:
    story = BookingStory(bookable(3))
    for who in ("ann", "bob", "cleo"):
        story.books(who, in_minutes=75)
    story.after(minutes=20)
    story.cancels("ann", Origin.PAGE)
    story.cancels("bob", Origin.OPERATOR)
    assert story.fees() == [(FeeKind.LATE_CANCEL, 200)]
    assert story.happened(ev.FeeArose)[0].reservation == story.booked["ann"]
    assert [e.canceler for e in story.happened(ev.ReservationEnded)] == [Canceler.RECEIVER, Canceler.SENDER]
    story.after(minutes=46)  # cleo's is bound by now
    story.cancels("cleo")
    assert story.site.holds == {}
    assert story.fees() == [(FeeKind.LATE_CANCEL, 200)] * 2


def test_terms_without_fees_cost_nothing() -> None:
    story = BookingStory(bookable(1, replace(TERMS, fees=())))
    story.books("ann", in_minutes=60)
    story.after(minutes=55)
    story.cancels("ann")
    assert story.fees() == []


def test_a_fulfilled_booking_cannot_be_canceled() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=60)
    story.after(minutes=55)
    story.swipes("card of ann", 1)
    assert story.status("ann") is ReservationStatus.FULFILLED
    assert story.cancels("ann") is R.RESERVATION_ENDED
    assert story.comes_at("ann", 10) is R.RESERVATION_ENDED


def test_a_later_arrival_within_the_kept_time_is_noted_and_a_much_later_one_moves_the_slot() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=120)
    assert story.comes_at("ann", 130) is None
    assert story.starts_in("ann") == 120
    assert story.reservation("ann").expected_utc_ms is not None
    assert story.comes_at("ann", 170) is None
    assert story.starts_in("ann") == 165, "the last increment before they come"
    assert story.reservation("ann").period.length_ms == 30 * 60_000
    story.booked["nobody"] = ReservationId(99)
    assert story.comes_at("nobody", 10) is R.RESERVATION_UNKNOWN


def test_an_arrival_that_does_not_fit_leaves_the_slot_as_it_was() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=120)
    story.books("bob", in_minutes=240)
    assert story.comes_at("ann", 240) is R.SLOT_TAKEN
    assert story.starts_in("ann") == 120


def test_the_calendar_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.core.calendar.MAX_RESERVATIONS", 1)
    story = BookingStory(bookable(3))
    story.books("ann")
    assert story.books("bob", in_minutes=240) is R.SLOT_TAKEN


def required_now() -> ChargingLocation:
    always = tuple(OpenRange(weekday=d, begin_min=0, end_min=24 * 60) for d in range(7))
    return bookable(1, replace(TERMS, required=always))


def test_hours_for_bookings_only_turn_walk_ins_away() -> None:
    story = BookingStory(required_now())
    assert story.joins("ann") is R.RESERVATION_REQUIRED
    assert story.starts_remotely("somebody", 1) is R.RESERVATION_REQUIRED
    story.loses_the_time()
    assert story.joins("ann") is None, "nobody is turned away by a wrong clock"


@pytest.mark.parametrize(
    "terms",
    [
        {"increment_min": 0},
        {"shortest_min": 90, "longest_min": 60},
        {"min_advance_min": 60, "max_advance_min": 60},
        {"share_max_percent": 0},
        {"no_show_min": -1},
        {"bind_before_min": 2000},
        {"fees": (TERMS.fees[0], TERMS.fees[0])},
    ],
)
def test_impossible_terms_are_refused(terms: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="terms"):
        BookingTerms(**terms)  # type: ignore[arg-type]


def test_impossible_fees_and_periods_are_refused() -> None:
    with pytest.raises(ValueError, match="fee"):
        Fee(kind=FeeKind.NO_SHOW, before_taxes=-1, currency="EUR")
    with pytest.raises(ValueError, match="period"):
        Period(begin_utc_ms=5, end_utc_ms=5)
