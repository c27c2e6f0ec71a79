"""What a bay shows through a stay, a call and everything that goes wrong: lamp, display, contactor and OCPP status."""

import pytest
from scene import CHADEMO, MINUTE, Scene, evse, location, pool, single, three

from agent.core import inputs as i
from agent.core.lamps import LampState
from agent.core.layout import AdHocStart, EvseId, Now, OpenRange, SubjectRef
from agent.core.shown import EvseShown, Reading, WaitRange
from agent.core.state import Bay, EndOfEnergy, Site, TokenAnswer
from agent.core.views import (
    TOKEN_NOTICE_MS,
    EvseStatus,
    EvseView,
    energy_wanted,
    evse_status,
    evse_view,
    evse_views,
    lamp_state,
)

E1 = EvseId(1)


def shows(scene: Scene, number: int = 1, reading: Reading | None = None) -> tuple[EvseShown, LampState, EvseStatus]:
    """Return what one EVSE shows in three languages."""
    evse_id = EvseId(number)
    view = evse_view(scene.site, evse_id, scene.now, {} if reading is None else {evse_id: reading})
    assert view.lamp is lamp_state(scene.site, evse_id, scene.now, reading)
    return view.state, view.lamp, evse_status(scene.site, evse_id, reading)


def view(scene: Scene, number: int = 1) -> EvseView:
    """Return one EVSE as it is shown."""
    return evse_view(scene.site, EvseId(number), scene.now)


def test_a_site_without_layout_is_starting() -> None:
    now = Now(0, None)
    assert lamp_state(Site(), E1, now) is LampState.STARTING
    assert evse_status(Site(), E1) is EvseStatus.UNAVAILABLE
    assert evse_views(Site(), now) == ()
    assert evse_view(Site(), E1, now).label == "1"


def test_an_evse_that_left_the_layout_is_out_of_order() -> None:
    scene = Scene(single())
    assert shows(scene, 9) == (EvseShown.OUT_OF_ORDER, LampState.OUT_OF_ORDER, EvseStatus.UNAVAILABLE)


def test_after_a_restart_everything_is_starting_and_no_contactor_closes_until_the_inputs_are_read() -> None:
    scene = Scene(single())
    scene.charge(1)
    scene.do(i.Started(boot=2))
    assert view(scene).state is EvseShown.STARTING
    assert not energy_wanted(scene.site, E1)
    scene.do(i.InputsRead())
    assert view(scene).state is EvseShown.CHARGING
    assert energy_wanted(scene.site, E1)


def test_a_free_bay_is_green_and_one_whose_sensor_does_not_know_says_so() -> None:
    scene = Scene(single())
    assert shows(scene) == (EvseShown.FREE, LampState.FREE, EvseStatus.AVAILABLE)
    scene.do(i.BaySeen(evse=E1, bay=Bay.UNKNOWN))
    assert shows(scene) == (EvseShown.FREE_UNKNOWN, LampState.FREE_UNKNOWN, EvseStatus.AVAILABLE)
    assert view(scene).since_ms == scene.elapsed_ms


def test_a_bay_is_shown_by_label_pools_and_power() -> None:
    scene = Scene(location([evse(1, power_w=50_000, accessible=True)], [pool("A", [1]), pool("B", [1])]))
    shown = view(scene)
    assert (shown.label, shown.pools, shown.max_power_w, shown.accessible) == ("1", ("A", "B"), 50_000, True)
    assert evse_views(scene.site, scene.now) == (shown,)


