"""Large signs and icons at any size, drawn from strokes.

A sign is a few polylines on a grid of 0..6 by 0..8; a pixel is lit if it lies within half a stroke of one. So one small
table gives 9-pixel digits beside a QR code and 96-pixel codes on a colour panel, with open forms and the same pixels on
every machine (no font, no rasteriser of somebody else). Capitals only: displays say one word, they do not chat.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from math import ceil, hypot

from drivers.display.bitmap import Bitmap

GRID_WIDTH = 6
GRID_HEIGHT = 8
_STROKE_SHARE = 7  # a stroke is this part of the height: bold enough for 5 m at 40 px, open enough at 16 px
_STROKE_MIN_PX = 2
_CACHED = 512  # pictures of signs; a site shows some dozens of signs in a few sizes

_Point = tuple[float, float]
_Lines = tuple[tuple[_Point, ...], ...]

# Points are x,y; polylines are parted by semicolons. A lone point is a dot.
_SIGNS: Mapping[str, str] = {
    "A": "0,8 0,3 3,0 6,3 6,8; 0,5.5 6,5.5",
    "B": "0,8 0,0 5,0 6,1 6,3 5,4 0,4; 5,4 6,5 6,7 5,8 0,8",
    "C": "6,1 5,0 1,0 0,1 0,7 1,8 5,8 6,7",
    "D": "0,8 0,0 4,0 6,2 6,6 4,8 0,8",
    "E": "6,0 0,0 0,8 6,8; 0,4 5,4",
    "F": "6,0 0,0 0,8; 0,4 5,4",
    "G": "6,1 5,0 1,0 0,1 0,7 1,8 5,8 6,7 6,4 3.5,4",
    "H": "0,0 0,8; 6,0 6,8; 0,4 6,4",
    "I": "3,0 3,8; 1,0 5,0; 1,8 5,8",
    "J": "6,0 6,7 5,8 1,8 0,7 0,6",
    "K": "0,0 0,8; 6,0 0,5; 2,3.5 6,8",
    "L": "0,0 0,8 6,8",
    "N": "0,8 0,0 6,8 6,0",
    "O": "1,0 5,0 6,1 6,7 5,8 1,8 0,7 0,1 1,0",
    "P": "0,8 0,0 5,0 6,1 6,4 5,5 0,5",
    "Q": "1,0 5,0 6,1 6,7 5,8 1,8 0,7 0,1 1,0; 4,6 6,8",
    "R": "0,8 0,0 5,0 6,1 6,3.5 5,4.5 0,4.5; 3,4.5 6,8",
    "S": "6,1 5,0 1,0 0,1 0,3 1,4 5,4 6,5 6,7 5,8 1,8 0,7",
    "T": "0,0 6,0; 3,0 3,8",
    "U": "0,0 0,7 1,8 5,8 6,7 6,0",
    "V": "0,0 3,8 6,0",
    "X": "0,0 6,8; 6,0 0,8",
    "Y": "0,0 3,4 6,0; 3,4 3,8",
    "Z": "0,0 6,0 0,8 6,8",
    "0": "1,0 5,0 6,1 6,7 5,8 1,8 0,7 0,1 1,0",
    "1": "1,2 3,0 3,8; 1,8 5,8",
    "2": "0,1 1,0 5,0 6,1 6,3 0,8 6,8",
    "3": "0,1 1,0 5,0 6,1 6,3 5,4 2,4; 5,4 6,5 6,7 5,8 1,8 0,7",
    "4": "5,8 5,0 0,5.5 6,5.5",
    "5": "6,0 0,0 0,3.5 5,3.5 6,4.5 6,7 5,8 1,8 0,7",
    "6": "6,1 5,0 1,0 0,1 0,7 1,8 5,8 6,7 6,5 5,4 0,4",
    "7": "0,0 6,0 2,8",
    "8": "1,4 0,3 0,1 1,0 5,0 6,1 6,3 5,4 1,4 0,5 0,7 1,8 5,8 6,7 6,5 5,4",
    "9": "0,7 1,8 5,8 6,7 6,1 5,0 1,0 0,1 0,3 1,4 6,4",
    "-": "1,4 5,4",
    "+": "1,4 5,4; 3,2 3,6",
    "<": "5.5,1 0.5,4 5.5,7",
    ">": "0.5,1 5.5,4 0.5,7",
    "/": "6,0 0,8",
    "?": "0,1 1,0 5,0 6,1 6,3 3,5; 3,8",
    "×": "1,2 5,6; 5,2 1,6",
}
_WIDE: Mapping[str, str] = {"M": "0,8 0,0 3.5,4 7,0 7,8", "W": "0,0 2,8 4,2 6,8 8,0"}
_WIDE_WIDTHS: Mapping[str, int] = {"M": 7, "W": 8}  # in six units their strokes would run together
_NARROW: Mapping[str, str] = {":": "1,2; 1,6", ".": "1,8", ",": "1,7.6 0.4,8.8", " ": "", "'": "1,0 1,2", "·": "1,4"}
_NARROW_WIDTH = 2
_UMLAUTS: Mapping[str, str] = {"Ä": "A", "Ö": "O", "Ü": "U"}
_UMLAUT_TOP = 2.2  # the letter begins here, its dots stand above
_MISSING = "0,0 6,0 6,8 0,8 0,0"  # a frame, so that a missing sign is seen

# Icons on a grid of 0..8 by 0..8.
_ICONS: Mapping[str, str] = {
    "arrow": "0,4 8,4; 4.5,0.5 8,4 4.5,7.5",
    "cross": "0.5,0.5 7.5,7.5; 7.5,0.5 0.5,7.5",
    "lock": "1,4 7,4 7,8 1,8 1,4; 2,4 2,1.5 3,0.5 5,0.5 6,1.5 6,4; 4,5.6 4,6.4",
    "bolt": "5,0 1.5,4.5 6,4 3,8",
    "logo": "2.2,0 5.8,0 8,2.2 8,5.8 5.8,8 2.2,8 0,5.8 0,2.2 2.2,0; 4.6,1.8 2.8,4.3 5.4,3.9 3.6,6.4",
}
ICONS = tuple(_ICONS)
_ICON_GRID = 8


def _parsed(source: str) -> _Lines:
    """Return the polylines of a sign."""
    lines = []
    for line in filter(None, source.split(";")):
        points = [tuple(float(number) for number in point.split(",")) for point in line.split()]
        lines.append(tuple((point[0], point[1]) for point in points))
    return tuple(lines)


@cache
def _lines(sign: str) -> tuple[_Lines, int]:
    """Return the polylines of a sign and the width of its grid."""
    if sign in _UMLAUTS:
        lines, width = _lines(_UMLAUTS[sign])
        share = (GRID_HEIGHT - _UMLAUT_TOP) / GRID_HEIGHT
        low = tuple(tuple((x, _UMLAUT_TOP + y * share) for x, y in line) for line in lines)
        return (*low, ((1.5, 0.0),), ((4.5, 0.0),)), width
    if sign in _NARROW:
        return _parsed(_NARROW[sign]), _NARROW_WIDTH
    if sign in _WIDE:
        return _parsed(_WIDE[sign]), _WIDE_WIDTHS[sign]
    return _parsed(_SIGNS.get(sign, _MISSING)), GRID_WIDTH


def large_sign_known(sign: str) -> bool:
    """Return whether a capital, a figure or a mark has strokes of its own."""
    return any(sign in table for table in (_SIGNS, _WIDE, _NARROW, _UMLAUTS))


def _distance(x: float, y: float, a: _Point, b: _Point) -> float:
    """Return how far a point is from the stretch between two others."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    along = 0.0 if length == 0 else max(0.0, min(1.0, ((x - a[0]) * dx + (y - a[1]) * dy) / length))
    return hypot(x - a[0] - along * dx, y - a[1] - along * dy)


