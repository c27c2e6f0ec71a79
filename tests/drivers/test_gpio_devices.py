"""Bay sensor and lamp on GPIO lines, on gpiozero's own mock pins."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory  # type: ignore[import-untyped]

from drivers.bay.gpio import GpioBayOptions, GpioBaySensor
from drivers.clock import MachineClock
from drivers.light.gpio import GpioLightOptions, GpioStatusLight, lines_at, reduced
from drivers.ports import BayReading, DeviceError, LampSignal, Occupancy, Waveform
from drivers.registry import Order, Port, Workshop, build
from drivers.twin.clock import ManualClock

FREE, OCCUPIED, UNKNOWN = Occupancy.FREE, Occupancy.OCCUPIED, Occupancy.UNKNOWN
RED, GREEN, BLUE = 5, 6, 13
PATIENCE_S = 10.0


@pytest.fixture
def pins() -> Iterator[Any]:
    factory = MockFactory()
    yield factory
    factory.close()


def ignored(reading: BayReading) -> None:
    """Take a reading that no test looks at."""


@asynccontextmanager
async def watching(
    pins: Any, clock: ManualClock, **options: Any
) -> AsyncIterator[tuple[list[tuple[Occupancy, float]], Any]]:
    seen: list[tuple[Occupancy, float]] = []
    chosen = GpioBayOptions(**{"pin": 17, "occupied": "high", "debounce_s": 0.2, **options})
    sensor = GpioBaySensor("bay-1", chosen, clock, pins)
    task = asyncio.create_task(sensor.run(lambda reading: seen.append((reading.occupancy, reading.at_s))))
    await clock.settle()
    try:
        yield seen, pins.pin(17)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_level_is_reported_after_it_has_been_still_for_the_debounce_time(pins: Any) -> None:
    clock = ManualClock()
    async with watching(pins, clock) as (seen, pin):
        pin.drive_high()
        await clock.advance(0.19)
        assert seen == [(FREE, 0.0)]
        await clock.advance(0.02)
        assert seen == [(FREE, 0.0), (OCCUPIED, 0.2)]


async def test_bouncing_contacts_report_once(pins: Any) -> None:
    clock = ManualClock()
    async with watching(pins, clock) as (seen, pin):
        for _ in range(5):
            pin.drive_high()
            await clock.advance(0.01)
            pin.drive_low()
            await clock.advance(0.01)
        pin.drive_high()
        await clock.advance(1.0)
        assert [occupancy for occupancy, _ in seen] == [FREE, OCCUPIED]


async def test_a_glitch_shorter_than_the_debounce_time_is_not_a_car(pins: Any) -> None:
    clock = ManualClock()
    async with watching(pins, clock) as (seen, pin):
        pin.drive_high()
        await clock.advance(0.05)
        pin.drive_low()
        await clock.advance(1.0)
        assert [occupancy for occupancy, _ in seen] == [FREE]


async def test_a_line_that_never_rests_is_unknown_until_it_does(pins: Any) -> None:
    clock = ManualClock()
    async with watching(pins, clock) as (seen, pin):
        for _ in range(150):  # 50 Hz for three seconds
            pin.drive_high()
            await clock.advance(0.01)
            pin.drive_low()
            await clock.advance(0.01)
        assert [occupancy for occupancy, _ in seen] == [FREE, UNKNOWN]
        await clock.advance(1.0)
        assert [occupancy for occupancy, _ in seen] == [FREE, UNKNOWN, FREE]


async def test_a_line_at_rest_is_repeated_every_ten_seconds(pins: Any) -> None:
    clock = ManualClock()
    async with watching(pins, clock) as (seen, _):
        await clock.advance(25.0)
        assert seen == [(FREE, 0.0), (FREE, 10.0), (FREE, 20.0)]


@pytest.mark.parametrize(
    ("pull", "occupied", "at_rest"),
    [("up", "low", FREE), ("up", "high", OCCUPIED), ("down", "high", FREE), ("none", "low", OCCUPIED)],
)
async def test_pull_and_level_say_what_an_open_line_means(
    pins: Any, pull: str, occupied: str, at_rest: Occupancy
) -> None:
    clock = ManualClock()
    async with watching(pins, clock, pull=pull, occupied=occupied) as (seen, _):
        assert seen == [(at_rest, 0.0)]


async def test_edges_from_another_thread_reach_the_loop(pins: Any) -> None:
    readings: asyncio.Queue[BayReading] = asyncio.Queue()
    options = GpioBayOptions(pin=17, occupied="high", debounce_s=0.005)
    task = asyncio.create_task(GpioBaySensor("bay-1", options, MachineClock(), pins).run(readings.put_nowait))
    assert (await asyncio.wait_for(readings.get(), PATIENCE_S)).occupancy is FREE
    thread = threading.Thread(target=pins.pin(17).drive_high)
    thread.start()
    assert (await asyncio.wait_for(readings.get(), PATIENCE_S)).occupancy is OCCUPIED
    thread.join()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_line_in_use_elsewhere_is_a_device_error(pins: Any) -> None:
    clock = ManualClock()
    async with watching(pins, clock):
        second = GpioBaySensor("bay-2", GpioBayOptions(pin=17, occupied="high"), clock, pins)
        with pytest.raises(DeviceError, match=r"^bay-2: cannot open GPIO17: .*: check the pin number"):
            await second.run(ignored)


async def test_a_machine_without_gpio_says_so() -> None:
    class Broken(MockFactory):  # type: ignore[misc]
        def pin(self, _name: object) -> object:
            raise OSError("no gpiochip")

    sensor = GpioBaySensor("bay-1", GpioBayOptions(pin=17, occupied="high"), ManualClock(), Broken())
    with pytest.raises(DeviceError, match="bay-1: cannot open GPIO17: no gpiochip"):
        await sensor.run(ignored)


def signal(waveform: Waveform, colour: str = "#ffffff", second: str | None = None) -> LampSignal:
    return LampSignal(colour=colour, waveform=waveform, second_colour=second)


@pytest.mark.parametrize(
    ("colour", "lines"),
    [
        ("#00e68c", (False, True, False)),
        ("#c828ff", (True, False, True)),
        ("#0040ff", (False, False, True)),
        ("#ffffff", (True, True, True)),
        ("#ff9600", (True, True, False)),
        ("#e00000", (True, False, False)),
        ("#000000", (False, False, False)),
        ("#00ff00", (False, True, False)),  # a theme's green
        ("#eeeeff", (True, True, True)),
        ("#ff0010", (True, False, False)),
    ],
)
def test_colours_are_reduced_to_what_three_lines_can_show(colour: str, lines: tuple[bool, bool, bool]) -> None:
    assert reduced(colour) == lines


@pytest.mark.parametrize("colour", ["green", "#fff", "#gggggg", ""])
def test_what_is_not_a_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match=r"#rrggbb|invalid literal"):
        reduced(colour)


def test_alternating_colours_become_alternating_lines() -> None:
    both = signal(Waveform.ALTERNATE, "#ff9600", "#c828ff")
    assert lines_at(both, 0.5) == (True, True, False)
    assert lines_at(both, 1.5) == (True, False, True)


@asynccontextmanager
async def lamp(pins: Any, clock: ManualClock) -> AsyncIterator[GpioStatusLight]:
    light = GpioStatusLight("lamp-1", GpioLightOptions(red=RED, green=GREEN, blue=BLUE), clock, pins)
    try:
        yield light
    finally:
        await light.close()


def lit(pins: Any) -> tuple[bool, bool, bool]:
    red, green, blue = (bool(pins.pin(pin).state) for pin in (RED, GREEN, BLUE))
    return red, green, blue


WHITE, DARK, AMBER = (True, True, True), (False, False, False), (True, True, False)


async def test_a_lamp_blinks_on_the_bar_and_goes_dark_when_its_lease_lapses(pins: Any) -> None:
    clock = ManualClock(start_s=100.0)
    async with lamp(pins, clock) as light:
        await light.show(signal(Waveform.BLINK), lease_s=2.2)
        seen = []
        for _ in range(12):
            await clock.advance(0.24)
            seen.append((round(clock.monotonic() - 100, 2), lit(pins)))
        on = [t for t, lines in seen if lines == WHITE]
        assert on == [0.24, 0.48, 1.2, 1.44, 2.16]
        assert {lines for t, lines in seen if t >= 2.2} == {DARK}


async def test_a_renewed_lamp_stays_lit_and_in_step(pins: Any) -> None:
    clock = ManualClock(start_s=100.0)
    async with lamp(pins, clock) as light:
        for _ in range(5):
            await light.show(signal(Waveform.STEADY), lease_s=2)
            await clock.advance(1.5)
            assert lit(pins) == WHITE
        await clock.advance(0.6)
        assert lit(pins) == DARK


async def test_a_change_waits_for_the_full_second_but_danger_does_not(pins: Any) -> None:
    clock = ManualClock(start_s=100.0)
    async with lamp(pins, clock) as light:
        await light.show(signal(Waveform.STEADY), lease_s=60)
        await clock.advance(0.6)
        await light.show(signal(Waveform.STEADY, "#ff9600"), lease_s=60)
        await clock.advance(0.3)
        assert lit(pins) == WHITE
        await clock.advance(0.2)
        assert lit(pins) == AMBER
        await light.show(signal(Waveform.ALARM, "#e00000"), lease_s=60)
        await clock.settle()
        assert lit(pins) == (True, False, False)


async def test_a_breath_is_occulted_on_lines_that_can_only_switch(pins: Any) -> None:
    clock = ManualClock(start_s=100.0)
    async with lamp(pins, clock) as light:
        await light.show(signal(Waveform.BREATHE, "#0040ff"), lease_s=60)
        await clock.advance(2.9)
        assert lit(pins) == (False, False, True)
        await clock.advance(0.5)
        assert lit(pins) == DARK


async def test_a_lamp_that_was_closed_gives_its_lines_back(pins: Any) -> None:
    clock = ManualClock()
    async with lamp(pins, clock) as light:
        await light.show(signal(Waveform.STEADY), lease_s=60)
        await light.close()
        async with lamp(pins, clock) as other:
            await other.show(signal(Waveform.STEADY), lease_s=60)
            await clock.settle()
            assert lit(pins) == WHITE


async def test_a_lamp_needs_a_lease(pins: Any) -> None:
    async with lamp(pins, ManualClock()) as light:
        with pytest.raises(ValueError, match="lease_s must be above 0"):
            await light.show(signal(Waveform.STEADY), lease_s=0.0)


async def test_lines_that_fail_are_told_at_the_next_call(pins: Any) -> None:
    clock = ManualClock()
    async with lamp(pins, clock) as light:
        await light.show(signal(Waveform.STEADY), lease_s=60)
        await clock.settle()
        pins.pin(RED).function = "input"  # somebody else took the line
        await light.show(signal(Waveform.BLINK), lease_s=60)
        await clock.advance(2.0)
        with pytest.raises(DeviceError, match=r"lamp-1: cannot switch its lines: .*: check pins and wiring"):
            await light.show(signal(Waveform.BLINK), lease_s=60)


async def test_a_lamp_on_a_pin_in_use_opens_none_of_its_lines(pins: Any) -> None:
    clock = ManualClock()
    async with lamp(pins, clock) as first:
        await first.show(signal(Waveform.STEADY), lease_s=60)
        second = GpioStatusLight("lamp-2", GpioLightOptions(red=20, green=21, blue=BLUE), clock, pins)
        with pytest.raises(DeviceError, match=r"^lamp-2: cannot open GPIO13: "):
            await second.show(signal(Waveform.STEADY), lease_s=60)
        third = GpioStatusLight("lamp-3", GpioLightOptions(red=20, green=21, blue=26), clock, pins)
        await third.show(signal(Waveform.STEADY), lease_s=60)
        await third.close()


def test_the_registry_refuses_a_pin_that_a_lamp_and_a_sensor_both_want(pins: Any) -> None:
    workshop = Workshop(clock=ManualClock(), pin_factory=pins)
    lamp_order = Order(name="lamp-1", evse=1, options={"red": 5, "green": 6, "blue": 13})
    assert isinstance(build(Port.STATUS_LIGHT, "gpio", lamp_order, workshop), GpioStatusLight)
    bay_order = Order(name="bay-1", evse=1, options={"pin": 13, "occupied": "low", "pull": "up"})
    with pytest.raises(DeviceError, match="bay-1: GPIO13 belongs to lamp-1"):
        build(Port.BAY_SENSOR, "gpio", bay_order, workshop)
    wrong = Order(name="bay-1", evse=1, options={"pin": 99, "occupied": "low"})
    with pytest.raises(DeviceError, match="bay-1: option pin must be a BCM number from 0 to 53, not 99"):
        build(Port.BAY_SENSOR, "gpio", wrong, workshop)