def test_a_stay_shows_car_plug_card_energy_pause_end_and_the_way_out() -> None:
    scene = Scene(single(ad_hoc_start=AdHocStart.NONE))
    scene.occupy(1)
    assert shows(scene) == (EvseShown.TAKEN, LampState.YOUR_MOVE, EvseStatus.PREPARING)
    scene.plug(1)
    assert shows(scene) == (EvseShown.AUTHORISE, LampState.YOUR_MOVE, EvseStatus.PREPARING)
    scene.card(1, "me")
    assert shows(scene) == (EvseShown.PREPARING, LampState.PREPARING, EvseStatus.PREPARING)
    scene.energise(1)
    assert shows(scene) == (EvseShown.CHARGING, LampState.CHARGING, EvseStatus.CHARGING)
    assert view(scene).since_ms == scene.elapsed_ms
    scene.do(i.SuspensionSeen(evse=E1, by_ev=True))
    assert shows(scene) == (EvseShown.PAUSED, LampState.PAUSED, EvseStatus.SUSPENDED_EV)
    assert view(scene).since_ms == scene.elapsed_ms
    scene.wait(4 * MINUTE)
    assert shows(scene) == (EvseShown.FINISHED, LampState.FINISHED, EvseStatus.SUSPENDED_EV)
    assert view(scene).left_ms == 9 * MINUTE
    scene.wait(10 * MINUTE)
    assert shows(scene)[:2] == (EvseShown.PLEASE_MOVE, LampState.PLEASE_MOVE)
    scene.card(1, "me")
    assert shows(scene) == (EvseShown.PLEASE_MOVE, LampState.PLEASE_MOVE, EvseStatus.FINISHING)
    scene.unplug(1)
    assert shows(scene) == (EvseShown.FINISHED, LampState.FINISHED, EvseStatus.FINISHING)
    assert view(scene).since_ms == scene.elapsed_ms
    scene.leave(1)
    assert shows(scene) == (EvseShown.FREE, LampState.FREE, EvseStatus.AVAILABLE)


def test_the_sites_power_limit_is_a_pause_by_the_evse() -> None:
    scene = Scene(single())
    scene.charge(1)
    limited = Reading(power_w=0, limited=True)
    assert shows(scene, 1, limited) == (EvseShown.PAUSED, LampState.PAUSED, EvseStatus.SUSPENDED_EVSE)
    assert shows(scene, 1, Reading(power_w=50_000))[0] is EvseShown.CHARGING
    scene.do(i.ContactorSeen(evse=E1, energised=False))
    assert shows(scene) == (EvseShown.PAUSED, LampState.PAUSED, EvseStatus.SUSPENDED_EVSE)
    assert view(scene).since_ms == scene.site.stays[E1].began_ms


def test_energy_is_what_the_meter_counted_since_the_start_of_this_stay() -> None:
    scene = Scene(single())
    scene.charge(1)
    scene.do(i.RegisterRead(evse=E1, register_wh=1500))
    assert view(scene).energy_wh == 500
    live = evse_view(scene.site, E1, scene.now, {E1: Reading(power_w=74_000, register_wh=3000)})
    assert (live.power_w, live.energy_wh, live.register_start_wh, live.register_wh) == (74_000, 2000, 1000, 3000)
    assert live.soc_percent is None
    told = evse_view(scene.site, E1, scene.now, {E1: Reading(power_w=74_000, soc_percent=41)})
    assert told.soc_percent == 41
    swapped = evse_view(scene.site, E1, scene.now, {E1: Reading(power_w=0, register_wh=3)})
    assert swapped.energy_wh == 0


def test_without_a_meter_there_is_no_energy() -> None:
    scene = Scene(single())
    scene.occupy(1)
    scene.plug(1)
    scene.card(1, "me")
    scene.energise(1, register_wh=None)
    assert view(scene).energy_wh is None


def test_a_card_before_the_plug_asks_for_the_plug_until_it_lapses() -> None:
    scene = Scene(single())
    scene.card(1, "me")
    assert shows(scene) == (EvseShown.ARRIVED, LampState.YOUR_MOVE, EvseStatus.PREPARING)
    assert view(scene).left_ms == 2 * MINUTE
    scene.wait(2 * MINUTE)
    assert view(scene).state is EvseShown.FREE


def test_a_call_is_purple_with_code_and_countdown() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.wait(60_000)
    assert shows(scene) == (EvseShown.HELD, LampState.HELD, EvseStatus.RESERVED)
    shown = view(scene)
    assert (shown.code, shown.check_in) == (scene.site.check_ins[who].code, who)
    assert (shown.left_ms, shown.until_utc_ms) == (4 * MINUTE, scene.now.at(scene.elapsed_ms + 4 * MINUTE).utc_ms)
    assert (shown.since_ms, shown.connector) == (scene.elapsed_ms - 60_000, 1)


def test_the_holder_who_drives_in_is_to_plug_in_and_then_to_start() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.occupy(1)
    assert shows(scene) == (EvseShown.ARRIVED, LampState.YOUR_MOVE, EvseStatus.RESERVED)
    scene.plug(1)
    assert shows(scene) == (EvseShown.AUTHORISE, LampState.YOUR_MOVE, EvseStatus.RESERVED)
    scene.do(i.StartAtPage(check_in=who))
    assert shows(scene)[0] in (EvseShown.AUTHORISE, EvseShown.PREPARING)
    assert view(scene).code == scene.site.check_ins[who].code


