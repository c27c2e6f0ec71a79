"""A bay sensor on a GPIO input: a loop detector, a radar or an ultrasonic head with a switching output.

Touches one line through gpiozero, whose callbacks come from its own threads: they only wake the event loop, which reads
the line itself once it has been still for `debounce_s`. A line that never comes to rest is UNKNOWN, never averaged into
"free".
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from drivers.clock import until_set
from drivers.optional import load
from drivers.ports import READING_REPEAT_S, BayReading, Clock, DeviceError, Occupancy
from drivers.registry import Order, Workshop
from drivers.resources import check_pin, gpio_line

DEBOUNCE_S = 0.2  # relays bounce for 20 ms; a car passing over a loop takes longer
RESTLESS_S = 2.0  # moving for longer without a rest of `debounce_s` is a fault of the sensor, not a car


class GpioBayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A GPIO bay sensor in the configuration: BCM number, pull resistor and the level that means occupied."""

    pin: int
    occupied: Literal["high", "low"]
    pull: Literal["up", "down", "none"] = "none"
    debounce_s: float = DEBOUNCE_S

    def __post_init__(self) -> None:
        """Refuse pins that do not exist and rests that are none."""
        check_pin("pin", self.pin)
        if not 0.001 <= self.debounce_s <= 1.0:
            raise ValueError(f"debounce_s must be from 0.001 to 1 s, not {self.debounce_s:g}")


class GpioBaySensor:
    """A bay sensor on a GPIO line."""

    def __init__(self, name: str, options: GpioBayOptions, clock: Clock, pin_factory: object | None = None) -> None:
        """Bind a named sensor to its line; it is opened by `run`."""
        self._name = name
        self._options = options
        self._clock = clock
        self._pin_factory = pin_factory

    async def run(self, report: Callable[[BayReading], None]) -> None:
        """Report changes after their rest and the same every 10 s, until cancelled; DeviceError without the line."""
        gpiozero: Any = load("gpiozero", extra="gpio", device=self._name)
        line = self._opened(gpiozero)
        edge = asyncio.Event()
        loop = asyncio.get_running_loop()

        def moved() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended before gpiozero's thread noticed
                loop.call_soon_threadsafe(edge.set)

        try:
            line.when_activated = line.when_deactivated = moved
            await self._watch(line, edge, report)
        except gpiozero.GPIOZeroError as error:
            raise DeviceError(f"{self._name}: lost GPIO{self._options.pin}: {error}: check the wiring") from error
        finally:
            line.close()

    async def _watch(self, line: Any, edge: asyncio.Event, report: Callable[[BayReading], None]) -> None:
        occupancy = self._read(line)
        last: BayReading | None = None
        while True:
            now_s = self._clock.monotonic()
            if last is None or occupancy is not last.occupancy or now_s >= last.at_s + READING_REPEAT_S:
                last = BayReading(occupancy=occupancy, at_s=now_s)
                report(last)
            await until_set(edge, self._clock, last.at_s + READING_REPEAT_S)
            occupancy = await self._rested(line, edge)

    async def _rested(self, line: Any, edge: asyncio.Event) -> Occupancy:
        """Return what the line says once it has been still for `debounce_s`, or UNKNOWN if it will not rest."""
        restless_s = self._clock.monotonic() + RESTLESS_S
        while edge.is_set():
            if self._clock.monotonic() >= restless_s:
                return Occupancy.UNKNOWN
            edge.clear()
            await until_set(edge, self._clock, self._clock.monotonic() + self._options.debounce_s)
        return self._read(line)

    def _opened(self, gpiozero: Any) -> Any:
        pull = self._options.pull
        try:
            return gpiozero.DigitalInputDevice(
                self._options.pin,
                pull_up=None if pull == "none" else pull == "up",
                active_state=True if pull == "none" else None,
                pin_factory=self._pin_factory,
            )
        except (gpiozero.GPIOZeroError, OSError) as error:
            raise DeviceError(
                f"{self._name}: cannot open GPIO{self._options.pin}: {error}: check the pin number, "
                "and that nothing else uses it"
            ) from error

    def _read(self, line: Any) -> Occupancy:
        # gpiozero calls a line with a pull-up active when it is low.
        high = bool(line.value) != (self._options.pull == "up")
        return Occupancy.OCCUPIED if high == (self._options.occupied == "high") else Occupancy.FREE


def build(order: Order, workshop: Workshop) -> GpioBaySensor:
    """Build a GPIO bay sensor from its options."""
    options = order.read(GpioBayOptions)
    workshop.owners.claim(order.name, gpio_line(options.pin))
    return GpioBaySensor(order.name, options, workshop.clock, workshop.pin_factory)
