"""A booking that cannot be kept as it was agreed: moved, told, ended without a fee; outages and new layouts."""

import pytest
from bookings import BookingStory, bookable
from story import location

from agent.core import events as ev
from agent.core.booking import Canceler, ReservationStatus
from agent.core.layout import EvseId
from agent.core.state import CheckInState, Reason


def test_a_previous_driver_who_stays_moves_the_slot_to_when_it_is_sure() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=120)
    story.after(minutes=95)
    story.plugs(1)
    story.after(minutes=6)
    moved = story.happened(ev.ReservationMoved)
    assert [e.reason for e in moved] == [Reason.PREVIOUS_USER_STAYS]
    assert story.reservation("ann").moved
    assert story.starts_in("ann") > 20
    assert story.books("ann", in_minutes=259, replaces="ann") is None, "changing is free now"
    assert not story.reservation("ann").moved


def test_a_bay_out_of_order_moves_the_plan_an_hour_before() -> None:
    story = BookingStory(bookable(2))
    story.books("ann", in_minutes=120)
    story.breaks(story.planned("ann"))
    story.after(minutes=59)
    assert story.planned("ann") == 1, "it may be mended by then"
    story.after(minutes=2)
    assert story.planned("ann") == 2
    assert story.happened(ev.ReservationLookedAt)[-1].reason is None


def test_a_booking_that_nothing_can_serve_is_told_so_and_ends_without_a_fee() -> None:
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=120)
    story.breaks(1)
    story.after(minutes=61)
    assert story.reservation("ann").reason is Reason.EVSE_FAULT
    assert story.starts_in("ann") == 59, "nobody knows a better time"
    story.after(minutes=240)
    assert story.reason_of_end()[0] is ReservationStatus.CANCELED
    assert story.reason_of_end()[2] is Canceler.SENDER
    assert story.fees() == []
    story.due("ann")
    assert story.state("ann") is CheckInState.WAITING, "who stands there waits on"
    assert story.of("ann").reservation is None
    story.is_mended(1)
    assert story.called("ann") == 1


def test_no_later_start_is_sure_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.core.coming_due.MOVE_MAX_MS", 0)
    story = BookingStory(bookable(1))
    story.books("ann", in_minutes=120)
    story.after(minutes=95)
    story.plugs(1)
    story.after(minutes=6)
    assert story.happened(ev.ReservationLookedAt)[-1].reason is Reason.PREVIOUS_USER_STAYS
    assert story.reservation("ann").reason is Reason.PREVIOUS_USER_STAYS


def test_a_new_layout_plans_anew_and_ends_what_fits_nothing_any_more() -> None:
    story = BookingStory(bookable(3, bound=2))
    story.books("ann", "A", in_minutes=120)
    story.books("bob", "B", in_minutes=120)
    story.books("cleo", "A", in_minutes=120)
    fewer = bookable(2, bound=1)
    story.reads(fewer, "2")
    assert {story.planned("bob"), *(story.planned(w) for w in ("ann", "cleo"))} <= {1, 2, None}
    story.reads(
        location([fewer.evses[1]], [fewer.pools[0].__class__(id=fewer.pools[0].id, names=(), evses=(EvseId(2),))]), "3"
    )
    assert story.reason_of_end()[1] is Reason.POOL_REMOVED
    assert story.status("bob") is ReservationStatus.CANCELED