def test_a_holder_who_confirms_at_a_bay_without_sensor_is_asked_to_plug_in() -> None:
    scene = Scene(single(), free=False)
    who = scene.join()
    assert view(scene).state is EvseShown.HELD
    scene.do(i.StartAtPage(check_in=who))
    assert view(scene).state is EvseShown.ARRIVED


def test_a_strangers_card_at_a_held_bay_makes_it_a_wrong_car_until_the_holder_says_otherwise() -> None:
    scene = Scene(single())
    who = scene.join(subject="holder")
    scene.occupy(1)
    scene.card(1, "stranger")
    assert shows(scene) == (EvseShown.WRONG_CAR, LampState.WRONG_CAR, EvseStatus.RESERVED)
    scene.do(i.StartAtPage(check_in=who))
    assert view(scene).state is EvseShown.ARRIVED


def test_a_card_that_is_not_accepted_does_not_make_a_wrong_car() -> None:
    scene = Scene(single())
    scene.join(subject="holder")
    scene.occupy(1)
    scene.card(1, "holder", i.Verdict.INVALID)
    assert view(scene).state is EvseShown.ARRIVED


def test_who_plugs_in_ahead_of_the_queue_is_asked_to_move_while_somebody_waits() -> None:
    scene = Scene(location([evse(1), evse(2, standard=CHADEMO)], [pool("A", [1]), pool("B", [2])]))
    scene.occupy(1)
    waiting = scene.join()
    assert shows(scene) == (EvseShown.QUEUE, LampState.YOUR_MOVE, EvseStatus.PREPARING)
    assert view(scene).waiting == 1
    scene.plug(1)
    assert view(scene).state is EvseShown.AUTHORISE
    scene.card(1, "jumper")
    assert shows(scene) == (EvseShown.BLOCKED, LampState.PLEASE_MOVE, EvseStatus.PREPARING)
    scene.do(i.LeaveQueue(check_in=waiting))
    assert view(scene).state is EvseShown.AUTHORISE  # nobody is before them any more: the card again, and it starts


def test_a_card_turned_away_without_a_place_in_line_also_has_to_move() -> None:
    scene = Scene(location([evse(1)], [pool("A", [1], limit=1)]))
    scene.occupy(1)
    scene.join()
    scene.plug(1)
    scene.card(1, "jumper")
    assert scene.site.evse(E1).last_token is not None
    assert view(scene).notice is not None
    assert view(scene).state is EvseShown.BLOCKED


def test_a_bay_blocked_by_a_car_without_plug_asks_it_to_move() -> None:
    scene = Scene(single())
    scene.occupy(1)
    scene.wait(11 * MINUTE)
    assert shows(scene) == (EvseShown.BLOCKED, LampState.PLEASE_MOVE, EvseStatus.PREPARING)


def reserve(scene: Scene, subject: str = "booked") -> None:
    """Let the CSMS reserve EVSE 1 for ten minutes."""
    scene.do(i.MakeReserveNow(id=7, evse=E1, subject=SubjectRef(subject), for_ms=10 * MINUTE))


def test_a_reserve_now_is_steady_purple_until_it_expires() -> None:
    scene = Scene(single())
    reserve(scene)
    assert shows(scene) == (EvseShown.RESERVED_NOW, LampState.RESERVED, EvseStatus.RESERVED)
    assert view(scene).left_ms == 10 * MINUTE
    scene.occupy(1)
    assert shows(scene) == (EvseShown.TAKEN, LampState.YOUR_MOVE, EvseStatus.RESERVED)
    scene.plug(1)
    scene.card(1, "stranger")
    assert shows(scene) == (EvseShown.WRONG_CAR, LampState.WRONG_CAR, EvseStatus.RESERVED)
    scene.card(1, "booked")
    assert view(scene).state is EvseShown.PREPARING


