"""Events about what is not known any more change nothing; an event nobody handles is loud; every handler is reached."""

from dataclasses import fields, is_dataclass, replace

import pytest
from story import ONE, Story, row

from agent.core import events as ev
from agent.core.booking import Period, ReservationId, ReservationStatus
from agent.core.change import change_check_in
from agent.core.evolve import APPLY, evolve
from agent.core.layout import BookingTerms, CheckInId, EvseId, PoolId, StayId, SubjectRef
from agent.core.queue import accepted_evses, may_be_called, rank_behind
from agent.core.settle import settle
from agent.core.site import fold, restate
from agent.core.state import (
    Bay,
    CheckInState,
    EndOfEnergy,
    Means,
    Origin,
    Rank,
    Reason,
    ReserveNow,
    Site,
    TokenAnswer,
    Vehicle,
    Wishes,
)

NOBODY, NOWHERE = CheckInId(99), EvseId(99)
AT, NONE = 10**6, PoolId("none")

OF_CHECK_INS = (
    ev.CheckInChanged(
        at_ms=AT,
        check_in=NOBODY,
        pool=NONE,
        rank=Rank(place=1),
        wishes=Wishes(),
        subjects=(),
        groups=(),
        more_time=False,
        expected=None,
        departure_utc_ms=None,
        quote=None,
    ),
    ev.ArrivalUpdated(at_ms=AT, check_in=NOBODY, expected=None, departure_utc_ms=None),
    ev.Approached(at_ms=AT, check_in=NOBODY),
    ev.Snoozed(at_ms=AT, check_in=NOBODY, until_ms=AT + 1),
    ev.SnoozeEnded(at_ms=AT, check_in=NOBODY),
    ev.EvseAssigned(at_ms=AT, check_in=NOBODY, evse=EvseId(1), connector=ONE, until_ms=AT + 1),
    ev.HoldExtended(at_ms=AT, check_in=NOBODY, until_ms=AT + 1),
    ev.HoldPaused(at_ms=AT, check_in=NOBODY, until_ms=AT + 1, left_ms=1),
    ev.HoldResumed(at_ms=AT, check_in=NOBODY, until_ms=AT + 1),
    ev.HoldConfirmed(at_ms=AT, check_in=NOBODY),
    ev.HoldMoved(at_ms=AT, check_in=NOBODY, evse=EvseId(1), connector=ONE, until_ms=AT + 1),
    ev.HoldLost(at_ms=AT, check_in=NOBODY, evse=NOWHERE, reason=Reason.EVSE_FAULT),
    ev.CallMissed(at_ms=AT, check_in=NOBODY, evse=NOWHERE, rank=Rank(place=1)),
    ev.PresenceProven(at_ms=AT, check_in=NOBODY),
    ev.CheckInEnded(at_ms=AT, check_in=NOBODY, state=CheckInState.CANCELED, reason=Reason.CLOSED),
    ev.CheckOutUndone(at_ms=AT, check_in=NOBODY),
    ev.CheckInForgotten(at_ms=AT, check_in=NOBODY),
)
OF_EVSES = (
    ev.BayChanged(at_ms=AT, evse=NOWHERE, bay=Bay.OCCUPIED),
    ev.BayBlocked(at_ms=AT, evse=NOWHERE),
    ev.ConnectorPlugged(at_ms=AT, evse=NOWHERE, connector=ONE, stay=StayId(1)),
    ev.ConnectorFreed(at_ms=AT, evse=NOWHERE, register_wh=None),
    ev.TokenShown(at_ms=AT, evse=NOWHERE, subject=SubjectRef("x"), answer=TokenAnswer.JOINED),
    ev.Authorised(at_ms=AT, evse=NOWHERE, stay=StayId(1), means=Means.FREE),
    ev.AuthorisationLapsed(at_ms=AT, evse=NOWHERE),
    ev.EnergyPermitted(at_ms=AT, evse=NOWHERE),
    ev.EnergyEnded(at_ms=AT, evse=NOWHERE, why=EndOfEnergy.FAULT),
    ev.Energised(at_ms=AT, evse=NOWHERE, register_wh=1),
    ev.DeEnergised(at_ms=AT, evse=NOWHERE, register_wh=1),
    ev.ChargingPaused(at_ms=AT, evse=NOWHERE),
    ev.ChargingResumed(at_ms=AT, evse=NOWHERE),
    ev.ChargingFinished(at_ms=AT, evse=NOWHERE),
    ev.MoveGraceEnded(at_ms=AT, evse=NOWHERE),
    ev.RegisterNoted(at_ms=AT, evse=NOWHERE, register_wh=1),
    ev.FaultRaised(at_ms=AT, evse=NOWHERE, code="x"),
    ev.FaultCleared(at_ms=AT, evse=NOWHERE, code="x"),
    ev.AvailabilitySet(at_ms=AT, evse=NOWHERE, operative=False),
    ev.ReserveNowMade(
        at_ms=AT, reserve=ReserveNow(id=1, evse=NOWHERE, subject=SubjectRef("x"), group=None, until_ms=AT + 1)
    ),
    ev.ReserveNowEnded(at_ms=AT, id=1, evse=NOWHERE, reason=Reason.EXPIRED),
)
UNBOOKED = ReservationId(99)
SLOT = Period(begin_utc_ms=1, end_utc_ms=2)
OF_BOOKINGS = (
    ev.ReservationChanged(
        at_ms=AT,
        reservation=UNBOOKED,
        pool=NONE,
        period=SLOT,
        terms=BookingTerms(),
        wishes=Wishes(),
        plan=((UNBOOKED, EvseId(1)),),
        subjects=(),
        groups=(),
        expected_utc_ms=None,
        departure_utc_ms=None,
        vehicle=Vehicle(),
        reason=Reason.USER,
    ),
    ev.ReservationArrivalUpdated(
        at_ms=AT, reservation=UNBOOKED, expected_utc_ms=None, departure_utc_ms=None, vehicle=Vehicle()
    ),
    ev.ReservationsPlanned(at_ms=AT, plan=((UNBOOKED, EvseId(1)),)),
    ev.ReservationLookedAt(at_ms=AT, reservation=UNBOOKED, plan=(), reason=None),
    ev.ReservationMoved(at_ms=AT, reservation=UNBOOKED, period=SLOT, plan=(), reason=Reason.PREVIOUS_USER_STAYS),
    ev.ReservationDue(at_ms=AT, reservation=UNBOOKED, check_in=NOBODY, place=1),
    ev.ReservationEnded(at_ms=AT, reservation=UNBOOKED, status=ReservationStatus.CANCELED, reason=Reason.USER),
    ev.ReservationForgotten(at_ms=AT, reservation=UNBOOKED),
)


