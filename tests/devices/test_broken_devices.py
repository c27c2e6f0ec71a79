"""Devices that hang, fail, or never stop talking: each is lost alone, aloud, and on the safe side."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from device_fixtures import EVSE, Bench, Controller, Panel, bench, plugged

from agent.core.inputs import BaySeen, PluggedIn, Unplugged, Verdict
from agent.core.layout import ConnectorId
from agent.core.state import Bay
from agent.devices.energy import SWITCH_FAILURE, EnergyLoop
from agent.devices.evse_inputs import CONTROLLER_LOST, EvseDevices, EvseInputs, Readings
from agent.devices.outputs import CLOSE_LIMIT_S, GAP_S, Outputs
from agent.devices.screens import Screens
from agent.kernel.authoriser import Authoriser, ConfiguredTokens, Judged
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from agent.texts.catalogue import load
from agent.texts.formats import Language
from drivers.ports import BayReading, ChargeReading, DeviceError, FaultReading, Occupancy, TokenReading


def _energy(here: Bench, controller: Controller) -> EnergyLoop:
    return EnergyLoop(EVSE, controller, runner=here.runner, clock=here.clock, health=here.health)


async def _plug_in(here: Bench) -> None:
    await here.runner.tell(PluggedIn(evse=EVSE, connector=ConnectorId(1)))
    await here.settled()


async def test_a_contactor_that_hangs_is_a_fault_of_its_evse_and_opens_when_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        controller = Controller()
        here.start(_energy(here, controller).run())
        controller.hangs = True
        await _plug_in(here)
        await here.wait(20)
        assert here.faults == (SWITCH_FAILURE,)
        assert "no answer within 3 s" in str(here.health.states()["charge_controller-1"].trouble)
        assert controller.opened > 0


async def test_energy_off_does_not_wait_for_an_order_to_close_that_hangs(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        controller = Controller()
        here.start(_energy(here, controller).run())
        await here.settled()
        controller.hangs = True
        await _plug_in(here)
        opened = controller.opened
        await here.runner.tell(Unplugged(evse=EVSE))
        await here.settled()
        assert controller.opened == opened + 1
        assert here.faults == ()


async def test_a_contactor_that_never_closes_stays_a_fault_until_the_car_has_gone(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        controller = Controller()
        here.start(_energy(here, controller).run())
        controller.error = ZeroDivisionError("a bug of the driver")
        await _plug_in(here)
        await here.wait(60)
        assert here.faults == (SWITCH_FAILURE,)
        await here.runner.tell(Unplugged(evse=EVSE))
        await here.wait(6)
        assert SWITCH_FAILURE not in here.faults


def _outputs(
    here: Bench, light: Panel, display: Panel, code: Callable[[], str] = lambda: "483921"
) -> "list[asyncio.Task[None]]":
    screens = Screens(load(), languages=(Language.EN,), presence_code=code, check_in_url=lambda _: None)
    outputs = Outputs(runner=here.runner, clock=here.clock, health=here.health, readings=Readings(), screens=screens)
    return [here.start(work) for work in outputs.tasks(EvseDevices(evse=EVSE, light=light, display=display))]


async def test_a_display_that_hangs_is_lost_alone_is_not_asked_twice_and_comes_back(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        light, display = Panel(), Panel()
        display.hangs = asyncio.Event()
        _outputs(here, light, display)
        await here.wait(30)
        assert display.calls == 1
        assert not here.health.states()["display-1"].ok
        assert here.health.all_heard()
        assert light.calls > 5
        display.hangs.set()
        await here.wait(12)
        assert here.health.states()["display-1"].ok
        assert display.shown is not None


async def test_a_burst_of_turns_is_one_look_at_what_a_display_shows(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        looks = 0

        def code() -> str:
            nonlocal looks
            looks += 1
            return "483921"

        light, display = Panel(), Panel()
        _outputs(here, light, display, code)
        await here.wait(5)
        before, of_one = looks, 2  # a free bay shows the digits, and a QR code of them
        for bay in 10 * (Bay.OCCUPIED, Bay.FREE):
            await here.runner.tell(BaySeen(evse=EVSE, bay=bay))
            await here.settled()
        assert looks - before <= of_one
        await here.wait(GAP_S)
        assert looks - before <= 2 * of_one


async def test_a_display_driver_with_a_bug_ends_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        light, display = Panel(), Panel()
        display.error = ZeroDivisionError()
        _outputs(here, light, display)
        await here.wait(30)
        assert "report this to its author" in str(here.health.states()["display-1"].trouble)
        assert 5 <= display.calls <= 8
        display.error = None
        await here.wait(6)
        assert here.health.states()["display-1"].ok


async def test_a_stop_clears_what_is_shown_and_does_not_wait_for_a_display_that_hangs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(tmp_path) as here:
        light, display = Panel(), Panel()
        tasks = _outputs(here, light, display)
        await here.wait(1)
        assert light.shown is not None
        display.hangs = asyncio.Event()
        for task in tasks:
            task.cancel()
        await here.settled()
        assert light.shown is None
        await here.wait(CLOSE_LIMIT_S)
        assert all(task.done() for task in tasks)
    assert "device=display-1 state=not_cleared hint='display-1: no answer within 2 s" in caplog.text


def _inputs(here: Bench, devices: EvseDevices, source: ConfiguredTokens | None = None) -> None:
    known = ConfiguredTokens({}, Judged(verdict=Verdict.ACCEPTED)) if source is None else source
    inputs = EvseInputs(
        devices,
        runner=here.runner,
        clock=here.clock,
        health=here.health,
        readings=Readings(),
        authoriser=Authoriser([known]),
        subjects=Subjects(here.journal, SiteKey(bytes(32))),
    )
    for work in inputs.tasks():
        here.start(work)


Report = Callable[[ChargeReading | FaultReading], None]


@pytest.mark.parametrize("error", [DeviceError("gone"), ZeroDivisionError(), "flood", None])
async def test_a_controller_that_is_not_watched_is_a_fault_however_its_driver_ended(
    tmp_path: Path, error: Exception | str | None
) -> None:
    async with bench(tmp_path) as here:
        controller = Controller()

        async def ends(report: Report) -> None:
            report(plugged(here.clock.monotonic()))
            if isinstance(error, Exception):
                raise error
            for _ in range(1000) if error == "flood" else ():
                report(plugged(here.clock.monotonic()))
                await asyncio.sleep(0)

        controller.deed = ends
        _inputs(here, EvseDevices(evse=EVSE, charge_controller=controller))
        for _ in range(50):
            await here.settled()
        controller.deed = None
        await here.wait(31)
        assert here.faults == (CONTROLLER_LOST,), "a driver that runs and says nothing has not come back"


async def test_a_controller_that_answers_again_is_no_fault_any_more(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        controller = Controller()
        tries = 0

        async def second_time(report: Report) -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise DeviceError("gone")
            report(plugged(here.clock.monotonic()))
            await asyncio.Event().wait()

        controller.deed = second_time
        _inputs(here, EvseDevices(evse=EVSE, charge_controller=controller))
        await here.wait(3)
        assert here.faults == ()


class _Babbler:
    """A bay sensor that reports as fast as it can, changing each time."""

    def __init__(self, here: Bench) -> None:
        self._here = here
        self.reports = 0
        self.ended = asyncio.Event()

    async def run(self, report: Callable[[BayReading], None]) -> None:
        """Never stop talking."""
        try:
            for self.reports in itertools.count():
                occupancy = Occupancy.FREE if self.reports % 2 else Occupancy.OCCUPIED
                report(BayReading(occupancy=occupancy, at_s=self._here.clock.monotonic()))
                await asyncio.sleep(0)
        finally:
            self.ended.set()


async def test_a_sensor_that_never_stops_talking_is_lost_and_started_again_later(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        sensor = _Babbler(here)
        _inputs(here, EvseDevices(evse=EVSE, bay_sensor=sensor))
        await sensor.ended.wait()
        reports = sensor.reports
        await here.settled()
        assert sensor.reports == reports
        assert "readings in 1 s" in str(here.health.states()["bay_sensor-1"].trouble)
        assert here.runner.site.evse(EVSE).bay is Bay.UNKNOWN


class _Reader:
    """A card reader in the hands of the test."""

    def __init__(self) -> None:
        self.report: Callable[[TokenReading], None] = lambda _: None

    async def run(self, report: Callable[[TokenReading], None]) -> None:
        """Hand the way to report to the test."""
        self.report = report
        await asyncio.Event().wait()


async def test_a_card_that_cannot_be_judged_is_said_without_its_id_and_the_next_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with bench(tmp_path) as here:
        reader = _Reader()
        _inputs(here, EvseDevices(evse=EVSE, token_reader=reader))
        await here.settled()
        reader.report(TokenReading(id_token="EVIL" * 2000, kind="ISO14443", at_s=1.0))
        await here.settled()
        assert "card=lost" in caplog.text
        assert "EVIL" not in caplog.text
        reader.report(TokenReading(id_token="GOOD", kind="ISO14443", at_s=2.0))
        await here.settled()
        assert here.runner.site.evse(EVSE).last_token is not None


class _Silent(ConfiguredTokens):
    """A source that never answers."""

    def __init__(self) -> None:
        super().__init__({}, None)
        self.asked = 0

    async def judge(self, id_token: str, kind: str) -> Judged | None:
        """Wait for ever."""
        assert id_token
        assert kind
        self.asked += 1
        await asyncio.Event().wait()
        return None


async def test_a_reader_that_reads_ever_new_cards_does_not_flood_the_csms(tmp_path: Path) -> None:
    async with bench(tmp_path) as here:
        reader, silent = _Reader(), _Silent()
        _inputs(here, EvseDevices(evse=EVSE, token_reader=reader), silent)
        await here.settled()
        for n in range(50):
            reader.report(TokenReading(id_token=f"CARD{n}", kind="ISO14443", at_s=float(n)))
        await here.settled()
        assert silent.asked == 4
