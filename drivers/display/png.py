"""A display as a picture file, for the twin panel and the console: the pixels the panel gets, only larger.

Pure. Draws with the same code as the panel's driver, so what is seen in the browser is what stands at the bay.
"""

from drivers.display.layout import OLED_SIZE, render_screen
from drivers.ports import Screen

SCALE = 3  # 384 x 192: sharp and readable on a page, about 1 KiB


def screen_png(screen: Screen, *, tick_s: int, size: tuple[int, int] = OLED_SIZE, scale: int = SCALE) -> bytes:
    """Return what a screen shows at a second of the monotonic clock as a PNG, each pixel a square of `scale`."""
    return render_screen(screen, size, tick_s=tick_s).scaled(scale).png()
