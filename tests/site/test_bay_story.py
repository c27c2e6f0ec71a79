"""The whole story on the twin, from check-in to departure, as the bays show it."""

from pathlib import Path

from site_fixtures import SmallSite, small_site

from agent.core.inputs import StartAtPage
from agent.core.layout import AdHocStart, EvseId
from agent.core.state import CheckInState, EndOfEnergy
from agent.core.views import EvseStatus, evse_status
from drivers.twin.control import Ev

GREEN, PURPLE, BLUE, WHITE = "#00e68c", "#c828ff", "#0040ff", "#ffffff"


async def test_a_driver_is_called_charges_and_leaves_and_the_next_is_called(tmp_path: Path) -> None:
    async with small_site(tmp_path, evses=1) as site:
        assert site.lamp(1) == (GREEN, "steady")
        assert "483 921" in site.words(1)
        first = await site.joins("phone-1")
        second = await site.joins("phone-2", draw=7)
        assert site.state(first) is CheckInState.CALLED
        assert site.lamp(1) == (PURPLE, "blink")
        assert first.code in site.words(1)
        await _drives_in_and_starts(site, 1, first.id)
        await site.wait(60)
        assert site.state(first) is CheckInState.FULFILLED
        assert site.energised(1)
        assert site.lamp(1) == (BLUE, "breathe")
        assert "KW" in site.words(1)
        site.twin.control.plug_out(1)
        await site.wait(5)
        assert not site.energised(1)
        assert site.state(second) is CheckInState.WAITING
        site.twin.control.drive_off(1)
        await site.wait(2)
        assert site.state(second) is CheckInState.CALLED
        assert second.code in site.words(1)


async def _drives_in_and_starts(site: SmallSite, evse: int, check_in: int) -> None:
    site.twin.control.drive_in(evse, Ev(soc_percent=20))
    await site.settled()
    site.twin.control.plug_in(evse)
    await site.settled()
    await site.runner.ask(StartAtPage(check_in=site.check_in(check_in).id))  # type: ignore[arg-type]
    await site.settled()


async def test_the_display_draws_the_battery_as_the_car_tells_it(tmp_path: Path) -> None:
    async with small_site(tmp_path, evses=1) as site:
        check_in = await site.joins("phone")
        assert site.bars(1) == {None}
        await _drives_in_and_starts(site, 1, check_in.id)
        await site.wait(240)
        told = site.twin.control.state()["evses"][0]["car"]["soc_percent"]
        assert told > 22
        assert site.bars(1) == {int(told)}
        site.twin.control.plug_out(1)
        await site.wait(2)
        assert site.bars(1) == {None}


async def test_a_car_in_a_held_bay_stops_the_clock_for_three_minutes(tmp_path: Path) -> None:
    async with small_site(tmp_path, evses=1) as site:
        check_in = await site.joins("phone")
        site.twin.control.drive_in(1)
        await site.settled()
        assert site.state(check_in) is CheckInState.ARRIVED
        assert site.lamp(1) == (WHITE, "blink")
        await site.wait(299)
        assert site.state(check_in) is CheckInState.ARRIVED


async def test_a_known_card_starts_at_a_free_bay_and_stops_again(tmp_path: Path) -> None:
    async with small_site(tmp_path, ad_hoc=AdHocStart.NONE) as site:
        site.twin.control.drive_in(2)
        site.twin.control.plug_in(2)
        await site.settled()
        assert not site.energised(2)
        site.twin.control.swipe(2, "GOOD")
        await site.wait(10)
        assert site.energised(2)
        site.twin.control.swipe(2, "GOOD")
        await site.wait(1)
        assert not site.energised(2)
        assert site.runner.site.stays[EvseId(2)].end_of_energy is EndOfEnergy.LOCAL


async def test_an_unknown_card_gets_no_energy_and_is_told_so(tmp_path: Path) -> None:
    async with small_site(tmp_path, ad_hoc=AdHocStart.NONE) as site:
        site.twin.control.drive_in(1)
        site.twin.control.plug_in(1)
        site.twin.control.swipe(1, "EVIL")
        await site.wait(2)
        assert not site.energised(1)
        assert "NOT" in site.words(1)


async def test_a_card_at_a_taken_bay_joins_the_queue_and_the_display_shows_its_code(tmp_path: Path) -> None:
    async with small_site(tmp_path, evses=1, known=("GOOD", "OTHER")) as site:
        site.twin.control.drive_in(1)
        site.twin.control.plug_in(1)
        site.twin.control.swipe(1, "GOOD")
        await site.settled()
        site.twin.control.swipe(1, "OTHER")
        await site.settled()
        (joined,) = site.runner.site.open_check_ins()
        assert joined.code in site.words(1)
        assert site.energised(1)


async def test_a_plug_without_a_call_gets_no_energy_while_others_wait(tmp_path: Path) -> None:
    async with small_site(tmp_path, evses=1) as site:
        called = await site.joins("phone-1")
        site.twin.control.drive_in(1)
        site.twin.control.plug_in(1)
        await site.wait(30)
        assert not site.energised(1)
        assert site.state(called) is CheckInState.ARRIVED


async def test_a_fault_takes_the_energy_and_gives_it_back_to_nobody_by_itself(tmp_path: Path) -> None:
    async with small_site(tmp_path, evses=1) as site:
        check_in = await site.joins("phone")
        await _drives_in_and_starts(site, 1, check_in.id)
        await site.wait(10)
        assert site.energised(1)
        site.twin.control.fault(1, "UnderVoltage")
        await site.wait(1)
        assert not site.energised(1)
        assert site.runner.site.stays[EvseId(1)].end_of_energy is EndOfEnergy.FAULT
        assert evse_status(site.runner.site, EvseId(1)) is EvseStatus.FAULTED
        site.twin.control.clear(1, "UnderVoltage")
        await site.wait(10)
        assert not site.energised(1)


async def test_the_register_is_noted_every_five_minutes_of_energy(tmp_path: Path) -> None:
    async with small_site(tmp_path, evses=1) as site:
        check_in = await site.joins("phone")
        await _drives_in_and_starts(site, 1, check_in.id)
        await site.wait(330)
        stay = site.runner.site.stays[EvseId(1)]
        assert stay.register_wh is not None
        assert stay.register_wh > 5_000


async def test_after_a_restart_the_car_is_still_there_and_charging_goes_on(tmp_path: Path) -> None:
    async with small_site(tmp_path, evses=1) as site:
        check_in = await site.joins("phone")
        await _drives_in_and_starts(site, 1, check_in.id)
        await site.wait(60)
        stay = site.runner.site.stays[EvseId(1)].id
    async with small_site(tmp_path, evses=1) as site:
        await site.wait(30)
        assert site.runner.site.stays[EvseId(1)].id == stay
        assert site.energised(1)


async def test_a_lost_bay_sensor_makes_its_bay_unknown_and_stops_nothing_else(tmp_path: Path) -> None:
    async with small_site(tmp_path) as site:
        site.twin.control.do(1, "sensor_mode", b'{"mode": "lost"}')
        await site.wait(60)
        assert site.lamp(1) == (GREEN, "occulting")
        assert not site.health.states()["bay_sensor-1"].ok
        assert site.lamp(2) == (GREEN, "steady")
        site.twin.control.do(1, "sensor_mode", b'{"mode": "honest"}')
        await site.wait(60)
        assert site.lamp(1) == (GREEN, "steady")
