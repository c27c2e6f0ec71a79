"""May energy flow: swipe, remote start, page and plug first ask the same question; and how a stay ends."""

from collections.abc import Callable

import pytest
from story import ONE, Story, evse, location, pool, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.decide import decide
from agent.core.layout import AdHocStart, EvseId, Now, SubjectRef
from agent.core.observe import observe
from agent.core.permit import Asker, Denied, Granted, Use, permit
from agent.core.site import fold, settle
from agent.core.state import CheckInState, EndOfEnergy, Means, Site, TokenAnswer

R = i.Refusal


def swipe(story: Story, card: str) -> object:
    return story.swipes(card, 1)


def remote(story: Story, card: str) -> object:
    return story.starts_remotely(card, 1)


def remote_anywhere(story: Story, card: str) -> object:
    return story.starts_remotely(card)


def plug_first(story: Story, card: str) -> object:
    return None  # the car is plugged in already


PATHS = [swipe, remote, remote_anywhere]


@pytest.mark.parametrize("start", [*PATHS, plug_first])
@pytest.mark.parametrize("policy", list(AdHocStart))
def test_nobody_else_starts_in_a_held_bay(start: Callable[[Story, str], object], policy: AdHocStart) -> None:
    story = Story(row(1, ad_hoc_start=policy, accept_on_plug=True))
    story.joins("ann", card="a")
    story.plugs(1)
    start(story, "stranger")
    assert not story.charging(1)
    assert story.called("ann") == 1


@pytest.mark.parametrize("start", PATHS)
def test_the_holder_starts_by_every_path(start: Callable[[Story, str], object]) -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.plugs(1)
    start(story, "a")
    assert story.charging(1)
    assert story.state("ann") is CheckInState.FULFILLED
    assert story.site.stays[EvseId(1)].check_in == story.people["ann"]


@pytest.mark.parametrize("start", [*PATHS, plug_first])
def test_nobody_starts_in_a_bay_that_others_wait_for(start: Callable[[Story, str], object]) -> None:
    story = Story(row(1, accept_on_plug=True))
    story.parks(1)
    story.joins("ann")
    story.plugs(1)
    start(story, "stranger")
    assert not story.charging(1)


@pytest.mark.parametrize("start", PATHS)
def test_a_place_in_one_line_is_none_in_another(start: Callable[[Story, str], object]) -> None:
    story = Story(location([evse(1), evse(2)], [pool("A", [1]), pool("B", [2])]))
    story.somebody_charges(2)
    story.joins("ann", "B", card="a")
    story.plugs(1)  # somebody in front, so that the bay cannot be given
    story.joins("bob", "A", card="b")
    start(story, "a")
    assert not story.charging(1)
    start(story, "b")
    assert story.charging(1)


@pytest.mark.parametrize("start", PATHS)
def test_a_free_bay_nobody_waits_for_is_free_to_use(start: Callable[[Story, str], object]) -> None:
    story = Story(row(1))
    story.plugs(1)
    start(story, "stranger")
    assert story.charging(1)
    assert story.site.stays[EvseId(1)].means is (Means.ID_TOKEN if start is swipe else Means.REMOTE)


def test_plug_first_starts_only_where_the_site_says_so() -> None:
    for policy, on_plug, starts in (
        (AdHocStart.FREE, True, True),
        (AdHocStart.FREE, False, False),
        (AdHocStart.NONE, True, False),
        (AdHocStart.CSMS, True, False),
    ):
        story = Story(row(1, ad_hoc_start=policy, accept_on_plug=on_plug))
        story.plugs(1)
        assert story.charging(1) is starts


def test_a_plugged_car_starts_when_the_line_is_gone() -> None:
    story = Story(row(1, accept_on_plug=True))
    story.parks(1)
    story.joins("ann")
    story.plugs(1)
    assert not story.charging(1)
    story.leaves("ann")
    assert story.charging(1)


@pytest.mark.parametrize(("policy", "answer"), [(AdHocStart.NONE, R.PAYMENT_NEEDED), (AdHocStart.CSMS, None)])
def test_without_free_charging_the_page_starts_nothing_by_itself(policy: AdHocStart, answer: i.Refusal | None) -> None:
    """With `csms` the shell presents the operator's IdToken after the page was answered."""
    story = Story(row(1, ad_hoc_start=policy))
    story.joins("ann")
    assert story.presses_start("ann") is None
    assert story.presses_start("ann") is answer
    story.plugs(1)
    assert story.state("ann") is CheckInState.FULFILLED
    assert story.presses_start("ann") is answer
    assert not story.charging(1)
    assert story.swipes("any valid card", 1) is TokenAnswer.STARTED
    assert story.charging(1)


