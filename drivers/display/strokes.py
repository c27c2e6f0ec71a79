"""Large signs and icons at any size, drawn from strokes.

A sign is a few polylines on a grid of 0..6 by 0..8; a pixel is lit if it lies within half a stroke of one. So one small
table gives 9-pixel digits beside a QR code and 96-pixel codes on a colour panel, with open forms and the same pixels on
every machine (no font, no rasteriser of somebody else). Capitals only: displays shout one word, they do not chat.
"""

from collections.abc import Mapping
from functools import cache
from math import hypot

from drivers.display.bitmap import Bitmap

GRID_WIDTH = 6
GRID_HEIGHT = 8
_STROKE_SHARE = 7.5  # a stroke is this part of the height: bold enough for 5 m at 40 px, open enough at 16 px
_STROKE_MIN_PX = 2
_CACHED = 512  # pictures of signs; a site shows some dozens, a twin at speed 600 not many more

_Point = tuple[float, float]

# Points are pairs of digits x y; polylines are parted by blanks. A lone point is a dot.
_SIGNS: Mapping[str, str] = {
    "A": "0803306368 0565",
    "B": "04 0008 00506163540 4 5465675808 08",
    "C": "6150100107185867",
    "D": "0008 0040626648 0848",
    "E": "60000868 0454",
    "F": "600008 0454",
    "G": "61501001071858676434",
    "H": "0008 6068 0464",
    "I": "3038 1050 1858",
    "J": "606758180706",
    "K": "0008 6004 1568",
    "L": "000868",
    "M": "0800346068",
    "N": "08006860",
    "O": "105061675818070110",
    "P": "08005061635404",
    "Q": "105061675818070110 4668",
    "R": "08005061635404 3468",
    "S": "615010010314546567581807",
    "T": "0060 3038",
    "U": "000718586760",
    "V": "003860",
    "W": "0018345860",
    "X": "0068 6008",
    "Y": "003460 3438",
    "Z": "00600868",
    "0": "105061675818070110",
    "1": "123038 1858",
    "2": "011050616308 0868",
    "3": "01105061635424 5465675818 1807",
    "4": "58500666",
    "5": "6000035364675818 1807",
    "6": "6150100107185867655404",
    "7": "006028",
    "8": "14030110506163541405071858676554",
    "9": "0718586761501001031464",
    "-": "1454",
    "+": "1454 3236",
    "<": "510457",
    ">": "115417",
    "/": "6008",
    "?": "01105061633435 38",
    "%": "6008 11 57",
}
_NARROW: Mapping[str, str] = {":": "12 16", ".": "18", ",": "1709", " ": "", "'": "1012", "!": "1015 18"}
_NARROW_WIDTH = 2
_UMLAUTS: Mapping[str, str] = {"Ä": "A", "Ö": "O", "Ü": "U"}
_MISSING = "0060680800"

ICONS: Mapping[str, str] = {
    "arrow": "0464 417 4",
    "cross": "",
    "lock": "",
    "bolt": "",
    "logo": "",
}
