"""Who is called to one bay and plugged in at another may stay there, if nobody else has a better right to it."""

from dataclasses import replace

import pytest
from story import CCS, Story, evse, location, pool, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.layout import AdHocStart, EvseId, SubjectRef
from agent.core.page import Action, PageState, page_view
from agent.core.state import Bay, CheckInState, TokenAnswer, Wishes


def plugged_at_bobs(story: Story) -> Story:
    """Ann is called to bay 1, bob to bay 2; ann plugs in at bay 2 and shows her card there."""
    story.joins("ann", card="ann")
    story.joins("bob", card="bob")
    story.parks(2)
    story.plugs(2)
    assert story.swipes("ann", 2) is TokenAnswer.OTHER_BAY
    return story


def offered(story: Story, who: str) -> bool:
    """Whether somebody's page offers to stay."""
    shown = page_view(story.site, story.people[who], story.now)
    assert (shown.state, shown.bay, shown.wrong_bay) == (PageState.WRONG_BAY, "1", "2")
    return Action.USE_BAY in shown.actions


def test_a_bay_held_for_somebody_else_stays_theirs() -> None:
    story = plugged_at_bobs(Story(row(3)))
    assert not offered(story, "ann")
    assert story.stays_where_plugged("ann") is i.Refusal.HELD_FOR_OTHER
    assert (story.called("ann"), story.called("bob")) == (1, 2)


def test_once_nobody_has_a_better_right_the_hold_moves_and_the_first_bay_is_given_on() -> None:
    story = plugged_at_bobs(Story(row(2)))
    story.joins("cleo")
    story.leaves("bob")
    assert story.called("cleo") is None
    story.joins("dan", wishes=Wishes(evses=(EvseId(1),)))
    # Cleo, who came after ann, waits for bay 2 too: that is no right to it before ann.
    assert offered(story, "ann")
    assert story.stays_where_plugged("ann") is None
    moved = story.happened(ev.HoldMoved)
    assert [(e.check_in, e.evse) for e in moved] == [(story.people["ann"], 2)]
    assert (story.state("ann"), story.of("ann").evse) == (CheckInState.FULFILLED, 2)
    assert story.charging(2)
    assert story.called("cleo") == 1


def test_where_a_card_pays_the_holders_card_starts_and_no_other() -> None:
    story = plugged_at_bobs(Story(row(2, ad_hoc_start=AdHocStart.NONE)))
    story.leaves("bob")
    assert story.stays_where_plugged("ann") is None
    assert not story.charging(2)
    assert page_view(story.site, story.people["ann"], story.now).state is PageState.AUTHORISE
    assert story.swipes("eve", 2) is not TokenAnswer.STARTED
    assert story.swipes("ann", 2) is TokenAnswer.STARTED
    assert story.charging(2)


def test_who_lost_that_bay_and_waits_for_it_goes_first() -> None:
    story = plugged_at_bobs(Story(row(2)))
    assert story.reports_blocked("bob") is None
    assert story.called("bob") is None
    assert not offered(story, "ann")
    assert story.stays_where_plugged("ann") is i.Refusal.CHANGE_REFUSED
    assert story.called("ann") == 1


def test_a_bay_that_does_not_suit_them_is_not_given() -> None:
    layout = location([evse(1), evse(2, power_w=50_000)], [pool("A", [1, 2])])
    story = Story(layout)
    story.joins("ann", card="ann", wishes=Wishes(standards=(CCS,), min_power_w=100_000))
    story.joins("bob", card="bob")
    story.parks(2)
    story.plugs(2)
    assert story.swipes("ann", 2) is TokenAnswer.OTHER_BAY
    story.leaves("bob")
    assert not offered(story, "ann")
    assert story.stays_where_plugged("ann") is i.Refusal.CHANGE_REFUSED


@pytest.mark.parametrize("deed", ["never plugged in", "unplugged", "somebody else's stay"])
def test_it_is_for_who_is_plugged_in_at_another_bay(deed: str) -> None:
    story = Story(row(2))
    story.joins("ann", card="ann")
    story.joins("bob")
    if deed != "never plugged in":
        assert story.swipes("ann", 2) is TokenAnswer.OTHER_BAY
        story.plugs(2)
    if deed == "unplugged":
        story.unplugs(2)
    if deed == "somebody else's stay":
        story.presses_start("bob")
        assert story.state("bob") is CheckInState.FULFILLED
    assert page_view(story.site, story.people["ann"], story.now).state is PageState.CALLED
    assert story.stays_where_plugged("ann") is i.Refusal.CHANGE_REFUSED
    story.leaves("ann")
    assert story.stays_where_plugged("ann") is i.Refusal.CHECKIN_ENDED


def test_who_is_not_called_has_nothing_to_move() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.joins("ann")
    assert story.stays_where_plugged("ann") is i.Refusal.NOT_CALLED


def test_pools_for_a_group_look_at_the_group_of_the_check_in() -> None:
    layout = row(2)
    fleet = replace(layout, pools=tuple(replace(p, token_groups=("FLEET",)) for p in layout.pools))
    story = Story(fleet)
    story.joins("ann", card="ann", groups=("FLEET",))
    story.joins("bob", card="bob", groups=("FLEET",))
    story.parks(2)
    story.plugs(2)
    given = i.TokenPresented(
        evse=EvseId(2), subject=SubjectRef("ann"), verdict=i.Verdict.ACCEPTED, draw=1, groups=("FLEET",)
    )
    story.give(given)
    story.leaves("bob")
    assert offered(story, "ann")


def test_a_bay_that_was_reported_taken_can_be_reported_free_by_who_lost_it() -> None:
    story = Story(row(1))
    story.sees(1, Bay.UNKNOWN)  # no sensor
    story.joins("ann", card="ann")
    story.joins("bob", card="bob")
    assert story.reports_free("ann") is i.Refusal.CHANGE_REFUSED
    assert story.reports_blocked("ann") is None
    shown = page_view(story.site, story.people["ann"], story.now)
    assert (shown.state, shown.actions[0]) == (PageState.BAY_BLOCKED, Action.BAY_IS_FREE)
    assert story.reports_free("bob") is i.Refusal.CHANGE_REFUSED
    assert story.reports_free("ann") is None
    assert (story.called("ann"), story.called("bob")) == (1, None)
    assert story.reports_free("ann") is i.Refusal.CHANGE_REFUSED


def test_nobody_reports_a_bay_free_in_which_a_car_is_seen() -> None:
    story = Story(row(1))
    story.joins("ann", card="ann")
    story.parks(1)
    assert story.reports_blocked("ann") is None
    assert Action.BAY_IS_FREE not in page_view(story.site, story.people["ann"], story.now).actions
    assert story.reports_free("ann") is i.Refusal.EVSE_OCCUPIED
    story.is_switched(1, on=False)
    story.drives_off(1)
    shown = page_view(story.site, story.people["ann"], story.now)
    assert Action.BAY_IS_FREE not in shown.actions
    assert (story.reports_free("ann"), story.last) == (None, ())


def test_after_a_restart_nothing_moves_before_the_bays_were_read() -> None:
    story = plugged_at_bobs(Story(row(2)))
    story.leaves("bob")
    story.starts(row(2))
    assert story.stays_where_plugged("ann") is i.Refusal.STARTING
    story.gets_ready()
    assert (story.called("ann"), offered(story, "ann")) == (1, True)
    assert story.stays_where_plugged("ann") is None
    assert story.charging(2)
