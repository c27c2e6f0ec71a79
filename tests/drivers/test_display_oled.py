"""The OLED driver on luma's own dummy panel: leased, drawn only on change, honest about a lost bus."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from drivers.display.layout import render_screen
from drivers.display.oled import OledDisplay, OledOptions, build
from drivers.ports import DeviceError, Face, Screen
from drivers.registry import Order, Workshop
from drivers.twin.clock import ManualClock

luma_device = pytest.importorskip("luma.core.device")

WAIT_S = 5  # for a thread on a busy machine; nothing here needs more than milliseconds
HELD = Screen(faces=(Face(big="K7", lines=("KEPT", "4:32")),))
HELD_LATER = Screen(faces=(Face(big="K7", lines=("KEPT", "4:31")),))
FREE = Screen(faces=(Face(big="FREE"), Face(big="FREI")), awake=False)
OPTIONS = OledOptions()


class Panel:
    """A panel that tells the test what it was sent, and can lose its bus."""

    def __init__(self) -> None:
        self._dummy: Any = luma_device.dummy(width=128, height=64, mode="1")
        self.size = self._dummy.size
        self.loop = asyncio.get_running_loop()
        self.pictures: asyncio.Queue[bytes] = asyncio.Queue()
        self.levels: list[int] = []
        self.lost = False
        self.off = False

    def display(self, image: Any) -> None:
        """Keep a picture, or fail as a bus without a device does."""
        if self.lost:
            raise OSError(121, "Remote I/O error")
        self._dummy.display(image)
        self.loop.call_soon_threadsafe(self.pictures.put_nowait, self._dummy.image.tobytes())

    def contrast(self, level: int) -> None:
        """Keep a contrast level."""
        self.levels.append(level)

    def cleanup(self) -> None:
        """Switch the panel off, as luma does."""
        if self.lost:
            raise OSError(121, "Remote I/O error")
        self._dummy.cleanup()
        self.off = True

    async def picture(self) -> bytes:
        """Return the next picture that was sent."""
        return await asyncio.wait_for(self.pictures.get(), WAIT_S)


def display(panel: Panel, clock: ManualClock) -> OledDisplay:
    """Return a driver on a panel."""
    return OledDisplay("bay-3-display", OPTIONS, clock, lambda: panel)


async def until_it_raises(call: Callable[[], Any]) -> None:
    """Repeat a call until it raises; the test's own time limit ends it otherwise."""
    async with asyncio.timeout(WAIT_S):
        while True:
            await call()
            await asyncio.sleep(0)


async def test_a_screen_is_drawn_as_the_layout_says() -> None:
    panel, clock = Panel(), ManualClock()
    shown = display(panel, clock)
    await shown.show(HELD, lease_s=5)
    assert await panel.picture() == render_screen(HELD).packed()
    assert panel.levels == [0xCF]
    await shown.close()


async def test_a_new_screen_is_drawn_at_once_and_the_same_one_not_again() -> None:
    panel, clock = Panel(), ManualClock()
    shown = display(panel, clock)
    await shown.show(HELD, lease_s=5)
    await shown.show(HELD, lease_s=5)
    await shown.show(HELD_LATER, lease_s=5)
    pictures = [await panel.picture(), await panel.picture()]
    assert pictures == [render_screen(screen).packed() for screen in (HELD, HELD_LATER)]
    assert panel.pictures.empty()
    await shown.close()


async def test_a_lapsed_lease_shows_starting_and_never_the_old_code() -> None:
    panel, clock = Panel(), ManualClock()
    shown = display(panel, clock)
    await shown.show(HELD, lease_s=5)
    await panel.picture()
    await clock.advance(5)
    picture = await panel.picture()
    starting = OPTIONS.starting_screen()
    assert picture == render_screen(starting, tick_s=int(clock.monotonic())).packed()
    await shown.close()
    assert panel.levels == [0xCF, 0x30]


async def test_languages_change_and_the_level_is_that_of_the_night() -> None:
    panel, clock = Panel(), ManualClock()
    shown = display(panel, clock)
    shown.set_night(True)
    await shown.show(FREE, lease_s=60)
    pictures = [await panel.picture()]
    await clock.advance(4)
    pictures.append(await panel.picture())
    assert pictures == [render_screen(FREE, tick_s=tick).packed() for tick in (0, 4)]
    assert panel.levels == [0x10]
    await shown.close()