def test_the_page_of_who_waits_starts_nothing() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann")
    assert story.presses_start("ann") is R.NOT_YOUR_TURN
    assert story.presses_stop("ann") is R.NOT_CHARGING


def test_an_old_page_does_not_start_a_later_car() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.presses_start("ann")
    story.plugs(1)
    story.leaves_the_bay(1)
    story.plugs(1)
    assert story.presses_start("ann") is R.CHECKIN_ENDED
    assert not story.charging(1)
    assert story.presses_stop("ann") is R.NOT_CHARGING


def test_a_page_start_is_refused_like_any_other_while_the_evse_is_broken() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.presses_start("ann")
    story.breaks(1)
    story.plugs(1)
    story.is_mended(1)
    assert not story.charging(1)  # the hold was lost with the fault
    story.unplugs(1)
    assert story.called("ann") == 1
    story.presses_start("ann")
    story.plugs(1)
    assert story.charging(1)
    held = Story(row(1, ad_hoc_start=AdHocStart.NONE))
    held.joins("ann")
    held.presses_start("ann")
    held.plugs(1)
    free = row(1)
    held.reads(free, "2")  # from now on charging costs nothing: the plugged car starts at once
    assert held.charging(1)


def test_a_page_start_meets_the_faults_of_the_location() -> None:
    story = Story(row(1, ad_hoc_start=AdHocStart.NONE))
    story.joins("ann")
    story.presses_start("ann")
    story.plugs(1)
    story.breaks(1)
    story.reads(row(1), "2")
    assert story.presses_start("ann") is R.NONE_IN_SERVICE
    story.is_mended(1)
    assert story.charging(1)


def test_a_holder_with_a_card_pays_with_that_card() -> None:
    story = Story(row(1, ad_hoc_start=AdHocStart.NONE))
    story.joins("ann", card="a")
    story.presses_start("ann")
    story.plugs(1)
    assert story.starts_remotely("other", 1) is R.HELD_FOR_OTHER
    assert story.swipes("a", 1) is TokenAnswer.STARTED


def test_the_next_card_counts_once_an_anonymous_holder_said_it_is_them() -> None:
    story = Story(row(1))
    story.joins("ann")
    assert story.starts_remotely("x", 1) is R.HELD_FOR_OTHER
    story.presses_start("ann")
    assert story.starts_remotely("x", 1) is None
    assert story.state("ann") is CheckInState.FULFILLED


@pytest.mark.parametrize("verdict", [v for v in i.Verdict if v is not i.Verdict.ACCEPTED])
def test_a_card_that_is_not_accepted_does_nothing(verdict: i.Verdict) -> None:
    story = Story(row(1))
    story.plugs(1)
    assert story.swipes("x", 1, verdict=verdict) is TokenAnswer.NOT_ACCEPTED
    refused = story.asks(i.RemoteStart(subject=SubjectRef("x"), verdict=verdict, evse=EvseId(1)))
    assert refused is R.TOKEN_UNKNOWN
    assert not story.charging(1)
    assert not story.site.check_ins


# --- why not


def test_each_no_has_its_reason() -> None:
    story = Story(row(2), ready=False)
    asker = Asker(subject=SubjectRef("x"))

    def why(number: int = 1) -> i.Refusal:
        answer = permit(story.site, EvseId(number), asker, story.now)
        assert isinstance(answer, Denied)
        return answer.reason

    assert permit(Site(), EvseId(1), asker, Now(0)) == Denied(reason=R.STARTING)
    assert why() is R.STARTING
    story.gets_ready()
    assert why(9) is R.EVSE_UNKNOWN
    story.is_switched(1, on=False)
    assert why() is R.NONE_IN_SERVICE
    story.is_switched(1, on=True)
    story.somebody_charges(1)
    assert why() is R.EVSE_OCCUPIED
    story.joins("ann")
    assert why(2) is R.HELD_FOR_OTHER


