"""A power cut after every transition: nothing is lost, holds and graces begin anew, nothing is given before a look."""

from collections.abc import Callable

import pytest
from story import Story, evse, location, pool, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.layout import EvseId, Now, SubjectRef
from agent.core.site import fold, restate, settle, step, wake
from agent.core.state import Bay, CheckInState, EndOfEnergy, Reason, Site, TokenAnswer

LAYOUT = location([evse(1), evse(2), evse(3)], [pool("A", [1, 2]), pool("B", [3])])


def quiet(story: Story) -> None:
    """Nothing has happened yet."""


def held(story: Story) -> None:
    """Ann is called, two minutes ago."""
    story.joins("ann", card="a")
    story.joins("bob")
    story.joins("cleo", window=4)
    story.after(minutes=2)


def arrived(story: Story) -> None:
    """A car stands in ann's bay."""
    held(story)
    story.parks(1)


def confirmed(story: Story) -> None:
    """Bob said that it is them."""
    held(story)
    story.presses_start("bob")


def waiting(story: Story) -> None:
    """People wait, snooze, and are on the road."""
    held(story)
    story.joins("dan", card="d", in_minutes=30)
    story.joins("eve", more_time=True)
    story.snoozes("eve", 20)


def moved_first(story: Story) -> None:
    """A fault took ann's bay."""
    held(story)
    story.breaks(1)


def missed(story: Story) -> None:
    """Ann and bob missed their calls, cleo may come."""
    held(story)
    story.after(minutes=3)


def blocked(story: Story) -> None:
    """A car without plug."""
    story.parks(1)
    story.after(minutes=10)


def token_first(story: Story) -> None:
    """Authorised, nothing plugged in."""
    held(story)
    story.swipes("a", 1)
    story.after(seconds=100)


def plug_first(story: Story) -> None:
    """Plugged in, nothing authorised."""
    story.plugs(3)


def charging(story: Story) -> None:
    """Energy flows."""
    story.somebody_charges(3)
    story.give(i.ContactorSeen(evse=EvseId(3), energised=True, register_wh=7))


def paused(story: Story) -> None:
    """The car takes nothing."""
    charging(story)
    story.give(i.SuspensionSeen(evse=EvseId(3), by_ev=True))
    story.after(minutes=2)


def finished(story: Story) -> None:
    """Ended, and the time to move is over."""
    charging(story)
    story.asks(i.StopStay(evse=EvseId(3), why=EndOfEnergy.REMOTE))
    story.after(minutes=10)


def reserved(story: Story) -> None:
    """Reserved by the CSMS."""
    story.reserves(3, "r")
    story.joins("ann", "B")


def switched_off(story: Story) -> None:
    """Out of operation."""
    held(story)
    story.is_switched(None, on=False)


def broken(story: Story) -> None:
    """A fault of the location."""
    held(story)
    story.breaks(None)


def left(story: Story) -> None:
    """Somebody just left."""
    held(story)
    story.leaves("cleo")