async def test_a_lost_bus_is_said_with_what_to_check_and_the_next_call_opens_it_again() -> None:
    panels: list[Panel] = []

    def opened() -> Panel:
        panels.append(panel)
        return panel

    panel, clock = Panel(), ManualClock()
    shown = OledDisplay("bay-3-display", OPTIONS, clock, opened)
    await shown.show(HELD, lease_s=60)
    await panel.picture()
    panel.lost = True
    with pytest.raises(DeviceError, match=r"bay-3-display: cannot draw on i2c-1 0x3c: .*check wiring"):
        await until_it_raises(lambda: shown.show(HELD_LATER, lease_s=60))
    panel.lost = False
    await shown.show(HELD, lease_s=60)
    assert await panel.picture() == render_screen(HELD).packed()
    assert len(panels) == 2
    await shown.close()


async def test_a_panel_that_hangs_leaves_the_pool_of_the_loop_alone_and_is_drawn_when_it_comes_back() -> None:
    panel, clock, free = Panel(), ManualClock(), threading.Event()
    hung = asyncio.Event()
    loop = asyncio.get_running_loop()

    def opened() -> Panel:
        loop.call_soon_threadsafe(hung.set)
        free.wait()
        return panel

    loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
    shown = OledDisplay("bay-3-display", OPTIONS, clock, opened)
    first = asyncio.ensure_future(shown.show(HELD, lease_s=60))
    async with asyncio.timeout(WAIT_S):
        await hung.wait()
        assert await asyncio.to_thread(lambda: 1) == 1
    first.cancel()
    closing = asyncio.ensure_future(shown.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(first, closing, return_exceptions=True)
    free.set()
    await shown.show(HELD_LATER, lease_s=60)
    assert [await panel.picture(), await panel.picture()] == [
        render_screen(screen).packed() for screen in (HELD, HELD_LATER)
    ]
    await shown.close()


async def test_a_panel_that_cannot_be_cleared_any_more_says_so() -> None:
    panel = Panel()
    shown = display(panel, ManualClock())
    await shown.show(HELD, lease_s=5)
    panel.lost = True
    with pytest.raises(DeviceError, match=r"bay-3-display: cannot be cleared: .*it may show something old"):
        await shown.close()


async def test_a_panel_that_is_not_there_is_a_device_error() -> None:
    def missing() -> Panel:
        raise FileNotFoundError(2, "No such file", "/dev/i2c-1")

    shown = OledDisplay("bay-3-display", OPTIONS, ManualClock(), missing)
    with pytest.raises(DeviceError, match="No such file"):
        await shown.show(HELD, lease_s=5)
    await shown.close()


async def test_a_code_no_panel_can_show_is_a_device_error() -> None:
    shown = display(Panel(), ManualClock())
    with pytest.raises(DeviceError, match="cannot draw: QR text of 60 signs"):
        await shown.show(Screen(faces=(Face(qr="x" * 60),)), lease_s=5)
    await shown.close()


async def test_closing_switches_the_panel_off() -> None:
    panel = Panel()
    shown = display(panel, ManualClock())
    await shown.show(HELD, lease_s=5)
    await shown.close()
    assert panel.off


async def test_a_lease_must_be_longer_than_nothing() -> None:
    with pytest.raises(ValueError, match="lease_s must be above 0 s"):
        await display(Panel(), ManualClock()).show(HELD, lease_s=0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"address": 0x78}, "address must be 0x08 to 0x77"),
        ({"bus": -1}, "bus must be 0 to 31"),
        ({"contrast_idle": 300}, "contrast idle is 300"),
        ({"starting": []}, "starting must be 1 to 4 words"),
        ({"controller": "st7789"}, "controller"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(DeviceError, match=complaint):
        build(Order(name="bay-3-display", evse=3, options=options), Workshop(clock=ManualClock()))


def test_two_panels_at_one_address_are_refused() -> None:
    workshop = Workshop(clock=ManualClock())
    build(Order(name="bay-3-display", evse=3), workshop)
    with pytest.raises(DeviceError, match=r"i2c-1 0x3c belongs to bay-3-display"):
        build(Order(name="bay-4-display", evse=4), workshop)
