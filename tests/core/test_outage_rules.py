"""An outage of the held EVSE costs its holder nothing."""

import pytest
from story import Story, evse, location, pool, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.state import Reason


@pytest.mark.parametrize("deed", ["fault", "inoperative"])
def test_an_outage_of_the_held_evse_moves_the_holder_first(deed: str) -> None:
    story = Story(row(2))
    story.joins("ann")
    story.after(minutes=3)
    reason = Reason.EVSE_FAULT
    if deed == "fault":
        story.breaks(1)
    else:
        story.is_switched(1, on=False)
        reason = Reason.EVSE_UNAVAILABLE
    assert (story.called("ann"), story.left("ann")) == (2, 5)
    assert story.happened(ev.HoldLost)[-1].reason is reason


def test_without_another_bay_the_holder_is_served_first_and_it_is_no_miss() -> None:
    story = Story(row(2))
    story.somebody_charges(2)
    story.somebody_charges(1)
    story.joins("bob")
    story.joins("ann")
    story.snoozes("bob", 5)
    story.leaves_the_bay(1)
    assert story.called("ann") == 1
    story.breaks(1)
    story.after(minutes=5)  # bob, who joined earlier, is back
    assert (story.line(), story.of("ann").misses) == ("ann bob", 0)
    story.is_mended(1)
    assert (story.called("ann"), story.called("bob")) == (1, None)


def test_being_served_first_is_used_up_by_the_next_call() -> None:
    story = Story(row(1))
    story.joins("ann")
    story.joins("bob")
    story.breaks(1)
    story.is_mended(1)
    assert story.called("ann") == 1
    story.after(minutes=5)
    assert story.called("bob") == 1
    assert not story.of("ann").rank.first


def test_who_was_served_first_and_then_snoozes_has_the_old_place() -> None:
    story = Story(row(1))
    story.joins("bob")
    story.snoozes("bob", 5)
    story.joins("ann")
    story.breaks(1)
    story.is_mended(1)
    assert story.called("ann") == 1
    story.snoozes("ann", 10)
    assert story.line() == "bob ann"


def test_a_fault_of_the_location_takes_all_holds_and_gives_them_back() -> None:
    story = Story(row(2))
    story.joins("ann")
    story.joins("bob")
    story.breaks(None)
    assert (story.called("ann"), story.called("bob")) == (None, None)
    assert story.joins("cleo") is i.Refusal.NONE_IN_SERVICE
    story.breaks(None)
    assert story.last == ()
    story.is_mended(None)
    assert {story.called("ann"), story.called("bob")} == {1, 2}


def test_switching_twice_or_something_unknown() -> None:
    story = Story(row(2))
    assert story.is_switched(None, on=False) is None
    assert len(story.happened(ev.AvailabilitySet)) == 2
    assert story.is_switched(1, on=False) is None
    assert len(story.happened(ev.AvailabilitySet)) == 2
    assert story.is_switched(9, on=False) is i.Refusal.EVSE_UNKNOWN


def test_several_pools_share_a_bay_without_holding_it_twice() -> None:
    story = Story(location([evse(1)], [pool("A", [1]), pool("B", [1])]))
    story.joins("ann", "A")
    story.joins("bob", "B")
    assert (story.called("ann"), story.called("bob")) == (1, None)
    story.leaves("ann")
    assert story.called("bob") == 1