def _drawn(lines: _Lines, grid: tuple[int, int], width: int, height: int, stroke: float) -> Bitmap:
    """Return polylines drawn so that the outer edges of the strokes touch the edges of the picture."""
    across, down = (width - stroke) / grid[0], (height - stroke) / grid[1]
    shift = (stroke - 1) / 2  # pixel centres count from 0
    placed = [[(x * across + shift, y * down + shift) for x, y in line] for line in lines]
    segments = [(line[0], line[0]) if len(line) == 1 else pair for line in placed for pair in _pairs(line)]
    picture = Bitmap(width, height)
    reach = ceil(stroke / 2)
    for a, b in segments:
        for y in range(int(min(a[1], b[1])) - reach, int(max(a[1], b[1])) + reach + 2):
            for x in range(int(min(a[0], b[0])) - reach, int(max(a[0], b[0])) + reach + 2):
                if _distance(x, y, a, b) <= stroke / 2:
                    picture.light(x, y)
    return picture


def _pairs(line: list[_Point]) -> list[tuple[_Point, _Point]]:
    return list(zip(line, line[1:] or line, strict=False))


def stroke_px(height: int) -> int:
    """Return the width of the strokes of signs that are `height` pixels high."""
    return max(_STROKE_MIN_PX, round(height / _STROKE_SHARE))


@lru_cache(maxsize=_CACHED)
def _sign(sign: str, width: int, height: int, stroke: int) -> Bitmap:
    lines, grid_width = _lines(sign)
    return _drawn(lines, (grid_width, GRID_HEIGHT), width, height, stroke)


def _sign_width(sign: str, cell_width: int) -> int:
    """Return the width of a sign without its gap."""
    full = cell_width - large_gap(cell_width)
    return max(_STROKE_MIN_PX, round(full * _lines(sign)[1] / GRID_WIDTH))


def _capitals(text: str) -> str:
    return text.upper().replace("ẞ", "SS")


def large_width(text: str, *, cell_width: int) -> int:
    """Return how wide `large_text` draws a text, in pixels."""
    gap = large_gap(cell_width)
    return sum(_sign_width(sign, cell_width) + gap for sign in _capitals(text)) - gap


def large_text(text: str, *, cell_width: int, height: int) -> Bitmap:
    """Return a line of capitals, `height` pixels high; a full sign takes `cell_width` with the gap behind it."""
    stroke = min(stroke_px(height), max(_STROKE_MIN_PX, cell_width // 4))
    gap = large_gap(cell_width)
    signs = [_sign(sign, _sign_width(sign, cell_width), height, stroke) for sign in _capitals(text)]
    line = Bitmap(large_width(text, cell_width=cell_width), height)
    x = 0
    for sign in signs:
        line.paste(sign, x, 0)
        x += sign.width + gap
    return line


def large_gap(cell_width: int) -> int:
    """Return the gap between two signs of a cell width."""
    return max(2, cell_width // 6)


@lru_cache(maxsize=_CACHED)
def icon(name: str, size: int) -> Bitmap:
    """Return an icon as a square of `size` pixels; raise KeyError for a name that is not in ICONS."""
    return _drawn(_parsed(_ICONS[name]), (_ICON_GRID, _ICON_GRID), size, size, stroke_px(size))
