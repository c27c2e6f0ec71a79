"""An OLED of 128 x 64 on the I2C bus, with an SSD1306 or SH1106 controller, through luma.oled.

Touches one I2C device; the library and the bus are loaded by the first `show`. Draws only what changed. The panel is
leased: without renewal it shows "starting", never an old call code, and goes on sparing its pixels. Bus transfers of
1 KiB (about 25 ms at 400 kHz) run in a thread of the panel's own. Has no policy: a screen says whether it is bright,
`set_night` when it is night.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from drivers.blocking import Blocking
from drivers.clock import until_set
from drivers.display.bitmap import Bitmap
from drivers.display.frames import FACE_S, SHIFT_S, Contrast, starting_screen
from drivers.display.layout import LayoutError, render_screen
from drivers.optional import load
from drivers.ports import Clock, DeviceError, Screen
from drivers.registry import Order, Workshop
from drivers.resources import i2c_device

_BUS_MAX = 31  # more I2C buses than any board has
_ADDRESS_MIN, _ADDRESS_MAX = 0x08, 0x77  # 7-bit addresses that are not reserved, NXP UM10204 3.1.12
_STARTING_WORDS_MAX = 4
_UPSIDE_DOWN = 2  # luma counts quarter turns


class OledOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OLED in the configuration: controller, bus, address, contrast levels, and its words for "starting"."""

    controller: Literal["ssd1306", "sh1106"] = "ssd1306"
    bus: int = 1
    address: int = 0x3C
    upside_down: bool = False
    contrast_awake: int = Contrast().awake
    contrast_idle: int = Contrast().idle
    contrast_night: int = Contrast().night
    starting: tuple[str, ...] = ("STARTING", "STARTET")  # one a language: a lapsed panel has nobody to ask

    def __post_init__(self) -> None:
        """Refuse buses, addresses, levels and words that cannot be."""
        if not 0 <= self.bus <= _BUS_MAX:
            raise ValueError(f"bus must be 0 to {_BUS_MAX}, not {self.bus}")
        if not _ADDRESS_MIN <= self.address <= _ADDRESS_MAX:
            raise ValueError(f"address must be 0x08 to 0x77, not {self.address:#04x}")
        if not 1 <= len(self.starting) <= _STARTING_WORDS_MAX or not all(self.starting):
            raise ValueError(f"starting must be 1 to {_STARTING_WORDS_MAX} words, not {self.starting!r}")
        self.contrast()

    def contrast(self) -> Contrast:
        """Return the contrast levels."""
        return Contrast(awake=self.contrast_awake, idle=self.contrast_idle, night=self.contrast_night)

    def starting_screen(self) -> Screen:
        """Return what the panel shows when nobody renews: logo and word, dimmed."""
        return starting_screen(self.starting)


