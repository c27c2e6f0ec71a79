"""Where things stand on a small panel: big sign, lines, bar, icon, QR code. Geometry only, no wording.

Pure. Takes a face and a size, returns the pixels. 128 x 64 (SSD1306, SH1106) has words on the left and the code on the
right; a square panel has the words in a strip above the code. Signs are as large as their box allows: a driver reads
them from a car. QR codes as in ISO/IEC 18004, always dark on lit with the quiet zone drawn lit; upper-case addresses of
at most 25 signs stay alphanumeric and fit version 1.
"""

from dataclasses import dataclass
from functools import lru_cache

import segno

from drivers.display.bitmap import Bitmap
from drivers.display.frames import face_at, placement_at
from drivers.display.glyphs import CELL_HEIGHT, CELL_WIDTH, small_text
from drivers.display.strokes import ICONS, icon, large_gap, large_text, large_width
from drivers.ports import Face, Screen

__all__ = ["ICONS", "OLED_SIZE", "render", "render_screen", "text_lines"]

OLED_SIZE = (128, 64)
QUIET_MODULES = 4  # ISO/IEC 18004; version 2 on 64 px only has room for 3.5, which phones still read
_QUIET_MIN_MODULES = 3.5
_QR_LARGEST_VERSION = 2  # more modules than that are too small on every panel we drive
_QR_CACHED = 64
_MARGIN = 1  # what is not the code stays a pixel off the edge, so that the shift cuts nothing
_GAP_SHARE = 21  # gap between rows: 3 px of 64
_BIG_SHARE = 0.625  # a big sign is at most 40 of 64 px high ...
_CELL_ASPECT = 0.6  # ... and 24 wide
_TALLEST_ASPECT = 2.2  # signs narrower than that against their height look squeezed: make them lower
_SMALLEST_LARGE_CELL_PX = 8  # below that, strokes run together: use the 6 x 8 signs
_BAR_PX = 8
_STRIP_ASPECT = 4  # a box wider than this has no room for rows: words stand in one line, or in two
_STRIP_SIGNS = 20
_LEAST_ROWS = 4  # a row under a big sign gets at least this part of the height: 15 of 64 px