@pytest.mark.parametrize("event", [*OF_CHECK_INS, *OF_EVSES, *OF_BOOKINGS], ids=lambda e: type(e).__name__)
def test_what_is_unknown_stays_unknown(event: ev.Event) -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann")
    after = evolve(story.site, event)
    assert replace(after, elapsed_ms=story.site.elapsed_ms, sequence=story.site.sequence) == story.site


def test_every_event_has_its_entry() -> None:
    kinds = {
        kind
        for kind in vars(ev).values()
        if isinstance(kind, type) and issubclass(kind, ev.Event) and kind is not ev.Event
    }
    assert kinds == set(APPLY)
    assert all(is_dataclass(kind) and fields(kind) for kind in kinds)


def test_an_event_without_entry_is_loud() -> None:
    with pytest.raises(TypeError, match="no entry in APPLY for Event"):
        evolve(Site(), ev.Event(at_ms=1))


def test_a_check_in_before_any_layout_is_none() -> None:
    event = ev.CheckedIn(
        at_ms=1,
        check_in=CheckInId(1),
        pool=NONE,
        code="K7",
        origin=Origin.PAGE,
        rank=Rank(place=1),
        wishes=Wishes(),
    )
    assert not evolve(Site(), event).check_ins
    booked = ev.ReservationMade(
        at_ms=1,
        reservation=UNBOOKED,
        pool=NONE,
        code="K7",
        origin=Origin.PAGE,
        period=SLOT,
        terms=BookingTerms(),
        wishes=Wishes(),
        plan=(),
    )
    assert not evolve(Site(), booked).reservations
    assert not evolve(Site(), OF_BOOKINGS[0]).reservations
    assert change_check_in(Site(), NOBODY, 1) == Site()


def test_of_many_no_shows_and_codes_the_newest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.core.evolve_queue.MAX_NO_SHOWS", 3)
    monkeypatch.setattr("agent.core.evolve_queue.MAX_OLD_CODES", 3)
    story = Story(row(1))
    for n in range(5):
        story.joins(f"friend {n}", window=n)
        story.after(minutes=5)
    assert [n.window for n in story.site.no_shows] == [2, 3, 4]
    assert len(story.site.old_codes) == 3


def test_a_settling_that_never_rests_is_our_bug_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(row(1))
    monkeypatch.setattr("agent.core.settle.follow", lambda _, now: (ev.ScanRelaxed(at_ms=now.elapsed_ms),))
    with pytest.raises(AssertionError, match=r"did not come to rest within \d+ rounds"):
        settle(story.site, story.now)


def test_a_pool_that_is_gone_has_nothing_to_accept() -> None:
    layout = row(1)
    assert accepted_evses(layout, NONE, Wishes()) == ()
    assert layout.pool(NONE) is None
    story = Story(layout)
    story.joins("ann")
    assert not may_be_called(story.site, story.of("ann"), story.now)
    assert rank_behind(Site(), story.of("ann")).place == story.of("ann").rank.place


def test_a_day_of_everything_restates_to_itself() -> None:
    story = Story(row(3))
    story.somebody_charges(1)
    story.reserves(2, "r")
    story.joins("ann", window=1)
    story.joins("bob", card="b", in_minutes=30)
    story.leaves("bob")
    story.breaks(None, "Flood")
    again = fold(restate(story.site))
    assert again == story.site
    assert fold(restate(again), Site()) == again