class OledDisplay:
    """A bay's display on an OLED panel."""

    def __init__(
        self, name: str, options: OledOptions, clock: Clock, open_device: Callable[[], Any] | None = None
    ) -> None:
        """Bind a named panel; `open_device` returns a luma device and blocks, None opens the one of the options."""
        self._name = name
        self._options = options
        self._clock = clock
        self._open_device = open_device or self._opened
        self._contrast = options.contrast()
        self._starting = options.starting_screen()
        self._screen = self._starting
        self._until_s = 0.0
        self._night = False
        self._device: Any = None
        self._shown: Bitmap | None = None
        self._level: int | None = None
        self._calls = Blocking(name)
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def show(self, screen: Screen, *, lease_s: float) -> None:
        """Show a screen for `lease_s` seconds, or renew; then "starting".

        DeviceError when the panel cannot be opened, or failed since the last call; the next call opens it again.
        """
        if not lease_s > 0:
            raise ValueError(f"lease_s must be above 0 s, not {lease_s!r}")
        self._raise_failure()
        self._until_s = self._clock.monotonic() + lease_s
        self._screen = screen
        self._changed.set()
        if self._task is None:
            await self._draw_at(self._clock.monotonic())
            self._task = asyncio.create_task(self._follow(), name=f"{self._name} panel")

    def set_night(self, night: bool) -> None:
        """Dim what is not awake to the level of the night, or back."""
        self._night = night
        self._changed.set()

    async def close(self) -> None:
        """Clear the panel, switch it off and give the bus back; the next `show` opens it again.

        Waits for a transfer that is under way: whoever cannot wait for ever must cancel.
        """
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._calls.call(self._release)

    async def _follow(self) -> None:
        """Redraw when the screen, the language, the place or the lease changes, until the panel fails."""
        while True:
            self._changed.clear()
            now_s = self._clock.monotonic()  # of before the drawing: what falls due meanwhile must not be missed
            await self._draw_at(now_s)
            step_s = FACE_S if len(self._current(now_s).faces) > 1 else SHIFT_S
            instants = [(now_s // step_s + 1) * step_s]
            if now_s < self._until_s:
                instants.append(self._until_s)
            await until_set(self._changed, self._clock, min(instants))

    def _current(self, now_s: float) -> Screen:
        return self._screen if now_s < self._until_s else self._starting

    async def _draw_at(self, now_s: float) -> None:
        screen = self._current(now_s)
        level = self._contrast.level(screen, night=self._night)
        await self._calls.call(lambda: self._draw(screen, int(now_s), level))

    def _draw(self, screen: Screen, tick_s: int, level: int) -> None:
        """Send the picture and the contrast if they changed; runs in a thread."""
        errors = (OSError, load("luma.core.error", extra="display", device=self._name).Error)
        try:
            if self._device is None:
                self._device = self._open_device()
            picture = render_screen(screen, tuple(self._device.size), tick_s=tick_s)
            if level != self._level:
                self._device.contrast(level)
                self._level = level
            if picture != self._shown:
                self._device.display(self._image(picture))
                self._shown = picture
        except LayoutError as error:
            raise DeviceError(f"{self._name}: cannot draw: {error}") from error
        except errors as error:
            self._forget()
            raise DeviceError(
                f"{self._name}: cannot draw on i2c-{self._options.bus} 0x{self._options.address:02x}: {error}: "
                "check wiring, address (i2cdetect) and that I2C is on"
            ) from error

    def _image(self, picture: Bitmap) -> Any:
        pillow: Any = load("PIL.Image", extra="display", device=self._name)
        return pillow.frombytes("1", (picture.width, picture.height), picture.packed())

    def _forget(self) -> None:
        """Drop a device whose state is not known any more."""
        self._device, self._shown, self._level = None, None, None

    def _release(self) -> None:
        device = self._device
        self._forget()
        if device is None:
            return
        try:
            device.cleanup()
        except (OSError, load("luma.core.error", extra="display", device=self._name).Error) as error:
            raise DeviceError(f"{self._name}: cannot be cleared: {error}: it may show something old") from error

    def _raise_failure(self) -> None:
        if self._task is None or not self._task.done():
            return
        failure = None if self._task.cancelled() else self._task.exception()
        self._task = None
        if failure is not None:
            raise failure

    def _opened(self) -> Any:
        serial: Any = load("luma.core.interface.serial", extra="display", device=self._name)
        oled: Any = load("luma.oled.device", extra="display", device=self._name)
        bus = serial.i2c(port=self._options.bus, address=self._options.address)
        rotate = _UPSIDE_DOWN if self._options.upside_down else 0
        return getattr(oled, self._options.controller)(bus, rotate=rotate)


def build(order: Order, workshop: Workshop) -> OledDisplay:
    """Build an OLED from its options."""
    options = order.read(OledOptions)
    workshop.owners.claim(order.name, i2c_device(options.bus, options.address))
    return OledDisplay(order.name, options, workshop.clock)
