"""Who joins through a partner where `partner_presence` is "scan": on the road until they are seen on site."""

import pytest
from story import Story, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.board import Why, explain
from agent.core.layout import EvseId, PartnerPresence
from agent.core.state import Bay, CheckInState, TokenAnswer, Wishes
from agent.core.visit import Vehicle

ROAD, WAITING, SNOOZED = CheckInState.ON_THE_ROAD, CheckInState.WAITING, CheckInState.SNOOZED
BAY_1 = Wishes(evses=(EvseId(1),))


def asking(count: int = 1) -> Story:
    """A site of free bays that asks partners' Users to be seen."""
    story = Story(row(count, partner_presence=PartnerPresence.SCAN))
    for number in range(1, count + 1):
        story.sees(number, Bay.FREE)
    return story


def shows(story: Story, who: str) -> None:
    """Somebody on site names a call code."""
    assert story.asks(i.ShowPresence(check_in=story.people[who])) is None


def test_no_bay_is_kept_for_who_was_only_vouched_for_and_their_place_is() -> None:
    story = asking()
    story.joins("ann", card="a")
    story.joins("bob")
    assert (story.state("ann"), story.place("ann")) == (ROAD, 1)
    assert story.called("bob") == 1  # joined on the page, where the six digits proved it
    assert explain(story.site, story.people["ann"], story.now)[0].why is Why.HELD
    story.leaves("bob")
    assert explain(story.site, story.people["ann"], story.now)[0].why is Why.MUST_SHOW
    story.after(minutes=700)
    assert story.state("ann") is ROAD


def test_where_partners_are_trusted_they_are_called_at_once() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    assert story.called("ann") == 1


@pytest.mark.parametrize("sign", ["call code", "fresh scan"])
def test_a_sign_of_them_on_site_calls_them(sign: str) -> None:
    story = asking()
    story.joins("ann", card="a", in_minutes=60)
    shows(story, "ann") if sign == "call code" else story.scans("ann")
    assert (story.called("ann"), story.of("ann").expected) == (1, None)
    assert story.of("ann").proven is (sign == "fresh scan")  # a call code is public and proves nothing


def test_their_token_starts_at_a_free_bay_and_shows_them_where_others_wait() -> None:
    story = asking(2)
    story.joins("ann", card="a")
    assert story.swipes("a", 1) is TokenAnswer.STARTED
    assert story.state("ann") is CheckInState.FULFILLED

    story = asking()
    story.joins("bob")
    story.joins("ann", card="a")
    assert story.swipes("a", 1) is TokenAnswer.IN_LINE
    assert story.state("ann") is WAITING


def test_a_call_code_changes_nothing_for_anybody_else() -> None:
    story = asking()
    story.joins("bob")
    shows(story, "bob")
    assert not story.last
    assert not story.site.holds[EvseId(1)].confirmed
    story.joins("cleo")
    shows(story, "cleo")
    assert not story.last


def test_a_car_in_the_only_bay_they_wait_for_is_a_sign_of_them() -> None:
    story = asking(2)
    story.joins("ann", card="a", wishes=BAY_1)
    story.joins("bob", card="b", wishes=BAY_1)
    story.joins("cleo", card="c")
    story.parks(2)
    assert [story.state(who) for who in ("ann", "bob", "cleo")] == [ROAD, ROAD, ROAD]
    story.parks(1)
    assert [story.state(who) for who in ("ann", "bob", "cleo")] == [WAITING, ROAD, ROAD]
    assert story.swipes("a", 1) is TokenAnswer.STARTED


def test_a_car_is_no_sign_of_who_is_not_due_yet_or_whose_car_it_cannot_be() -> None:
    story = asking()
    story.joins("ann", card="a", wishes=BAY_1, in_minutes=30)
    story.parks(1)
    story.drives_off(1)
    assert story.state("ann") is ROAD
    story.after(minutes=26)
    story.swipes("stranger", 1)  # authorised, and now their car comes
    story.parks(1)
    assert story.state("ann") is ROAD
    story.plugs(1)
    story.unplugs(1)
    story.drives_off(1)
    story.sees(1, Bay.UNKNOWN)
    story.parks(1)  # nobody saw since when it stands there
    assert story.state("ann") is ROAD
    story.drives_off(1)
    story.parks(1)
    assert story.state("ann") is WAITING


def test_who_says_that_they_are_away_again_must_be_seen_again() -> None:
    story = asking()
    story.joins("bob")
    story.joins("ann", card="a")
    shows(story, "ann")
    assert story.will_arrive("ann", 3) is None  # within the window: here
    assert story.state("ann") is WAITING
    assert story.will_arrive("ann", 30) is None
    assert story.will_arrive("ann", None) is None  # said, not seen
    story.after(minutes=40)
    assert story.state("ann") is ROAD


def test_a_change_of_wishes_keeps_whether_they_were_seen() -> None:
    story = asking(2)
    for who in ("bob", "cleo"):
        story.joins(who)
    story.joins("ann", card="a")
    story.joins("ann", card="a", wishes=BAY_1, replaces="ann")
    assert story.state("ann") is ROAD
    shows(story, "ann")
    story.joins("ann", card="a", replaces="ann")
    assert story.state("ann") is WAITING


def test_who_is_seen_while_they_let_others_go_first_goes_on_doing_so() -> None:
    story = asking()
    story.joins("ann", card="a")
    assert story.snoozes("ann", 10) is None
    story.scans("ann")
    assert story.state("ann") is SNOOZED
    story.after(minutes=10)
    assert story.called("ann") == 1

    story = asking()
    story.joins("ann", card="a")
    story.snoozes("ann", 10)
    story.after(minutes=10)
    assert story.state("ann") is ROAD


def test_a_site_that_trusts_again_calls_whom_it_waited_for() -> None:
    story = asking()
    story.joins("ann", card="a")
    story.reads(row(1), "2")
    story.after(seconds=1)
    assert story.called("ann") == 1


def test_an_undone_check_out_is_as_far_as_before() -> None:
    story = asking()
    story.joins("ann", card="a")
    story.leaves("ann")
    assert story.comes_back("ann") is None
    assert story.state("ann") is ROAD


def test_what_a_user_tells_of_the_car_while_called_leaves_the_call_alone() -> None:
    story = asking()
    story.joins("ann", card="a")
    shows(story, "ann")
    told = i.UpdateArrival(check_in=story.people["ann"], vehicle=Vehicle(soc_percent=20))
    assert story.asks(told) is None
    assert story.called("ann") == 1
    assert story.happened(ev.ArrivalUpdated)[-1].must_show is False
