"""A picture of one bit a pixel: what a small panel shows, and its PNG.

Pure, and free of Pillow on purpose: the twin shows the same pixels in a browser on machines without the `display`
extra, and a drawing of 1 KiB does not need 6 MiB of library. `1` is lit. PNG as in ISO/IEC 15948, one bit of grey.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY_ONE_BIT = bytes((1, 0, 0, 0, 0))  # bit depth, colour type, compression, filter, interlace
_BEST_COMPRESSION = 9


class Bitmap:
    """Lit and dark pixels; x runs right and y down from the top left corner. What is drawn outside is cut off."""

    __slots__ = ("_rows", "height", "width")

    def __init__(self, width: int, height: int) -> None:
        """Make a dark picture; both sizes in pixels, at least 1."""
        if width < 1 or height < 1:
            raise ValueError(f"a bitmap of {width} x {height} pixels: expected at least 1 x 1")
        self.width = width
        self.height = height
        self._rows = [0] * height  # one int a row, its highest bit is x = 0

    @classmethod
    def from_rows(cls, rows: Iterable[str]) -> "Bitmap":
        """Return the picture drawn in text rows of one width: a blank is dark, all else is lit."""
        drawn = tuple(rows)
        bitmap = cls(len(drawn[0]), len(drawn))
        for y, row in enumerate(drawn):
            for x, sign in enumerate(row):
                if sign != " ":
                    bitmap.light(x, y)
        return bitmap

    def __eq__(self, other: object) -> bool:
        """Return whether both show the same."""
        return isinstance(other, Bitmap) and self.width == other.width and self._rows == other._rows

    __hash__ = None  # type: ignore[assignment]  # it changes while it is drawn

    def lit(self, x: int, y: int) -> bool:
        """Return whether a pixel is lit; what lies outside is dark."""
        inside = 0 <= x < self.width and 0 <= y < self.height
        return inside and bool(self._rows[y] >> (self.width - 1 - x) & 1)

    def light(self, x: int, y: int, width: int = 1, height: int = 1) -> None:
        """Light a rectangle."""
        right, bottom = min(self.width, x + width), min(self.height, y + height)
        x, y = max(0, x), max(0, y)
        if right <= x:
            return
        bits = ((1 << (right - x)) - 1) << (self.width - right)
        for row in range(y, bottom):
            self._rows[row] |= bits

    def paste(self, other: "Bitmap", x: int, y: int) -> None:
        """Light what is lit in another picture whose top left corner is put at x, y."""
        shift = self.width - x - other.width
        everything = (1 << self.width) - 1
        for at, bits in enumerate(other._rows, start=y):
            if 0 <= at < self.height:
                self._rows[at] |= (bits << shift if shift >= 0 else bits >> -shift) & everything

    def scaled(self, across: int, down: int | None = None) -> "Bitmap":
        """Return the picture with each pixel as a rectangle of `across` by `down` pixels, a square without `down`."""
        down = across if down is None else down
        larger = Bitmap(self.width * across, self.height * down)
        for x, y in self.pixels():
            larger.light(x * across, y * down, across, down)
        return larger

    def pixels(self) -> Iterator[tuple[int, int]]:
        """Yield the lit pixels from left to right, row by row."""
        for y, bits in enumerate(self._rows):
            for x in range(self.width):
                if bits >> (self.width - 1 - x) & 1:
                    yield x, y

    def bounds(self) -> tuple[int, int, int, int] | None:
        """Return left, top, right and bottom (both exclusive) of what is lit, or None if all is dark."""
        lit = list(self.pixels())
        if not lit:
            return None
        columns, rows = [x for x, _ in lit], [y for _, y in lit]
        return min(columns), min(rows), max(columns) + 1, max(rows) + 1

    def packed(self) -> bytes:
        """Return the rows packed as PNG and Pillow's mode "1" do: eight pixels a byte, leftmost in the highest bit."""
        stride = (self.width + 7) // 8
        return b"".join((bits << (stride * 8 - self.width)).to_bytes(stride, "big") for bits in self._rows)

    def png(self) -> bytes:
        """Return the picture as a PNG file, lit pixels white."""
        stride = (self.width + 7) // 8
        packed = self.packed()
        lines = b"".join(b"\0" + packed[at : at + stride] for at in range(0, len(packed), stride))
        header = struct.pack(">II", self.width, self.height) + _GREY_ONE_BIT
        body = zlib.compress(lines, _BEST_COMPRESSION)
        return _PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
