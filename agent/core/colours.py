"""How far apart two lamp colours look, also to people who see colours differently.

Pure. Simulates protan, deutan and tritan vision at full severity (Machado, Oliveira, Fernandes 2009, linear sRGB) and
measures with CIEDE2000 (Sharma, Wu, Dalal 2005; white point D65). Lamps are not screens: the figures rank, they do not
promise. `check-config` asks it about themes, the tests about the lamp table.
"""

from enum import StrEnum
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

Rgb = tuple[float, float, float]
Lab = tuple[float, float, float]
Matrix = tuple[Rgb, Rgb, Rgb]


class Vision(StrEnum):
    """How somebody sees colours."""

    NORMAL = "normal"
    PROTAN = "protan"
    DEUTAN = "deutan"
    TRITAN = "tritan"


_SIMULATION: dict[Vision, Matrix] = {
    Vision.NORMAL: ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    Vision.PROTAN: (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    Vision.DEUTAN: (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    Vision.TRITAN: (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
_TO_XYZ: Matrix = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_D65: Rgb = (0.95047, 1.0, 1.08883)


def distance(one: str, other: str, vision: Vision) -> float:
    """Return the CIEDE2000 difference of two colours (#rrggbb) as somebody with that vision sees them."""
    return ciede2000(_lab(_seen(one, vision)), _lab(_seen(other, vision)))


def least_distance(one: str, other: str) -> float:
    """Return the smallest CIEDE2000 difference of two colours (#rrggbb) over all kinds of vision."""
    return min(distance(one, other, vision) for vision in Vision)


def linear_rgb(colour: str) -> Rgb:
    """Return the linear sRGB parts, 0 to 1, of a colour #rrggbb; raise ValueError if it is none."""
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(f"{colour}: a colour is written #rrggbb")
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    return red, green, blue


def ciede2000(one: Lab, other: Lab) -> float:
    """Return the CIEDE2000 difference of two CIELAB colours; the numbers are equations of Sharma et al. 2005."""
    l1, a1, b1 = one
    l2, a2, b2 = other
    c_mean = (hypot(a1, b1) + hypot(a2, b2)) / 2  # 2, 3
    g = 0.5 * (1 - sqrt(c_mean**7 / (c_mean**7 + 25.0**7)))  # 4
    a1, a2 = (1 + g) * a1, (1 + g) * a2  # 5
    c1, c2 = hypot(a1, b1), hypot(a2, b2)  # 6
    h1, h2 = _hue(a1, b1), _hue(a2, b2)  # 7
    both_coloured = c1 * c2 != 0
    dh = _turn(h2 - h1) if both_coloured else 0.0  # 10
    hue_part = 2 * sqrt(c1 * c2) * sin(radians(dh / 2))  # 11
    l_mean, c_mean = (l1 + l2) / 2, (c1 + c2) / 2  # 12, 13
    h_mean = h1 + h2 if not both_coloured else _mean_hue(h1, h2)  # 14
    t = 1 - 0.17 * cos(radians(h_mean - 30)) + 0.24 * cos(radians(2 * h_mean))
    t += 0.32 * cos(radians(3 * h_mean + 6)) - 0.20 * cos(radians(4 * h_mean - 63))  # 15
    turn = 30 * exp(-(((h_mean - 275) / 25) ** 2))  # 16
    rc = 2 * sqrt(c_mean**7 / (c_mean**7 + 25.0**7))  # 17
    sl = 1 + 0.015 * (l_mean - 50) ** 2 / sqrt(20 + (l_mean - 50) ** 2)  # 18
    sc, sh = 1 + 0.045 * c_mean, 1 + 0.015 * c_mean * t  # 19, 20
    rt = -sin(radians(2 * turn)) * rc  # 21
    dl, dc, dh = (l2 - l1) / sl, (c2 - c1) / sc, hue_part / sh  # 22
    return sqrt(dl**2 + dc**2 + dh**2 + rt * dc * dh)


def _seen(colour: str, vision: Vision) -> Rgb:
    red, green, blue = _times(_SIMULATION[vision], linear_rgb(colour))
    return _clip(red), _clip(green), _clip(blue)


def _lab(rgb: Rgb) -> Lab:
    x, y, z = (_cube_root(part / white) for part, white in zip(_times(_TO_XYZ, rgb), _D65, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _times(matrix: Matrix, rgb: Rgb) -> Rgb:
    one, two, three = (row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2] for row in matrix)
    return one, two, three


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _cube_root(part: float) -> float:
    """CIELAB's cube root, straight near black."""
    return float(part ** (1 / 3)) if part > (6 / 29) ** 3 else part / (3 * (6 / 29) ** 2) + 4 / 29


def _clip(part: float) -> float:
    return min(max(part, 0.0), 1.0)


def _hue(a: float, b: float) -> float:
    return 0.0 if a == b == 0 else degrees(atan2(b, a)) % 360


def _turn(angle: float) -> float:
    """Return an angle in degrees from -180 to 180."""
    return angle - 360 if angle > 180 else angle + 360 if angle < -180 else angle


def _mean_hue(h1: float, h2: float) -> float:
    total = h1 + h2
    if abs(h1 - h2) <= 180:
        return total / 2
    return (total + 360) / 2 if total < 360 else (total - 360) / 2
