"""The own page of a CheckIn from the plug to the departure."""

from dataclasses import replace

from scene import MINUTE, Scene, single

from agent.core import inputs as i
from agent.core.layout import AdHocStart, CheckInId, EvseId
from agent.core.page import Action, PageState, PageView, page_view
from agent.core.shown import Reading, Waits
from agent.core.state import EndOfEnergy

E1 = EvseId(1)
HOUR = 60 * MINUTE


def page(scene: Scene, who: CheckInId, waits: Waits | None = None, reading: Reading | None = None) -> PageView:
    """Return somebody's own page."""
    return page_view(scene.site, who, scene.now, {E1: reading} if reading else {}, waits or Waits())


def test_a_plugged_in_holder_is_asked_to_authorise() -> None:
    scene = Scene(single())
    who = scene.join()
    scene.occupy(1)
    scene.plug(1)
    shown = page(scene, who)
    assert (shown.state, shown.actions) == (PageState.AUTHORISE, (Action.START_CHARGING,))


def test_where_the_page_cannot_pay_the_start_is_not_offered_twice() -> None:
    scene = Scene(single(ad_hoc_start=AdHocStart.NONE))
    who = scene.join()
    scene.occupy(1)
    scene.plug(1)
    scene.do(i.StartAtPage(check_in=who))
    shown = page(scene, who)
    assert (shown.state, shown.actions) == (PageState.AUTHORISE, ())
    scene.card(1, "bad", i.Verdict.BLOCKED)
    shown = page(scene, who)
    assert (shown.state, shown.actions) == (PageState.NOT_AUTHORISED, (Action.HELP,))


def test_a_refused_card_of_the_holder_is_told_with_what_is_left_of_the_hold() -> None:
    scene = Scene(single())
    who = scene.join(subject="me")
    scene.occupy(1)
    scene.card(1, "me", i.Verdict.EXPIRED)
    shown = page(scene, who)
    assert (shown.state, shown.actions) == (PageState.NOT_AUTHORISED, (Action.START_CHARGING, Action.HELP))
    assert shown.left_ms is not None


def test_a_card_before_the_plug_asks_for_the_plug_and_ends_without_it() -> None:
    scene = Scene(single())
    who = scene.join(subject="me")
    scene.card(1, "me")
    shown = page(scene, who)
    assert (shown.state, shown.left_ms) == (PageState.ARRIVED, 2 * MINUTE)
    scene.wait(2 * MINUTE)
    shown = page(scene, who)
    assert (shown.state, shown.bay) == (PageState.ENDED, "1")


def charging() -> tuple[Scene, CheckInId]:
    """Return a site where the only EVSE charges the holder's car."""
    scene = Scene(single())
    who = scene.join(subject="me")
    scene.occupy(1)
    scene.plug(1)
    scene.card(1, "me")
    scene.energise(1)
    return scene, who


def test_charging_tells_energy_power_and_since() -> None:
    scene, who = charging()
    scene.wait(1000)
    shown = page(scene, who, reading=Reading(power_w=74_000, register_wh=19_400))
    assert (shown.state, shown.energy_wh, shown.power_w) == (PageState.CHARGING, 18_400, 74_000)
    assert shown.since_utc_ms == scene.now.at(scene.elapsed_ms - 1000).utc_ms
    assert (shown.actions, shown.ended_utc_ms, shown.left_ms) == ((Action.STOP_CHARGING,), None, None)


def test_a_pause_is_by_the_car_or_by_the_site() -> None:
    scene, who = charging()
    assert page(scene, who, reading=Reading(power_w=0, limited=True)).state is PageState.PAUSED_BY_SITE
    scene.do(i.SuspensionSeen(evse=E1, by_ev=True))
    assert page(scene, who).state is PageState.PAUSED_BY_CAR


def test_finished_tells_who_waits_and_for_how_long_then_asks_to_move() -> None:
    scene, who = charging()
    scene.join()
    scene.do(i.StopAtPage(check_in=who))
    shown = page(scene, who)
    assert (shown.state, shown.waiting, shown.left_ms) == (PageState.FINISHED, 1, 10 * MINUTE)
    assert shown.actions == (Action.MOVING,)
    scene.wait(10 * MINUTE)
    shown = page(scene, who)
    assert (shown.state, shown.actions) == (PageState.OVERSTAY, (Action.MOVING, Action.HELP))


def test_energy_that_ended_before_the_plug_came_is_finished_without_a_time_to_move() -> None:
    scene, who = charging()
    ended = replace(scene.site.stays[E1], end_of_energy=EndOfEnergy.FAULT)
    scene.site = replace(scene.site, stays={E1: ended})
    shown = page(scene, who)
    assert (shown.state, shown.left_ms) == (PageState.FINISHED, None)


def test_done_keeps_what_was_charged_from_when_to_when() -> None:
    scene, who = charging()
    begun = scene.elapsed_ms
    scene.wait(HOUR)
    scene.unplug(1, register_wh=32_200)
    shown = page(scene, who)
    assert (shown.state, shown.energy_wh, shown.bay) == (PageState.DONE, 31_200, "1")
    assert (shown.since_utc_ms, shown.ended_utc_ms) == (scene.now.at(begun).utc_ms, scene.now.utc_ms)
    assert shown.actions == (Action.RECEIPT,)
    scene.charge(1, "the next")
    assert page(scene, who).state is PageState.DONE


def test_done_without_a_meter_or_energy_tells_when_it_ended() -> None:
    scene = Scene(single())
    who = scene.join(subject="me")
    scene.occupy(1)
    scene.plug(1)
    scene.card(1, "me")
    scene.unplug(1)
    shown = page(scene, who)
    assert (shown.state, shown.energy_wh, shown.since_utc_ms) == (PageState.DONE, None, None)
    assert shown.ended_utc_ms == scene.now.utc_ms
