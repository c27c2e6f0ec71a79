"""A ReserveNow keeps one EVSE for one token, and takes from nobody who waits."""

from story import Story, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.layout import EvseId, SubjectRef
from agent.core.state import CheckInState, Reason, TokenAnswer

R = i.Refusal


def test_a_reserved_evse_is_for_its_token_or_group_only() -> None:
    story = Story(row(1))
    assert story.reserves(1, "a") is None
    story.joins("bob")
    assert story.called("bob") is None
    story.plugs(1)
    assert story.starts_remotely("x", 1) is R.HELD_FOR_OTHER
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.SESSION_STARTED
    assert story.site.stays[EvseId(1)].reserve_id == 1


def test_the_group_of_a_reservation_opens_it_and_ends_its_holders_wait() -> None:
    story = Story(row(1))
    one = EvseId(1)
    reserve = i.MakeReserveNow(id=4, evse=one, subject=SubjectRef("a"), group="family", for_ms=600_000)
    assert story.asks(reserve) is None
    story.joins("bob", card="b")
    assert story.swipes("b", 1, group="family") is TokenAnswer.STARTED
    assert story.state("bob") is CheckInState.FULFILLED


def test_reserving_is_refused_with_a_reason() -> None:
    story = Story(row(3), ready=False)
    assert story.reserves(1, "a") is R.STARTING
    story.gets_ready()
    assert story.reserves(9, "a") is R.EVSE_UNKNOWN
    story.breaks(1)
    assert story.reserves(1, "a") is R.NONE_IN_SERVICE
    story.is_mended(1)
    story.somebody_charges(1)
    assert story.reserves(1, "a") is R.EVSE_OCCUPIED
    story.joins("ann")
    assert story.reserves(2, "a") is R.EVSE_OCCUPIED
    assert story.reserves(3, "a", ident=1) is None
    assert story.reserves(3, "b", ident=2) is R.EVSE_OCCUPIED
    assert story.reserves(3, "b", ident=1) is None  # the same id replaces
    assert story.site.reserved[EvseId(3)].subject == "b"
    story.asks(i.CancelReserveNow(id=1))
    story.parks(3)
    assert story.reserves(3, "a") is R.EVSE_OCCUPIED
    story.drives_off(3)
    assert story.reserves(3, "a", minutes=0) is R.RESERVATION_UNKNOWN


def test_reserving_does_not_take_from_those_who_wait() -> None:
    story = Story(row(1))
    story.parks(1)
    story.joins("ann")
    story.sees(1, story.site.evse(EvseId(1)).bay)
    story.breaks(1)
    story.drives_off(1)
    assert story.reserves(1, "a") is R.NONE_IN_SERVICE
    blocked = Story(row(1))
    blocked.joins("ann", card="a")
    blocked.reports_blocked("ann")  # waits, and the bay is not given for a while
    assert blocked.reserves(1, "x") is R.EVSE_OCCUPIED


def test_a_reservation_ends_by_time_cancelling_or_outage() -> None:
    story = Story(row(1))
    story.reserves(1, "a", minutes=10)
    story.joins("bob")
    story.after(minutes=10)
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EXPIRED
    assert story.called("bob") == 1
    story.leaves("bob")
    story.reserves(1, "a")
    assert story.asks(i.CancelReserveNow(id=1)) is None
    assert story.asks(i.CancelReserveNow(id=1)) is R.RESERVATION_UNKNOWN
    story.reserves(1, "a")
    story.breaks(1)
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EVSE_FAULT
    story.is_mended(1)
    story.reserves(1, "a")
    story.is_switched(1, on=False)
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EVSE_UNAVAILABLE


def test_an_expiry_by_the_wall_clock_moves_with_it() -> None:
    story = Story(row(1))
    utc = story.now.utc_ms
    assert utc is not None
    until = i.MakeReserveNow(id=1, evse=EvseId(1), subject=SubjectRef("a"), until_utc_ms=utc + 600_000)
    assert story.asks(until) is None
    story.knows_the_time(utc + 500_000)
    story.after(seconds=100)
    assert story.happened(ev.ReserveNowEnded)[-1].reason is Reason.EXPIRED
    story.loses_the_time()
    assert story.asks(until) is R.CLOCK_UNTRUSTED
