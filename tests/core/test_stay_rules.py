"""How a stay ends, and what is noted of it."""

import pytest
from story import Story, row

from agent.core import events as ev
from agent.core import inputs as i
from agent.core.layout import EvseId, Now, SubjectRef
from agent.core.observe import observe
from agent.core.state import CheckInState, EndOfEnergy, Site

R = i.Refusal


@pytest.mark.parametrize("why", list(EndOfEnergy))
def test_the_csms_stops_for_its_reason(why: EndOfEnergy) -> None:
    story = Story(row(1))
    assert story.asks(i.StopStay(evse=EvseId(1), why=why)) is R.NOT_CHARGING
    story.plugs(1)
    assert story.asks(i.StopStay(evse=EvseId(1), why=why)) is R.NOT_CHARGING
    story.swipes("a", 1)
    assert story.asks(i.StopStay(evse=EvseId(1), why=why)) is None
    assert story.site.stays[EvseId(1)].end_of_energy is why
    assert story.asks(i.StopStay(evse=EvseId(1), why=why)) is R.NOT_CHARGING


def test_nothing_plugged_in_for_two_minutes_ends_the_authorisation() -> None:
    story = Story(row(1))
    story.joins("ann", card="a")
    story.swipes("a", 1)
    assert story.state("ann") is CheckInState.FULFILLED
    story.joins("bob")
    story.after(minutes=2)
    assert story.happened(ev.AuthorisationLapsed)
    assert (story.state("ann"), story.called("bob")) == (CheckInState.FULFILLED, 1)
    assert story.presses_start("ann") is R.CHECKIN_ENDED


@pytest.mark.parametrize("plugged", [False, True])
def test_a_token_refused_afterwards_gets_no_energy(*, plugged: bool) -> None:
    story = Story(row(1))
    story.starts_remotely("a", 1)
    if plugged:
        story.plugs(1)
    story.give(i.TransactionRefused(evse=EvseId(1), subject=SubjectRef("somebody else")))
    assert EvseId(1) in story.site.stays
    story.give(i.TransactionRefused(evse=EvseId(1), subject=SubjectRef("a")))
    story.plugs(1)
    assert not story.charging(1)


def test_a_fault_ends_energy_and_mending_does_not_bring_it_back() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.breaks(1)
    assert story.site.stays[EvseId(1)].end_of_energy is EndOfEnergy.FAULT
    story.is_mended(1)
    assert not story.charging(1)


def test_out_of_operation_lets_a_charge_go_to_its_end_and_none_begin() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.is_switched(1, on=False)
    assert story.charging(1)
    story.leaves_the_bay(1)
    story.is_switched(1, on=True)
    story.starts_remotely("a", 1)
    story.is_switched(1, on=False)
    story.plugs(1)
    assert not story.charging(1)
    story.is_switched(1, on=True)
    assert story.charging(1)


def test_what_was_stopped_before_it_could_begin_does_not_begin_later() -> None:
    story = Story(row(1))
    story.starts_remotely("a", 1)
    story.is_switched(1, on=False)
    story.plugs(1)
    assert story.asks(i.StopStay(evse=EvseId(1), why=EndOfEnergy.REMOTE)) is None
    story.is_switched(1, on=True)
    assert not story.happened(ev.EnergyPermitted)


def test_pulling_the_plug_ends_energy_and_stay() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.unplugs(1)
    assert story.happened(ev.EnergyEnded)[-1].why is EndOfEnergy.EV_DISCONNECTED
    assert not story.site.stays
    story.unplugs(1)
    assert story.last == ()


def test_a_car_that_takes_nothing_counts_as_finished_and_has_time_to_move() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=True))
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=True))
    assert story.last == ()
    story.after(minutes=3)
    assert story.happened(ev.ChargingFinished)
    story.after(minutes=10)
    assert story.site.stays[EvseId(1)].grace_ended
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=False))
    stay = story.site.stays[EvseId(1)]
    assert (stay.finished_ms, stay.grace_ended, stay.wants_energy) == (None, False, True)


def test_an_ended_charge_stays_finished_whatever_the_car_says() -> None:
    story = Story(row(1))
    story.somebody_charges(1)
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=True))
    story.asks(i.StopStay(evse=EvseId(1), why=EndOfEnergy.REMOTE))
    story.after(minutes=10)
    assert story.site.stays[EvseId(1)].grace_ended
    story.give(i.SuspensionSeen(evse=EvseId(1), by_ev=False))
    assert story.last == ()


def test_the_contactor_and_the_meter_are_noted_once() -> None:
    story = Story(row(1))
    one = EvseId(1)
    story.somebody_charges(1)
    story.give(i.RegisterRead(evse=one, register_wh=90))  # before energy: not of this stay
    assert story.last == ()
    for energised, register in ((True, 100), (True, 150), (False, 700), (True, 700), (False, None)):
        story.give(i.ContactorSeen(evse=one, energised=energised, register_wh=register))
    stay = story.site.stays[one]
    assert (stay.register_start_wh, stay.register_wh) == (100, 700)
    assert len(story.happened(ev.Energised)) == 2
    story.give(i.RegisterRead(evse=one, register_wh=800))
    story.give(i.RegisterRead(evse=one, register_wh=800))
    assert story.last == ()
    assert story.site.stays[one].register_wh == 800
    story.leaves_the_bay(1)
    story.give(i.ContactorSeen(evse=one, energised=True, register_wh=5))  # a foreign charger
    assert story.site.evse(one).energised


def test_a_second_plug_is_no_second_stay_and_unknown_evses_are_nobodys() -> None:
    story = Story(row(1))
    story.plugs(1)
    story.plugs(1)
    assert story.last == ()
    for number in (9,):
        story.plugs(number)
        story.breaks(number)
        assert story.last == ()
    assert observe(Site(), i.Unplugged(evse=EvseId(1)), Now(0)) == ()
