"""Joining, changing and leaving a queue, and why one may not."""

import pytest
from story import MINUTE, Story, evse, location, pool, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.layout import EvseId, PoolId, SubjectRef
from agent.core.queue import positions, queue_length
from agent.core.site import step
from agent.core.state import CheckInState, Origin, Quote, Reason, Wishes
from agent.core.visit import Vehicle

# --- changing


def test_accepting_fewer_bays_keeps_the_place_accepting_others_does_not() -> None:
    story = Story(row(3))
    for number in (1, 2, 3):
        story.somebody_charges(number)
    story.joins("ann", wishes=Wishes(evses=(EvseId(1), EvseId(2))))
    story.joins("bob")
    assert story.joins("ann", replaces="ann", wishes=Wishes(evses=(EvseId(2),))) is None
    assert story.line() == "ann bob"
    assert story.joins("ann", replaces="ann", wishes=Wishes(evses=(EvseId(2), EvseId(3)))) is None
    assert story.line() == "bob ann"
    assert story.of("ann").code == story.happened(ev.CheckedIn)[0].code


def test_another_pool_is_another_place() -> None:
    story = Story(location([evse(1), evse(2)], [pool("A", [1, 2]), pool("B", [1])]))
    story.somebody_charges(1)
    story.somebody_charges(2)
    story.joins("ann", "A")
    story.joins("bob", "A")
    assert story.joins("ann", "B", replaces="ann") is None
    assert story.line() == "bob ann"
    assert story.of("ann").pool == "B"


def test_a_dry_run_tells_the_new_place_and_changes_nothing() -> None:
    story = Story(location([evse(1), evse(2)], [pool("A", [1, 2]), pool("B", [1])]))
    story.somebody_charges(1)
    story.somebody_charges(2)
    story.joins("ann", "A")
    story.joins("bob", "A")
    before = story.site
    request = i.JoinQueue(pool=PoolId("B"), draw=1, origin=Origin.PAGE, replaces=story.people["ann"])
    tried = step(story.site, request, story.now)
    assert positions(tried.site)[story.people["ann"]] == 2
    assert story.site is before
    assert story.place("ann") == 1


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("unknown", i.Refusal.CHECKIN_UNKNOWN),
        ("ended", i.Refusal.CHECKIN_ENDED),
        ("called", i.Refusal.CHANGE_REFUSED),
        ("gone pool", i.Refusal.POOL_UNKNOWN),
    ],
)
def test_a_refused_change_leaves_the_old_one_standing(deed: str, reason: i.Refusal) -> None:
    story = Story(row(1))
    story.joins("ann")
    if deed == "ended":
        story.leaves("ann")
    if deed == "unknown":
        story.people["ann"] = type(story.people["ann"])(99)
    before = story.site
    if deed == "gone pool":
        story.snoozes("ann", 5)
        before = story.site
    assert story.joins("ann", "gone" if deed == "gone pool" else "A", replaces="ann") is reason
    assert story.site == before


def test_a_snoozer_stays_one_through_a_change() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.snoozes("ann", 10)
    story.joins("ann", replaces="ann", wishes=Wishes(evses=(EvseId(1),)))
    assert story.state("ann") is CheckInState.SNOOZED


# --- refusals of joining


def test_who_is_in_line_with_a_device_or_token_does_not_join_twice() -> None:
    story = Story(row(1))
    story.joins("ann")
    refused = story.give(
        i.JoinQueue(pool=PoolId("A"), draw=1, origin=Origin.PAGE, device=SubjectRef("phone of ann"))
    ).refused
    assert refused == i.Refused(reason=i.Refusal.ALREADY_CHECKED_IN, check_in=story.people["ann"])
    story.joins("bob", card="b")
    assert story.joins("bobby", card="b") is i.Refusal.ALREADY_CHECKED_IN
    story.leaves("bob")
    assert story.joins("bobby", card="b") is None


def test_a_full_queue_refuses_and_says_so() -> None:
    story = Story(location([evse(1)], [pool("A", [1], limit=2)]))
    for who in ("ann", "bob", "cleo"):
        assert story.joins(who) is None
    assert queue_length(story.site, PoolId("A")) == 2
    assert story.joins("dan") is i.Refusal.POOL_FULL
    assert story.joins("cleo", replaces="cleo") is None  # who is in has room


def test_a_location_has_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.core.joining.MAX_OPEN", 3)
    story = Story(row(1))
    for who in ("ann", "bob", "cleo"):
        assert story.joins(who) is None
    assert story.joins("dan") is i.Refusal.POOL_FULL


def test_nothing_in_service_refuses() -> None:
    story = Story(row(2))
    story.breaks(1)
    assert story.is_switched(2, on=False) is None
    assert story.joins("ann") is i.Refusal.NONE_IN_SERVICE


def test_an_unknown_pool_is_refused() -> None:
    assert Story(row(1)).joins("ann", "Z") is i.Refusal.POOL_UNKNOWN


def test_token_groups_open_a_pool_to_their_members_only() -> None:
    layout = location([evse(1)], [pool("A", [1])])
    members = type(layout.pools[0])(
        id=PoolId("A"), names=(("en", "A"),), evses=(EvseId(1),), token_groups=("fleet", "staff")
    )
    story = Story(location([evse(1)], [members]))
    assert story.joins("ann") is i.Refusal.TOKEN_UNKNOWN
    assert story.joins("bob", card="b", groups=("fleet",)) is None
    assert story.called("bob") == 1
    assert story.starts_remotely("stranger", 1) is i.Refusal.HELD_FOR_OTHER
    story.leaves("bob")
    assert story.starts_remotely("stranger", 1) is i.Refusal.TOKEN_UNKNOWN
    refused = story.asks(i.RemoteStart(subject=SubjectRef("s"), evse=EvseId(1), groups=("staff",)))
    assert refused is None