def test_the_page_is_who_it_belongs_to() -> None:
    story = Story(row(2))
    story.joins("ann")
    held = permit(story.site, EvseId(1), Asker(check_in=story.people["ann"]), story.now)
    assert held == Granted(use=Use.HOLD, check_in=story.people["ann"])
    story.leaves("ann")
    ended = permit(story.site, EvseId(1), Asker(check_in=story.people["ann"]), story.now)
    assert ended == Granted(use=Use.FREE)
    story.parks(1)
    story.parks(2)
    story.joins("bob")
    story.joins("cleo")
    for who, answer in (
        ("bob", Granted(use=Use.FREE, check_in=story.people["bob"])),
        ("cleo", Denied(reason=R.NOT_YOUR_TURN, check_in=story.people["bob"])),
    ):
        assert permit(story.site, EvseId(1), Asker(check_in=story.people[who]), story.now) == answer


def test_pressing_start_leaves_the_start_to_what_follows_by_itself() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.presses_start("ann")
    plugged = fold(observe(story.site, i.PluggedIn(evse=EvseId(1), connector=ONE), story.now), story.site)
    assert decide(plugged, i.StartAtPage(check_in=story.people["ann"]), story.now) == ()
    assert settle(plugged, story.now)[0].stays[EvseId(1)].wants_energy


def test_whoever_plugs_in_at_a_confirmed_hold_is_the_holder() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    nobody = Asker()
    assert permit(story.site, EvseId(1), nobody, story.now) == Denied(
        reason=R.HELD_FOR_OTHER, check_in=story.people["ann"]
    )
    story.presses_start("ann")
    assert isinstance(permit(story.site, EvseId(1), nobody, story.now), Granted)


def test_a_remote_start_without_evse_finds_the_holders_bay_then_a_plugged_car() -> None:
    story = Story(row(3))
    story.joins("ann", card="a")
    story.plugs(2)
    assert story.starts_remotely("a") is None
    assert story.happened(ev.Authorised)[-1].evse == 1
    assert story.starts_remotely("b") is None
    assert story.charging(2)
    assert story.starts_remotely("c") is None
    assert story.happened(ev.Authorised)[-1].evse == 3
    assert story.starts_remotely("d") is R.EVSE_OCCUPIED
    story.is_switched(None, on=False)
    assert story.starts_remotely("d") is R.NOT_YOUR_TURN


# --- the reader


def test_a_card_joins_asks_and_leaves() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    assert story.swipes("a", 1) is TokenAnswer.JOINED
    story.after(seconds=11)
    assert story.swipes("a", 1) is TokenAnswer.IN_LINE
    story.after(seconds=5)
    assert story.swipes("a", 1) is TokenAnswer.ASK_LEAVE
    story.after(seconds=11)
    assert story.swipes("a", 1) is TokenAnswer.IN_LINE
    assert story.swipes("a", 1) is TokenAnswer.ASK_LEAVE
    assert story.swipes("a", 1) is TokenAnswer.LEFT
    assert story.state("a") is CheckInState.CHECKED_OUT


def test_a_card_that_may_not_join_is_told_why_not() -> None:
    story = Story(location([evse(1), evse(2)], [pool("A", [1], limit=1)]), ready=False)
    assert story.swipes("a", 1) is TokenAnswer.NOT_NOW
    story.gets_ready()
    story.joins("ann")
    story.joins("bob")
    assert story.swipes("a", 1) is TokenAnswer.HELD_FOR_OTHER
    story.leaves("ann")
    story.leaves("bob")
    story.breaks(1)
    assert story.swipes("a", 1) is TokenAnswer.NOT_NOW
    story.plugs(2)
    assert story.swipes("a", 2) is TokenAnswer.STARTED  # in no pool: nobody can wait for it


def test_the_same_card_before_the_plug_changes_nothing_and_after_the_end_neither() -> None:
    story = Story(row(1))
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    assert len(story.happened(ev.Authorised)) == 1
    story.plugs(1)
    assert story.swipes("a", 1) is TokenAnswer.STOPPED
    assert story.swipes("a", 1) is TokenAnswer.NOT_NOW
    assert not story.charging(1)


def test_a_card_of_the_same_group_stops_another_does_not() -> None:
    story = Story(row(1))
    story.plugs(1)
    assert story.swipes("a", 1, group="family") is TokenAnswer.STARTED
    assert story.swipes("b", 1, group="others") is TokenAnswer.JOINED
    assert story.charging(1)
    assert story.swipes("c", 1, group="family", verdict=i.Verdict.UNCHECKABLE) is TokenAnswer.STOPPED
    assert story.site.stays[EvseId(1)].end_of_energy is EndOfEnergy.LOCAL
    assert story.happened(ev.EnergyEnded)[-1].subject == "c"
