"""Which face a screen shows at an instant, and how a panel is spared: shift, change of sides, brightness.

Pure: time is an argument, in whole seconds of the site's monotonic clock, so that all displays of a site cut together.
Decides no wording and nothing about what is urgent.
"""

from dataclasses import dataclass

from drivers.ports import Face, Screen

FACE_S = 4  # languages alternate by hard cut: long enough to read three short lines
SHIFT_S = 60  # an OLED picture moves by a pixel, so that no edge burns in
SIDES_S = 600  # code and words change sides

# A walk over the nine places, each one pixel from the one before.
_SHIFTS = ((0, 0), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a picture stands on its panel now: shift in pixels, and whether the sides are changed."""

    shift_x: int
    shift_y: int
    swapped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Contrast levels of an OLED (0 to 255): after something happened at the bay, else, and at night."""

    awake: int = 0xCF
    idle: int = 0x30
    night: int = 0x10

    def __post_init__(self) -> None:
        """Refuse levels the controllers do not have."""
        for name, level in (("awake", self.awake), ("idle", self.idle), ("night", self.night)):
            if not 0 <= level <= 0xFF:
                raise ValueError(f"contrast {name} is {level}: expected 0 to 255")

    def level(self, screen: Screen, *, night: bool) -> int:
        """Return the level for a screen; what just happened is shown bright also at night."""
        if screen.awake:
            return self.awake
        return self.night if night else self.idle


def starting_screen(words: tuple[str, ...]) -> Screen:
    """Return what a display shows while nobody tells it what is true: logo and word, one word a language, dimmed."""
    return Screen(faces=tuple(Face(lines=(word,), icon="logo") for word in words), awake=False)


def face_at(screen: Screen, tick_s: int) -> Face:
    """Return the face a screen shows in a second."""
    return screen.faces[tick_s // FACE_S % len(screen.faces)]


def placement_at(tick_s: int) -> Placement:
    """Return where a picture stands in a second."""
    shift_x, shift_y = _SHIFTS[tick_s // SHIFT_S % len(_SHIFTS)]
    return Placement(shift_x=shift_x, shift_y=shift_y, swapped=tick_s // SIDES_S % 2 == 1)