class LayoutError(ValueError):
    """A face asks for what no panel can show; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    x: int
    y: int
    width: int
    height: int


def render(face: Face, size: tuple[int, int] = OLED_SIZE, *, tick_s: int = 0) -> Bitmap:
    """Return a face as pixels at a second of the monotonic clock; raise LayoutError for a QR text that is too long."""
    width, height = size
    placement = placement_at(tick_s)
    panel = Bitmap(width, height)
    if face.qr is None:
        box = _Box(x=_MARGIN, y=_MARGIN, width=width - 2 * _MARGIN, height=height - 2 * _MARGIN)
        _draw_words(panel, face, box, placement.shift_x, placement.shift_y)
        return panel
    code = _qr(face.qr, _room_for_qr(size))
    if width >= height * 3 // 2:
        words, code_x, code_y = _beside(size, code, swapped=placement.swapped)
    else:
        words, code_x, code_y = _above(size, code, swapped=placement.swapped)
    _draw_words(panel, face, words, placement.shift_x, placement.shift_y)
    panel.paste(
        code,
        _kept_on(code_x + placement.shift_x, code.width, width),
        _kept_on(code_y + placement.shift_y, code.height, height),
    )
    return panel


def render_screen(screen: Screen, size: tuple[int, int] = OLED_SIZE, *, tick_s: int = 0) -> Bitmap:
    """Return what a screen shows in a second: the face whose turn it is, in its place."""
    return render(face_at(screen, tick_s), size, tick_s=tick_s)


def text_lines(face: Face) -> tuple[str, ...]:
    """Return the words of a face as they are read from top to bottom, without icon, bar and code."""
    return tuple(line for line in (face.big, *face.lines) if line)


def _kept_on(at: int, length: int, room: int) -> int:
    """Return a place for something of a length that lies wholly within the room."""
    return max(0, min(at, room - length))


def _room_for_qr(size: tuple[int, int]) -> int:
    width, height = size
    return height if width >= height * 3 // 2 else min(width, height * 6 // 7)


def _beside(size: tuple[int, int], code: Bitmap, *, swapped: bool) -> tuple[_Box, int, int]:
    """Return the column of the words and the corner of the code on a wide panel."""
    width, height = size
    slack = (height - code.height) // 2
    block = min(code.width + 2 * slack, max(code.width, width - 11 * CELL_WIDTH))
    # A code as wide as its block does not move: the words keep off it on that side too.
    column = width - block - (_MARGIN if block > code.width else 2 * _MARGIN)
    code_left = 0 if swapped else width - block
    words = _Box(
        x=block if swapped else _MARGIN,
        y=_MARGIN,
        width=column,
        height=height - 2 * _MARGIN,
    )
    return words, code_left + (block - code.width) // 2, slack


def _above(size: tuple[int, int], code: Bitmap, *, swapped: bool) -> tuple[_Box, int, int]:
    """Return the strip of the words and the corner of the code on a square panel."""
    width, height = size
    strip = height - code.height
    words = _Box(
        x=_MARGIN,
        y=_MARGIN + (code.height if swapped else 0),
        width=width - 2 * _MARGIN,
        height=strip - 2 * _MARGIN,
    )
    return words, (width - code.width) // 2, 0 if swapped else strip


@lru_cache(maxsize=_QR_CACHED)
def _qr(text: str, room: int) -> Bitmap:
    """Return the code with its lit quiet zone, as large as whole pixels a module allow in `room` pixels."""
    code = segno.make_qr(text, error="l", boost_error=False)
    version = int(code.version)
    if version > _QR_LARGEST_VERSION:
        raise LayoutError(
            f"QR text of {len(text)} signs needs version {version}: shorten the host name or use its address"
        )
    modules = 17 + 4 * version
    module_px = int(room // (modules + 2 * _QUIET_MIN_MODULES))
    quiet_px = min(QUIET_MODULES * module_px, (room - modules * module_px) // 2)
    side = modules * module_px + 2 * quiet_px
    picture = Bitmap(side, side)
    picture.light(0, 0, side, quiet_px)
    picture.light(0, side - quiet_px, side, quiet_px)
    picture.light(0, 0, quiet_px, side)
    picture.light(side - quiet_px, 0, quiet_px, side)
    for y, row in enumerate(code.matrix):
        for x, dark in enumerate(row):
            if not dark:
                picture.light(quiet_px + x * module_px, quiet_px + y * module_px, module_px, module_px)
    return picture


def _draw_words(panel: Bitmap, face: Face, box: _Box, shift_x: int, shift_y: int) -> None:
    """Draw icon, big sign, lines and bar into a box, moved by the shift."""
    box = _Box(x=box.x + shift_x, y=box.y + shift_y, width=box.width, height=box.height)
    if face.icon is not None:
        box = _draw_icon(panel, face.icon, box)
    lines = tuple(line for line in face.lines if line)
    if face.qr is not None and box.width > _STRIP_ASPECT * box.height:
        _stack(panel, _strip(text_lines(face)), box)
        return
    if face.big and lines and face.qr is None and face.bar_percent is None:
        beside = _big_beside(panel, face.big, box)
        if beside is not None:
            _stack(panel, lines, beside)
            return
    if face.bar_percent is not None:
        box = _draw_bar(panel, face.bar_percent, box)
    if face.big:
        box = _big_above(panel, face.big, box, rows=len(lines))
    _stack(panel, lines, box)


def _strip(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return words joined for a strip: one line if it is short, else the last ones below."""
    joined = "  ".join(words)
    return (joined,) if len(joined) <= _STRIP_SIGNS else ("  ".join(words[:-1]), words[-1])


