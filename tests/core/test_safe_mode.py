"""The queue paused in safe mode: places and holds are kept, nobody is called, joins or is punished, energy goes on."""

import pytest
from scene import MINUTE, Scene, location, pool, single, three
from scene import evse as layout

from agent.core import inputs as i
from agent.core.board import PoolStatus, Why, board_view, explain, pool_view
from agent.core.layout import CheckInId, EvseId, PoolId, SubjectRef
from agent.core.page import Action, PageState, page_view
from agent.core.shown import WaitRange, Waits
from agent.core.site import fold, restate
from agent.core.state import Bay, CheckInState, EndOfEnergy, Origin, Site, TokenAnswer
from agent.core.views import energy_wanted, evse_view

HOUR = 60 * MINUTE
WAIT = WaitRange(p10_min=1, p50_min=2, p90_min=3)


def pauses(scene: Scene, *, paused: bool = True) -> None:
    """The agent starts again, in safe mode or as usual, and reads its inputs."""
    scene.do(i.Started(boot=scene.site.boot + 1, paused=paused))
    scene.do(i.InputsRead())
    scene.do(i.ClockRead(utc_ms=scene.now.utc_ms))


def state(scene: Scene, who: CheckInId) -> CheckInState:
    return scene.site.check_ins[who].state


def test_a_hold_neither_lapses_nor_passes_on_while_paused_and_gets_its_whole_window_afterwards() -> None:
    scene = Scene(single())
    first, second = scene.join(), scene.join()
    pauses(scene)
    scene.wait(HOUR)
    assert (state(scene, first), state(scene, second)) == (CheckInState.CALLED, CheckInState.WAITING)
    view = evse_view(scene.site, EvseId(1), scene.now)
    assert (view.code, view.left_ms) == (scene.site.check_ins[first].code, None)
    pauses(scene, paused=False)
    scene.wait(4 * MINUTE)
    assert state(scene, first) is CheckInState.CALLED
    scene.wait(2 * MINUTE)
    assert scene.site.check_ins[first].misses + (state(scene, first) is CheckInState.NO_SHOW) == 1


def test_nobody_is_called_while_paused_and_the_first_in_line_afterwards() -> None:
    scene = Scene(single())
    scene.charge(1)
    who = scene.join()
    pauses(scene)
    scene.unplug(1)
    scene.leave(1)
    scene.wait(HOUR)
    assert state(scene, who) is CheckInState.WAITING
    assert [e.why for e in explain(scene.site, who, scene.now)] == [Why.PAUSED]
    pauses(scene, paused=False)
    assert state(scene, who) is CheckInState.CALLED


def test_nobody_joins_or_reserves_while_paused_by_whatever_way() -> None:
    scene = Scene(location([layout(1)], [pool("A", [1])]))
    scene.charge(1)
    pauses(scene)
    scene.join()
    assert scene.refused == i.Refused(reason=i.Refusal.PAUSED)
    scene.card(1, "card")
    assert not scene.site.check_ins
    last = scene.site.evse(EvseId(1)).last_token
    assert last is not None
    assert last.answer is TokenAnswer.NOT_NOW
    scene.do(i.MakeReserveNow(id=1, evse=EvseId(1), subject=SubjectRef("r"), for_ms=HOUR))
    assert scene.refused == i.Refused(reason=i.Refusal.PAUSED, evse=EvseId(1))


def test_a_place_is_not_changed_but_may_be_left_and_taken_back_while_paused() -> None:
    scene = Scene(single())
    scene.charge(1)
    who = scene.join()
    pauses(scene)
    change = i.JoinQueue(pool=PoolId("A"), draw=1, origin=Origin.PAGE, replaces=who)
    scene.do(change)
    assert scene.refused == i.Refused(reason=i.Refusal.PAUSED)
    scene.do(i.LeaveQueue(check_in=who))
    scene.do(i.UndoLeave(check_in=who))
    assert state(scene, who) is CheckInState.WAITING


def test_a_charge_goes_on_is_recorded_and_ends_as_ever_while_paused() -> None:
    scene = Scene(single())
    scene.charge(1)
    pauses(scene)
    assert energy_wanted(scene.site, EvseId(1))
    scene.do(i.RegisterRead(evse=EvseId(1), register_wh=5000))
    assert scene.site.stays[EvseId(1)].register_wh == 5000
    scene.do(i.StopStay(evse=EvseId(1), why=EndOfEnergy.REMOTE))
    assert not energy_wanted(scene.site, EvseId(1))
    scene.wait(HOUR)
    assert not scene.site.stays[EvseId(1)].grace_ended, "nobody could see that it is time to move"
    assert evse_view(scene.site, EvseId(1), scene.now).left_ms is None


def test_a_card_that_was_accepted_keeps_its_time_to_plug_in_while_paused() -> None:
    scene = Scene(single())
    scene.card(1, "card")
    pauses(scene)
    scene.wait(HOUR)
    assert scene.site.stays[EvseId(1)].authorised_ms is not None
    pauses(scene, paused=False)
    scene.wait(HOUR)
    assert EvseId(1) not in scene.site.stays


def test_pages_board_and_pools_say_that_the_queue_is_paused() -> None:
    scene = Scene(three())
    called = scene.join()
    scene.charge(2)
    scene.charge(3)
    waiting = scene.join()
    pauses(scene)
    waits = Waits(of={waiting: WAIT}, newcomer={PoolId("A"): WAIT})
    page = page_view(scene.site, called, scene.now, waits=waits)
    assert (page.state, page.bay, page.left_ms, page.actions) == (
        PageState.QUEUE_PAUSED,
        "1",
        None,
        (Action.LEAVE, Action.HELP),
    )
    page = page_view(scene.site, waiting, scene.now, waits=waits)
    assert (page.state, page.bay, page.position, page.wait) == (PageState.QUEUE_PAUSED, None, 1, None)
    view = pool_view(scene.site, PoolId("A"), scene.now, waits)
    assert (view.status, view.evses_free, view.queue_length, view.wait) == (PoolStatus.PAUSED, 0, 1, None)
    board = board_view(scene.site, scene.now, waits)
    assert (board.called, board.next) == ((), ())
    assert board.bays[0].code == scene.site.check_ins[called].code


def test_a_holder_may_use_the_kept_bay_while_paused_and_nobody_else() -> None:
    scene = Scene(single())
    who = scene.join()
    pauses(scene)
    scene.plug(1)
    assert not energy_wanted(scene.site, EvseId(1))
    scene.do(i.StartAtPage(check_in=who))
    assert state(scene, who) is CheckInState.FULFILLED
    assert energy_wanted(scene.site, EvseId(1))


@pytest.mark.parametrize("empty", [True, False])
def test_a_snapshot_and_a_start_without_layout_know_the_pause(empty: bool) -> None:
    scene = Scene(single())
    scene.do(i.BaySeen(evse=EvseId(1), bay=Bay.OCCUPIED))
    if empty:
        scene.site = Site()
    scene.do(i.Started(boot=2, paused=True))
    assert scene.site.paused
    assert fold(restate(scene.site)) == scene.site
