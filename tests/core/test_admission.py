"""The ledger's parts: the exact probability, what counts against a booking, the search for room, what is learned."""

from dataclasses import replace

import pytest
from bookings import BookingStory, bookable
from story import MINUTE, START_UTC_MS

from agent.core import inputs as i
from agent.core.admission import Admission, at_least
from agent.core.assigning import endangered_by
from agent.core.booking import Period, ReservationId
from agent.core.history import StayKind, prior_of
from agent.core.layout import EvseId
from agent.core.planner import Slot, room_for, usable
from agent.core.prior import PRIOR
from agent.core.residual import used_connector
from agent.core.state import Bay
from agent.core.stays import StayClass


def test_the_probability_of_enough_is_exact() -> None:
    assert at_least([], 0) == 1.0
    assert at_least([1.0, 0.3], 1) == 1.0
    assert at_least([0.0, 0.5], 2) == 0.0
    assert at_least([0.5, 0.5], 1) == pytest.approx(0.75)
    assert at_least([0.2, 0.5, 0.9], 2) == pytest.approx(
        0.2 * 0.5 * 0.1 + 0.2 * 0.5 * 0.9 + 0.2 * 0.5 * 0.9 + 0.8 * 0.5 * 0.9
    )


def test_admission_asks_nothing_where_nothing_is_asked_for() -> None:
    story = BookingStory(bookable(1))
    assert Admission(story.site, story.now).certain()
    assert endangered_by(story.site, EvseId(1), None, story.now) is None
    story.books("ann", in_minutes=60)
    assert endangered_by(story.site, EvseId(9), None, story.now) is None, "no such bay"


def test_stays_reservations_and_blocked_bays_count_against_a_booking_soon() -> None:
    def chance(story: BookingStory) -> bool:
        begin = START_UTC_MS + story.elapsed_ms + 30 * MINUTE
        slot = Slot(
            reservation=ReservationId(77),
            accepts=(EvseId(1),),
            span=Period(begin_utc_ms=begin, end_utc_ms=begin + 30 * MINUTE),
        )
        return Admission(story.site, story.now, asked=slot).certain()

    story = BookingStory(bookable(1))
    assert chance(story)
    story.parks(1)
    assert not chance(story), "a car stands there"
    story.after(minutes=5000)
    assert not chance(story), "and has outlasted all that is known"
    story.drives_off(1)
    assert chance(story)
    story.reserves(1, "card", minutes=25)
    assert not chance(story)
    story.asks(i.CancelReserveNow(id=1))
    story.joins("walk-in")
    assert not chance(story), "held for somebody"
    story.leaves("walk-in")
    story.plugs(1)
    story.sees(1, Bay.OCCUPIED)
    story.unplugs(1)
    assert chance(story), "it has just left"
    story.breaks(1)
    assert not chance(story)


def test_an_evse_is_counted_on_if_it_is_there_in_service_and_not_reserved() -> None:
    story = BookingStory(bookable(1))
    soon = Period(begin_utc_ms=START_UTC_MS + 10 * MINUTE, end_utc_ms=START_UTC_MS + 40 * MINUTE)
    assert usable(story.site, EvseId(1), soon, story.now)
    assert not usable(story.site, EvseId(9), soon, story.now)
    story.reserves(1, "card", minutes=25)
    assert not usable(story.site, EvseId(1), soon, story.now)
    assert usable(story.site, EvseId(1), soon, replace(story.now, utc_ms=None))


def test_the_search_for_room_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.core.planner.SEARCH_MAX", 0)
    story = BookingStory(bookable(1))
    span = Period(begin_utc_ms=START_UTC_MS + 60 * MINUTE, end_utc_ms=START_UTC_MS + 90 * MINUTE)
    asked = Slot(reservation=ReservationId(1), accepts=(EvseId(1),), span=span)
    assert room_for(story.site, asked, story.now) is None


def test_only_so_many_sets_of_bays_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.core.admission.UNIONS_MAX", 1)
    story = BookingStory(bookable(2, bound=1))
    story.books("ann", "A", in_minutes=30)
    story.books("bob", "B", in_minutes=30)
    story.joins("walk-in", "B")
    assert story.called("walk-in") is None


# --- what is learned


def test_stays_are_learned_and_the_prior_fades() -> None:
    story = BookingStory(bookable(1))
    kind = StayKind("IEC_62196_T2_COMBO/dc_fast")
    assert prior_of(kind) is PRIOR[StayClass.DC_FAST]
    assert prior_of(StayKind("odd")) is PRIOR[StayClass.AC]
    for _ in range(70):
        story.somebody_charges(1)
        story.after(minutes=12)
        story.leaves_the_bay(1)
    learned = story.site.learned[kind]
    assert learned.seconds == (720,) * 70
    assert learned.table.quantile(0.5) == pytest.approx(12, abs=0.1)


def test_what_was_no_charging_stay_is_not_learned() -> None:
    story = BookingStory(bookable(1))
    story.plugs(1)
    story.after(minutes=20)
    story.unplugs(1)
    story.somebody_charges(1)
    story.after(seconds=20)
    story.leaves_the_bay(1)
    assert story.site.learned == {}


def test_an_evse_that_left_the_layout_has_no_connector() -> None:
    assert used_connector(BookingStory(bookable(1)).site, EvseId(9)) is None