def _gap(box_height: int) -> int:
    return max(2, box_height // _GAP_SHARE)


def _draw_icon(panel: Bitmap, name: str, box: _Box) -> _Box:
    """Draw an icon at the left edge of a wide box and return the rest; a narrow box goes without."""
    size = min(box.height * 2 // 3, box.width * 3 // 10)
    if name not in ICONS:
        raise LayoutError(f"no icon {name!r}: expected one of {', '.join(ICONS)}")
    panel.paste(icon(name, size), box.x + 1, box.y + (box.height - size) // 2)
    taken = size + 1 + 3 * _gap(box.height)
    return _Box(x=box.x + taken, y=box.y, width=box.width - taken, height=box.height)


def _draw_bar(panel: Bitmap, percent: int, box: _Box) -> _Box:
    """Draw a level at the bottom of a box and return the rest. It looks like a battery: its pole says what it is of."""
    height = _BAR_PX * max(1, box.height // OLED_SIZE[1])
    top = box.y + box.height - height
    pole = height // 4
    width = box.width - pole
    panel.light(box.x, top, width, 1)
    panel.light(box.x, top + height - 1, width, 1)
    panel.light(box.x, top, 1, height)
    panel.light(box.x + width - 1, top, 1, height)
    panel.light(box.x + width, top + pole, pole, height - 2 * pole)
    panel.light(box.x + 2, top + 2, (width - 4) * max(0, min(100, percent)) // 100, height - 4)
    return _Box(x=box.x, y=box.y, width=box.width, height=box.height - height - _gap(box.height))


def _big_beside(panel: Bitmap, text: str, box: _Box) -> _Box | None:
    """Draw a short big sign at full size on the left and return the rest, or None if that leaves too little."""
    height = round((box.height + 2 * _MARGIN) * _BIG_SHARE)
    line = large_text(text, cell_width=round(height * _CELL_ASPECT), height=height)
    if line.width > box.width // 2:
        return None
    panel.paste(line, box.x + 1, box.y + (box.height - height) // 2)
    taken = line.width + 1 + 3 * _gap(box.height)
    return _Box(x=box.x + taken, y=box.y, width=box.width - taken, height=box.height)


def _big_above(panel: Bitmap, text: str, box: _Box, *, rows: int) -> _Box:
    """Draw the big sign at the top of a box, lower if several rows follow, and return the rest."""
    gap = _gap(box.height)
    row = box.height // _LEAST_ROWS + gap
    most = min(round((box.height + 2 * _MARGIN) * _BIG_SHARE), box.height - rows * row)
    line = _fitted(text, box.width, max(most, row))
    top = box.y + (0 if rows else (box.height - line.height) // 2)
    panel.paste(line, box.x + (box.width - line.width) // 2, top)
    taken = line.height + gap
    return _Box(x=box.x, y=box.y + taken, width=box.width, height=max(0, box.height - taken))


def _fitted(text: str, width: int, height: int) -> Bitmap:
    """Return a line as large as fits: strokes where they are clear, else the small signs, doubled if they fit."""
    cell = _widest_cell(text, width)
    cell = min(cell, round(height * _CELL_ASPECT))
    if cell >= _SMALLEST_LARGE_CELL_PX:
        return large_text(text, cell_width=cell, height=min(height, round((cell - large_gap(cell)) * _TALLEST_ASPECT)))
    small = small_text(text[: max(1, (width + 1) // CELL_WIDTH)])
    across = max(1, min((width + 1) // small.width, height // CELL_HEIGHT))
    return small.scaled(across, max(1, min(2 * across, height // CELL_HEIGHT)))


def _widest_cell(text: str, width: int) -> int:
    """Return the widest cell in which a text of strokes still fits; 0 if none does."""
    for cell in range(width, _SMALLEST_LARGE_CELL_PX - 1, -1):
        if large_width(text, cell_width=cell) <= width:
            return cell
    return 0


def _stack(panel: Bitmap, lines: tuple[str, ...], box: _Box) -> None:
    """Draw lines under each other, centred, each as large as its share of the height; what has no room is cut."""
    gap = _gap(box.height)
    lines = lines[: max(0, (box.height + gap) // (CELL_HEIGHT + gap))]
    if not lines:
        return
    share = (box.height - gap * (len(lines) - 1)) // len(lines)
    drawn = [_fitted(line, box.width, share) for line in lines]
    spare = box.height - sum(line.height for line in drawn) - gap * (len(drawn) - 1)
    y = box.y + spare // 2
    for line in drawn:
        panel.paste(line, box.x + (box.width - line.width) // 2, y)
        y += line.height + gap
