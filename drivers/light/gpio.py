"""A status light on three GPIO lines, red, green and blue, that can only be on or off.

Touches its three lines through gpiozero. Colours are reduced to the seven that three lines can show, waveforms to those
a switch can follow. The lamp is leased: without renewal it goes dark and its task ends. A change takes effect at the
next full second of the bar, so that neighbours stay together, but danger at once.
"""

import asyncio
import colorsys
import math
from typing import Any

import msgspec

from drivers.clock import until_set
from drivers.light.waveforms import ROUNDING_S, colour, level, next_change, switched
from drivers.optional import load
from drivers.ports import LAMP_OFF, Clock, DeviceError, LampSignal, Waveform
from drivers.registry import Order, Workshop
from drivers.resources import check_pin, gpio_line

GREY_SATURATION = 0.25  # a colour paler than this is white
DARK_VALUE = 0.1  # a colour darker than this is off

Lines = tuple[bool, bool, bool]  # red, green, blue

HUES: tuple[tuple[float, Lines], ...] = (
    (0.0, (True, False, False)),  # red #e00000
    (35.3, (True, True, False)),  # amber #ff9600
    (156.5, (False, True, False)),  # green #00e68c
    (225.0, (False, False, True)),  # blue #0040ff
    (284.7, (True, False, True)),  # purple #c828ff
)
"""Hues of the lamp language in degrees, and the lines that come nearest."""

ALL_OFF: Lines = (False, False, False)


class GpioLightOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A GPIO lamp in the configuration: the BCM numbers of its lines, and whether high lights them."""

    red: int
    green: int
    blue: int
    active_high: bool = True

    def __post_init__(self) -> None:
        """Refuse pins that do not exist."""
        for name in ("red", "green", "blue"):
            check_pin(name, getattr(self, name))


class GpioStatusLight:
    """A lamp on three GPIO lines."""

    def __init__(self, name: str, options: GpioLightOptions, clock: Clock, pin_factory: object | None = None) -> None:
        """Bind a named lamp to its lines; they are opened by the first `show`."""
        self._name = name
        self._options = options
        self._clock = clock
        self._pin_factory = pin_factory
        self._lines: tuple[Any, Any, Any] | None = None
        self._signal = LAMP_OFF
        self._next: tuple[float, LampSignal] | None = None  # what comes, and from when on
        self._until_s = 0.0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def show(self, signal: LampSignal, *, lease_s: float) -> None:
        """Show a signal from the next full second (danger: now) for `lease_s` seconds, or renew; then dark.

        DeviceError when the lines cannot be opened, or failed since the last call.
        """
        if not lease_s > 0:
            raise ValueError(f"lease_s must be above 0 s, not {lease_s!r}")
        self._raise_failure()
        if self._lines is None:
            self._lines = self._opened()
        now_s = self._clock.monotonic()
        self._until_s = now_s + lease_s
        coming = self._next[1] if self._next is not None else self._signal
        if signal != coming:
            at_s = now_s if signal.waveform is Waveform.ALARM else float(math.ceil(now_s - ROUNDING_S))
            self._next = (at_s, signal)
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name=f"{self._name} waveform")

    async def close(self) -> None:
        """Go dark and give the lines back; the next `show` opens them again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._signal, self._next = LAMP_OFF, None
        for line in self._lines or ():
            line.close()
        self._lines = None

    async def _follow(self) -> None:
        """Switch the lines along the waveform until the lease lapses or the lamp fails."""
        while (now_s := self._clock.monotonic()) < self._until_s:
            self._changed.clear()
            if self._next is not None and self._next[0] <= now_s + ROUNDING_S:
                self._signal, self._next = self._next[1], None
            self._switch(lines_at(self._signal, now_s))
            instants = [self._until_s, next_change(self._signal.waveform, now_s)]
            if self._next is not None:
                instants.append(self._next[0])
            await until_set(self._changed, self._clock, min(i for i in instants if i is not None))
        self._signal, self._next = LAMP_OFF, None
        self._switch(ALL_OFF)

    def _switch(self, wanted: Lines) -> None:
        for line, lit in zip(self._lines or (), wanted, strict=True):
            line.value = lit

    def _raise_failure(self) -> None:
        if self._task is None or not self._task.done() or self._task.cancelled():
            return
        failure, self._task = self._task.exception(), None
        if failure is not None:
            raise DeviceError(f"{self._name}: cannot switch its lines: {failure}: check pins and wiring") from failure

    def _opened(self) -> tuple[Any, Any, Any]:
        gpiozero: Any = load("gpiozero", extra="gpio", device=self._name)
        opened: list[Any] = []
        pins = (self._options.red, self._options.green, self._options.blue)
        try:
            for pin in pins:
                line = gpiozero.DigitalOutputDevice(
                    pin, active_high=self._options.active_high, initial_value=False, pin_factory=self._pin_factory
                )
                opened.append(line)
        except (gpiozero.GPIOZeroError, OSError) as error:
            for line in opened:
                line.close()
            raise DeviceError(
                f"{self._name}: cannot open GPIO{pins[len(opened)]}: {error}: check the pin number, "
                "and that nothing else uses it"
            ) from error
        return (opened[0], opened[1], opened[2])


def lines_at(signal: LampSignal, monotonic_s: float) -> Lines:
    """Return which of red, green and blue are on at an instant."""
    if level(switched(signal.waveform), monotonic_s) == 0.0:
        return ALL_OFF
    return reduced(colour(signal, monotonic_s))


def reduced(colour_hex: str) -> Lines:
    """Return the lines whose colour comes nearest to #rrggbb; ValueError for anything else."""
    if len(colour_hex) != 7 or colour_hex[0] != "#":
        raise ValueError(f"a lamp colour is #rrggbb, not {colour_hex!r}")
    red, green, blue = (int(colour_hex[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    if value < DARK_VALUE:
        return ALL_OFF
    if saturation < GREY_SATURATION:
        return (True, True, True)
    return min(HUES, key=lambda entry: abs((hue * 360 - entry[0] + 180) % 360 - 180))[1]


def build(order: Order, workshop: Workshop) -> GpioStatusLight:
    """Build a GPIO lamp from its options."""
    options = order.read(GpioLightOptions)
    workshop.owners.claim(order.name, *(gpio_line(pin) for pin in (options.red, options.green, options.blue)))
    return GpioStatusLight(order.name, options, workshop.clock, workshop.pin_factory)
