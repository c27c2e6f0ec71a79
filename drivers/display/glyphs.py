"""Small signs: 5x7 dots in a cell of 6x8, one row of which is for what hangs below the line.

Drawn for this project, so that no font file and no licence travels with it. Each sign is eight rows from the top, a row
is a number whose bit 16 is the leftmost dot. German letters and the few signs of the displays are here; everything else
shows as a frame, so that a missing sign is seen.
"""

from collections.abc import Mapping

from drivers.display.bitmap import Bitmap

CELL_WIDTH = 6
CELL_HEIGHT = 8
_DOTS = 5

_ROWS: Mapping[str, str] = {
    " ": "00 00 00 00 00 00 00 00",
    "!": "04 04 04 04 04 00 04 00",
    '"': "0A 0A 0A 00 00 00 00 00",
    "#": "0A 0A 1F 0A 1F 0A 0A 00",
    "$": "04 0F 14 0E 05 1E 04 00",
    "%": "18 19 02 04 08 13 03 00",
    "&": "0C 12 14 08 15 12 0D 00",
    "'": "04 04 08 00 00 00 00 00",
    "(": "02 04 08 08 08 04 02 00",
    ")": "08 04 02 02 02 04 08 00",
    "*": "00 04 15 0E 15 04 00 00",
    "+": "00 04 04 1F 04 04 00 00",
    ",": "00 00 00 00 00 0C 04 08",
    "-": "00 00 00 1F 00 00 00 00",
    ".": "00 00 00 00 00 0C 0C 00",
    "/": "00 01 02 04 08 10 00 00",
    "0": "0E 11 13 15 19 11 0E 00",
    "1": "04 0C 04 04 04 04 0E 00",
    "2": "0E 11 01 02 04 08 1F 00",
    "3": "1F 02 04 02 01 11 0E 00",
    "4": "02 06 0A 12 1F 02 02 00",
    "5": "1F 10 1E 01 01 11 0E 00",
    "6": "06 08 10 1E 11 11 0E 00",
    "7": "1F 01 02 04 08 08 08 00",
    "8": "0E 11 11 0E 11 11 0E 00",
    "9": "0E 11 11 0F 01 02 0C 00",
    ":": "00 0C 0C 00 0C 0C 00 00",
    ";": "00 0C 0C 00 0C 04 08 00",
    "<": "02 04 08 10 08 04 02 00",
    "=": "00 00 1F 00 1F 00 00 00",
    ">": "08 04 02 01 02 04 08 00",
    "?": "0E 11 01 02 04 00 04 00",
    "@": "0E 11 17 15 17 10 0E 00",
    "A": "0E 11 11 11 1F 11 11 00",
    "B": "1E 11 11 1E 11 11 1E 00",
    "C": "0E 11 10 10 10 11 0E 00",
    "D": "1C 12 11 11 11 12 1C 00",
    "E": "1F 10 10 1E 10 10 1F 00",
    "F": "1F 10 10 1E 10 10 10 00",
    "G": "0E 11 10 17 11 11 0F 00",
    "H": "11 11 11 1F 11 11 11 00",
    "I": "0E 04 04 04 04 04 0E 00",
    "J": "07 02 02 02 02 12 0C 00",
    "K": "11 12 14 18 14 12 11 00",
    "L": "10 10 10 10 10 10 1F 00",
    "M": "11 1B 15 15 11 11 11 00",
    "N": "11 11 19 15 13 11 11 00",
    "O": "0E 11 11 11 11 11 0E 00",
    "P": "1E 11 11 1E 10 10 10 00",
    "Q": "0E 11 11 11 15 12 0D 00",
    "R": "1E 11 11 1E 14 12 11 00",
    "S": "0F 10 10 0E 01 01 1E 00",
    "T": "1F 04 04 04 04 04 04 00",
    "U": "11 11 11 11 11 11 0E 00",
    "V": "11 11 11 11 11 0A 04 00",
    "W": "11 11 11 15 15 15 0A 00",
    "X": "11 11 0A 04 0A 11 11 00",
    "Y": "11 11 11 0A 04 04 04 00",
    "Z": "1F 01 02 04 08 10 1F 00",
    "[": "0E 08 08 08 08 08 0E 00",
    "\\": "00 10 08 04 02 01 00 00",
    "]": "0E 02 02 02 02 02 0E 00",
    "^": "04 0A 11 00 00 00 00 00",
    "_": "00 00 00 00 00 00 00 1F",
    "`": "08 04 02 00 00 00 00 00",
    "a": "00 00 0E 01 0F 11 0F 00",
    "b": "10 10 16 19 11 11 1E 00",
    "c": "00 00 0E 10 10 11 0E 00",
    "d": "01 01 0D 13 11 11 0F 00",
    "e": "00 00 0E 11 1F 10 0E 00",
    "f": "06 09 08 1C 08 08 08 00",
    "g": "00 00 0F 11 11 0F 01 0E",
    "h": "10 10 16 19 11 11 11 00",
    "i": "04 00 0C 04 04 04 0E 00",
    "j": "02 00 06 02 02 02 12 0C",
    "k": "10 10 12 14 18 14 12 00",
    "l": "0C 04 04 04 04 04 0E 00",
    "m": "00 00 1A 15 15 11 11 00",
    "n": "00 00 16 19 11 11 11 00",
    "o": "00 00 0E 11 11 11 0E 00",
    "p": "00 00 1E 11 11 1E 10 10",
    "q": "00 00 0F 11 11 0F 01 01",
    "r": "00 00 16 19 10 10 10 00",
    "s": "00 00 0E 10 0E 01 1E 00",
    "t": "08 08 1C 08 08 09 06 00",
    "u": "00 00 11 11 11 13 0D 00",
    "v": "00 00 11 11 11 0A 04 00",
    "w": "00 00 11 11 15 15 0A 00",
    "x": "00 00 11 0A 04 0A 11 00",
    "y": "00 00 11 11 11 0F 01 0E",
    "z": "00 00 1F 02 04 08 1F 00",
    "{": "02 04 04 08 04 04 02 00",
    "|": "04 04 04 04 04 04 04 00",
    "}": "08 04 04 02 04 04 08 00",
    "~": "00 00 08 15 02 00 00 00",
    "Ä": "11 00 0E 11 1F 11 11 00",
    "Ö": "11 00 0E 11 11 11 0E 00",
    "Ü": "11 00 11 11 11 11 0E 00",
    "ä": "0A 00 0E 01 0F 11 0F 00",
    "ö": "0A 00 0E 11 11 11 0E 00",
    "ü": "0A 00 11 11 11 13 0D 00",
    "ß": "0C 12 12 14 12 12 14 00",
    "é": "02 04 0E 11 1F 10 0E 00",
    "°": "0C 12 12 0C 00 00 00 00",
    "·": "00 00 00 0C 0C 00 00 00",
    "×": "00 11 0A 04 0A 11 00 00",
    "–": "00 00 00 1F 00 00 00 00",
    "→": "00 04 02 1F 02 04 00 00",
    "←": "00 04 08 1F 08 04 00 00",
    "€": "07 08 1E 08 1E 08 07 00",
}
_MISSING = "1F 11 11 11 11 11 1F 00"


def known(sign: str) -> bool:
    """Return whether there is a glyph for a sign."""
    return sign in _ROWS


def _draw(rows: str) -> Bitmap:
    dots = (int(row, 16) for row in rows.split())
    return Bitmap.from_rows(f"{row:0{_DOTS}b}".replace("0", " ") + " " * (CELL_WIDTH - _DOTS) for row in dots)


_GLYPHS: Mapping[str, Bitmap] = {sign: _draw(rows) for sign, rows in _ROWS.items()}
_FRAME = _draw(_MISSING)


def small_text(text: str) -> Bitmap:
    """Return a line of small signs, 6 pixels a sign and 8 high; the text must not be empty."""
    line = Bitmap(len(text) * CELL_WIDTH, CELL_HEIGHT)
    for at, sign in enumerate(text):
        line.paste(_GLYPHS.get(sign, _FRAME), at * CELL_WIDTH, 0)
    return line