def test_faults_are_red_and_danger_comes_before_everything() -> None:
    scene = Scene(single())
    scene.charge(1)
    scene.fault(1)
    assert shows(scene) == (EvseShown.FAULT, LampState.OUT_OF_ORDER, EvseStatus.FAULTED)
    assert not energy_wanted(scene.site, E1)
    assert view(scene).faults == ("GroundFailure",)
    scene.fault(None, "EmergencyStopSensor")
    assert shows(scene) == (EvseShown.DANGER, LampState.DANGER, EvseStatus.FAULTED)
    scene.do(i.Started(boot=2))
    assert view(scene).state is EvseShown.DANGER


def test_out_of_operation_lets_a_running_charge_go_to_its_end() -> None:
    scene = Scene(single())
    scene.charge(1)
    scene.do(i.SetAvailability(evse=None, operative=False))
    assert shows(scene) == (EvseShown.CHARGING, LampState.CHARGING, EvseStatus.CHARGING)
    assert energy_wanted(scene.site, E1)
    scene.do(i.StopStay(evse=E1, why=EndOfEnergy.REMOTE))
    assert shows(scene) == (EvseShown.FINISHED, LampState.FINISHED, EvseStatus.UNAVAILABLE)
    assert not energy_wanted(scene.site, E1)
    scene.unplug(1)
    assert shows(scene) == (EvseShown.OUT_OF_ORDER, LampState.OUT_OF_ORDER, EvseStatus.UNAVAILABLE)


def test_the_contactor_stays_open_without_plug_or_permission() -> None:
    scene = Scene(single(ad_hoc_start=AdHocStart.NONE))
    assert not energy_wanted(scene.site, E1)
    scene.card(1, "me")
    assert not energy_wanted(scene.site, E1)
    scene.plug(1)
    assert energy_wanted(scene.site, E1)


def test_a_closed_bay_says_so_but_an_unknown_hour_closes_nothing() -> None:
    monday = OpenRange(weekday=0, begin_min=10 * 60, end_min=22 * 60)
    layout = location([evse(1)], [pool("A", [1], opening=(monday,))])
    assert view(Scene(layout)).state is EvseShown.CLOSED
    assert lamp_state(Scene(layout).site, E1, Scene(layout).now) is LampState.OUT_OF_ORDER
    assert view(Scene(layout, trusted=False)).state is EvseShown.FREE


def test_an_evse_in_no_pool_is_never_closed() -> None:
    assert view(Scene(location([evse(1), evse(2)], [pool("A", [2])]))).state is EvseShown.FREE


def test_a_card_is_answered_over_the_state_for_ten_seconds() -> None:
    scene = Scene(three())
    who = scene.join(subject="me")
    scene.join(subject="other")
    scene.card(2, "me")
    notice = view(scene, 2).notice
    assert notice is not None
    assert (notice.answer, notice.code) == (TokenAnswer.OTHER_BAY, scene.site.check_ins[who].code)
    assert (notice.bay, notice.position, notice.left_ms) == ("1", None, TOKEN_NOTICE_MS)
    scene.wait(TOKEN_NOTICE_MS)
    assert view(scene, 2).notice is None


def test_the_notice_of_a_card_in_line_tells_its_place() -> None:
    scene = Scene(single())
    scene.charge(1)
    scene.join()
    scene.card(1, "me")
    notice = view(scene).notice
    assert notice is not None
    assert (notice.answer, notice.position, notice.bay) == (TokenAnswer.JOINED, 2, None)


def test_a_card_refused_has_a_notice_without_check_in() -> None:
    scene = Scene(single())
    scene.card(1, "bad", i.Verdict.BLOCKED)
    notice = view(scene).notice
    assert notice is not None
    assert (notice.answer, notice.code, notice.position) == (TokenAnswer.NOT_ACCEPTED, None, None)


def test_without_a_trusted_clock_there_are_spans_and_no_instants() -> None:
    scene = Scene(single(), trusted=False)
    scene.join()
    shown = view(scene)
    assert shown.left_ms == 5 * MINUTE
    assert (shown.until_utc_ms, shown.since_utc_ms) == (None, None)


@pytest.mark.parametrize("minutes", [(2, 1, 3), (1, 3, 2), (-1, 0, 0), (0, 0, 1441)])
def test_a_wait_ascends_within_a_day(minutes: tuple[int, int, int]) -> None:
    assert WaitRange(p10_min=0, p50_min=0, p90_min=1440).p90_min == 1440
    with pytest.raises(ValueError, match="must ascend"):
        WaitRange(p10_min=minutes[0], p50_min=minutes[1], p90_min=minutes[2])