def distrusted(story: Story) -> None:
    """All anonymous Users must scan again."""
    for n in range(12):
        story.joins(f"friend {n}", window=n // 2)
    story.after(minutes=15)
    assert story.site.scan_all


STATES = [
    *(quiet, held, arrived, confirmed, waiting, moved_first, missed, blocked, token_first, plug_first, charging),
    *(paused, finished, reserved, switched_off, broken, left, distrusted),
]


@pytest.mark.parametrize("state", STATES, ids=lambda s: s.__name__)
def test_a_restart_loses_nothing(state: Callable[[Story], None]) -> None:
    story = Story(LAYOUT)
    state(story)
    before = story.site
    story.elapsed_ms += 3
    story.starts(LAYOUT)
    after = story.site
    assert sorted(after.check_ins) == sorted(before.check_ins)
    assert [c.id for c in after.line()] == [c.id for c in before.line()]
    for ident, check_in in before.check_ins.items():
        again = after.check_ins[ident]
        called = check_in.state in (CheckInState.CALLED, CheckInState.ARRIVED)
        assert again.state is (CheckInState.CALLED if called else check_in.state)
        assert again.reason is (Reason.RESTATED if called else check_in.reason)
        assert again.code == check_in.code
    assert sorted(after.holds) == sorted(before.holds)
    for hold in after.holds.values():
        assert hold.until_ms == story.elapsed_ms + 5 * 60_000
    assert {k: (s.id, s.wants_energy, s.check_in) for k, s in after.stays.items()} == {
        k: (s.id, s.wants_energy, s.check_in) for k, s in before.stays.items()
    }
    assert after.reserved == before.reserved
    assert after.scan_all == before.scan_all
    assert after.utc_minus_elapsed_ms is None


@pytest.mark.parametrize("state", STATES, ids=lambda s: s.__name__)
def test_nothing_is_given_started_or_lapsed_before_the_inputs_are_read(state: Callable[[Story], None]) -> None:
    story = Story(LAYOUT)
    state(story)
    story.elapsed_ms += 3
    story.starts(LAYOUT)
    restarted = len(story.events)
    story.joins("zoe", "B")
    story.plugs(2)
    story.starts_remotely("x", 2)
    story.after(seconds=29)
    kinds = {type(e) for e in story.events[restarted:]}
    assert not kinds & {ev.EvseAssigned, ev.Authorised, ev.EnergyPermitted, ev.CallMissed, ev.CheckInEnded}
    assert wake(story.site) == story.site.reconciling_until_ms
    story.after(seconds=1)
    assert story.happened(ev.Reconciled)[-1].at_ms == story.elapsed_ms
    assert story.site.reconciling_until_ms is None


def test_windows_shorter_than_the_look_around_wait_for_its_end() -> None:
    hurried = row(1, arrival_window_ms=10_000)
    story = Story(hurried)
    story.joins("ann", card="a")
    story.joins("bob", card="b")
    story.starts(hurried)
    story.after(seconds=29)
    assert story.called("ann") == 1
    assert not story.happened(ev.CallMissed)
    story.after(seconds=1)
    assert story.happened(ev.CallMissed)


def test_the_time_to_plug_in_and_the_time_to_move_begin_anew() -> None:
    story = Story(LAYOUT)
    token_first(story)
    finished(story)  # its ten minutes end the first authorisation
    story.starts_remotely("x", 1)
    story.after(seconds=100)
    story.starts(LAYOUT)
    story.gets_ready()
    story.after(seconds=100)
    assert EvseId(1) in story.site.stays
    assert not story.site.stays[EvseId(3)].grace_ended
    story.after(minutes=9)
    assert EvseId(1) not in story.site.stays
    assert story.site.stays[EvseId(3)].grace_ended


def test_bays_are_read_anew() -> None:
    story = Story(LAYOUT)
    arrived(story)
    story.starts(LAYOUT)
    assert story.site.evse(EvseId(1)).bay is Bay.UNKNOWN
    story.parks(1)
    assert (story.state("ann"), story.left("ann")) == (CheckInState.ARRIVED, 8)
    story.gets_ready()
    assert story.swipes("a", 1) is TokenAnswer.STARTED


def test_a_blocked_bay_that_is_empty_after_the_restart_is_free() -> None:
    story = Story(LAYOUT)
    blocked(story)
    story.starts(LAYOUT)
    story.drives_off(1)
    story.gets_ready()
    story.joins("ann")
    assert story.called("ann") is not None
    assert not story.site.evse(EvseId(1)).blocked


def test_a_removed_evse_is_noticed_at_the_start_and_its_holder_served_first() -> None:
    story = Story(LAYOUT)
    held(story)
    story.starts(location([evse(2)], [pool("A", [2])]), digest="2")
    assert (story.state("ann"), story.called("bob")) == (CheckInState.WAITING, 2)
    story.gets_ready()
    story.leaves("bob")
    assert story.called("ann") == 2


def test_a_start_may_come_before_or_after_the_first_layout() -> None:
    for inputs in (
        (i.Started(boot=1), i.LayoutRead(location=LAYOUT, digest="1")),
        (i.LayoutRead(location=LAYOUT, digest="1"), i.Started(boot=1)),
    ):
        site = Site()
        for given in inputs:
            site = step(site, given, Now(0)).site
            assert fold(restate(site)) == site
        assert site.reconciling_until_ms == 30_000
        assert step(site, i.InputsRead(), Now(1)).site.reconciling_until_ms is None


def test_before_any_layout_nothing_is_done_but_noted() -> None:
    site = Site()
    assert settle(site, Now(5)) == (site, ())
    assert wake(site) is None
    request = i.LeaveQueue(check_in=site.next_check_in)  # type: ignore[arg-type]
    assert step(site, request, Now(0)).refused == i.Refused(reason=i.Refusal.STARTING)
    assert step(site, i.InputsRead(), Now(0)).events == ()
    broken_site = step(site, i.FaultSeen(evse=None, code="Flood", active=True), Now(0)).site
    assert broken_site.faults == ("Flood",)
    assert site.evse_ids() == ()
    assert site.layout_of(EvseId(1)) is None
    assert site.open_with((SubjectRef("a"),)) is None


def test_what_was_due_in_the_dark_is_not_due_at_the_start() -> None:
    story = Story(LAYOUT)
    held(story)
    story.elapsed_ms += 10 * 60_000  # a clock that went on
    story.give(i.Started(boot=2))
    assert story.called("ann") == 1
    assert not story.happened(ev.CallMissed)


def test_a_car_that_left_in_the_dark_ended_by_power_loss_one_that_leaves_later_did_not() -> None:
    story = Story(LAYOUT)
    story.somebody_charges(1)
    story.somebody_charges(2)
    story.starts(LAYOUT)
    story.unplugs(1)
    story.gets_ready()
    story.unplugs(2)
    ends = {event.evse: event.why for event in story.happened(ev.EnergyEnded)}
    assert ends == {EvseId(1): EndOfEnergy.POWER_LOSS, EvseId(2): EndOfEnergy.EV_DISCONNECTED}