def test_a_departure_told_later_is_held_to_the_forecast_like_one_told_at_first() -> None:
    story = Story(row(1))
    for who in ("ann", "bob"):
        story.joins(who)
    at = story.now.utc_ms
    assert at is not None

    def leaves(minutes: int, p90_min: int | None = 30) -> i.Refusal | None:
        quote = None if p90_min is None else Quote(p10_min=5, p50_min=10, p90_min=p90_min)
        departure = at + minutes * MINUTE
        return story.asks(i.UpdateArrival(check_in=story.people["bob"], departure_utc_ms=departure, quote=quote))

    assert leaves(29) is i.Refusal.DEPARTURE_TOO_SOON
    assert story.of("bob").departure_utc_ms is None
    assert leaves(31) is None
    assert leaves(31, p90_min=60) is None  # told before: a wait that has grown takes nothing back
    assert leaves(5, p90_min=None) is None


def test_a_departure_before_the_likely_end_of_the_wait_is_asked_about_first() -> None:
    story = Story(row(1))
    now = story.now.utc_ms
    assert now is not None

    def ask(*, accepted: bool, leaves_in_min: int | None) -> i.Refusal | None:
        return story.asks(
            i.JoinQueue(
                pool=PoolId("A"),
                draw=1,
                origin=Origin.PAGE,
                departure_utc_ms=None if leaves_in_min is None else now + leaves_in_min * MINUTE,
                departure_accepted=accepted,
                quote=Quote(p10_min=5, p50_min=20, p90_min=40),
            )
        )

    assert ask(accepted=False, leaves_in_min=30) is i.Refusal.DEPARTURE_TOO_SOON
    assert ask(accepted=True, leaves_in_min=30) is None
    assert ask(accepted=False, leaves_in_min=50) is None
    assert ask(accepted=False, leaves_in_min=None) is None


# --- leaving


def test_a_left_bay_goes_to_the_next_at_once_and_leaving_twice_is_leaving() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.joins("bob")
    assert story.leaves("ann") is None
    assert (story.state("ann"), story.called("bob")) == (CheckInState.CHECKED_OUT, 1)
    assert story.leaves("ann") is None
    assert story.last == ()


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        (Origin.PAGE, Reason.USER),
        (Origin.READER, Reason.USER),
        (Origin.PARTNER, Reason.PARTNER),
        (Origin.OPERATOR, Reason.OPERATOR),
    ],
)
def test_who_checked_somebody_out_is_recorded(origin: Origin, reason: Reason) -> None:
    story = Story(row(1))
    story.joins("ann")
    assert story.asks(i.LeaveQueue(check_in=story.people["ann"], origin=origin)) is None
    assert story.of("ann").reason is reason


def test_leaving_can_be_taken_back_for_a_while() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann")
    story.joins("bob")
    story.leaves("ann")
    story.after(seconds=30)
    assert story.comes_back("ann") is None
    assert story.line() == "ann bob"
    assert story.comes_back("ann") is None  # pressed twice
    assert story.last == ()
    story.leaves("ann")
    story.after(seconds=31)
    assert story.comes_back("ann") is i.Refusal.UNDO_TOO_LATE


def test_leaving_is_not_taken_back_once_somebody_was_called_for_it() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.joins("bob")
    story.leaves("ann")
    assert story.called("bob") == 1
    assert story.comes_back("ann") is i.Refusal.UNDO_TOO_LATE


def test_who_joined_anew_does_not_come_back_as_well() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann", card="a")
    story.leaves("ann")
    story.joins("ann again", card="a")
    assert story.comes_back("ann") is i.Refusal.UNDO_TOO_LATE


def test_only_leaving_can_be_taken_back() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.parks(1)
    story.swipes("a", 1)
    assert story.state("ann") is CheckInState.FULFILLED
    assert story.comes_back("ann") is i.Refusal.UNDO_TOO_LATE
    assert story.leaves("ann") is i.Refusal.CHECKIN_ENDED


def test_coming_back_is_to_where_one_was() -> None:
    story = Story(row(1))
    story.joins("ann", card="a", in_minutes=60)
    story.joins("bob", card="b")
    story.snoozes("bob", 20)
    story.leaves("ann")
    story.leaves("bob")
    assert story.comes_back("ann") is None
    assert story.comes_back("bob") is None
    assert (story.state("ann"), story.state("bob")) == (CheckInState.ON_THE_ROAD, CheckInState.SNOOZED)


def test_what_is_told_of_the_vehicle_is_kept_and_may_be_told_anew() -> None:
    story = Story(row(1))
    told = Vehicle(soc_percent=22, energy_need_wh=38_500)
    story.joins("ann", vehicle=told)
    story.joins("ben", vehicle=told)
    assert story.of("ben").vehicle == told
    better = Vehicle(soc_percent=30)
    story.asks(i.UpdateArrival(check_in=story.of("ben").id, vehicle=better))
    assert story.of("ben").vehicle == better
    story.asks(i.UpdateArrival(check_in=story.of("ann").id, vehicle=better))
    assert story.of("ann").vehicle == better


@pytest.mark.parametrize(
    "wrong", [{"soc_percent": 101}, {"soc_percent": -1}, {"energy_need_wh": 0}, {"energy_need_wh": 10_000_001}]
)
def test_a_vehicle_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be from"):
        Vehicle(**wrong)
