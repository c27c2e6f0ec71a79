"""Small displays: golden pictures of every state, codes that decode, nothing cut, nothing burnt in.

`STATIONMASTER_GOLDEN=write pytest tests/drivers/test_display_layout.py` draws the golden pictures anew: look at them.
"""

import io
import os
from itertools import pairwise, product
from pathlib import Path

import pytest
from faces import ADDRESS, LONG_ADDRESS, face

from agent.texts import DisplayState, Language, face_text, load
from drivers.display.bitmap import Bitmap
from drivers.display.frames import Contrast, face_at, placement_at, starting_screen
from drivers.display.glyphs import known, small_text
from drivers.display.layout import OLED_SIZE, LayoutError, render, render_screen, text_lines
from drivers.display.png import screen_png
from drivers.display.strokes import large_sign_known, large_text, large_width
from drivers.ports import Face, Screen

image = pytest.importorskip("PIL.Image")
image_filter = pytest.importorskip("PIL.ImageFilter")
zxingcpp = pytest.importorskip("zxingcpp")

GOLDEN = Path(__file__).parent / "golden"
SQUARE = (240, 240)
ALL = list(product(DisplayState, Language))
WITH_QR = [(state, language) for state, language in ALL if face(state, language).qr is not None]
# One second of each place, and on which side the code stands then.
SIDES = {tick: placement_at(tick).swapped for tick in range(0, 10800, 60)}


def picture(bitmap: Bitmap) -> object:
    """Return a bitmap as a Pillow picture of grey values."""
    return image.open(io.BytesIO(bitmap.png())).convert("L")


def decoded(bitmap: Bitmap, *, blur_modules: float, module_px: int) -> list[str]:
    """Return what a reader finds in a picture seen four times as large, after a blur of a part of a module."""
    large = image.open(io.BytesIO(bitmap.scaled(4).png())).convert("L")
    if blur_modules:
        large = large.filter(image_filter.GaussianBlur(4 * module_px * blur_modules))
    return [found.text for found in zxingcpp.read_barcodes(large)]


@pytest.mark.parametrize(("state", "language"), ALL)
@pytest.mark.parametrize("size", [OLED_SIZE, SQUARE])
def test_a_face_looks_as_it_was_approved(state: DisplayState, language: Language, size: tuple[int, int]) -> None:
    path = GOLDEN / f"{state.value}-{language.value}-{size[0]}x{size[1]}.png"
    drawn = render(face(state, language), size)
    if os.environ.get("STATIONMASTER_GOLDEN") == "write":
        path.write_bytes(drawn.png())
    approved = image.open(path).convert("1")
    assert approved.size == size
    assert drawn.packed() == approved.tobytes()


def test_no_golden_picture_is_left_over() -> None:
    wanted = {f"{s.value}-{lang.value}-{w}x{h}.png" for s, lang in ALL for w, h in (OLED_SIZE, SQUARE)}
    assert {path.name for path in GOLDEN.glob("*.png")} == wanted


@pytest.mark.parametrize(("state", "language"), WITH_QR)
@pytest.mark.parametrize("address", [ADDRESS, LONG_ADDRESS])
@pytest.mark.parametrize("blur_modules", [0, 1 / 3])
def test_every_code_decodes_sharp_and_blurred(
    state: DisplayState, language: Language, address: str, blur_modules: float
) -> None:
    for tick_s in (0, 600):
        drawn = render(face(state, language, address=address), tick_s=tick_s)
        assert decoded(drawn, blur_modules=blur_modules, module_px=2) == [address]


@pytest.mark.parametrize("address", [ADDRESS, LONG_ADDRESS])
def test_the_code_of_a_square_panel_decodes(address: str) -> None:
    drawn = render(face(DisplayState.FREE, Language.DE, address=address), SQUARE)
    assert decoded(drawn, blur_modules=1 / 3, module_px=6) == [address]


def test_a_code_has_its_quiet_zone_lit() -> None:
    drawn = render(Face(qr=ADDRESS))
    left, top, right, bottom = drawn.bounds() or (0, 0, 0, 0)
    assert (right - left, bottom - top) == (58, 58)
    quiet = 8
    for y in range(top, bottom):
        for x in range(left, right):
            inside = left + quiet <= x < right - quiet and top + quiet <= y < bottom - quiet
            assert inside or drawn.lit(x, y)


def test_a_long_host_still_has_three_and_a_half_modules_of_quiet() -> None:
    drawn = render(Face(qr=LONG_ADDRESS))
    assert drawn.bounds() == (64, 0, 128, 64)
    assert all(drawn.lit(64 + x, y) for x in range(7) for y in range(64))


def test_an_address_too_long_for_the_panel_is_refused() -> None:
    with pytest.raises(LayoutError, match="needs version 3: shorten the host name"):
        render(Face(qr="http://ladepark-rasthof-nord.example.org/483921"))


def test_an_unknown_icon_is_refused() -> None:
    with pytest.raises(LayoutError, match="no icon 'skull'"):
        render(Face(icon="skull", lines=("X",)))


@pytest.mark.parametrize(("state", "language"), ALL)
def test_no_line_is_longer_than_its_room(state: DisplayState, language: Language) -> None:
    shown = face(state, language, longest=True)
    room = 11 if shown.qr else 13 if shown.icon else 11 if shown.big and len(shown.big) == 2 else 21
    assert [line for line in text_lines(shown) if len(line) > room] == []


@pytest.mark.parametrize(("state", "language"), ALL)
def test_every_sign_of_a_face_has_a_glyph_in_both_sizes(state: DisplayState, language: Language) -> None:
    signs = set("".join(text_lines(face(state, language, longest=True))))
    assert [sign for sign in sorted(signs) if not known(sign) or not large_sign_known(sign.upper())] == []


@pytest.mark.parametrize(("state", "language"), ALL)
@pytest.mark.parametrize("size", [OLED_SIZE, SQUARE])
def test_the_shift_keeps_every_pixel_on_the_panel(
    state: DisplayState, language: Language, size: tuple[int, int]
) -> None:
    shown = face(state, language, longest=True)
    for swapped in (False, True):
        ticks = [tick for tick, side in SIDES.items() if side is swapped]
        lit = {len(list(render(shown, size, tick_s=tick).pixels())) for tick in ticks[:9]}
        assert len(lit) == 1


def test_no_pixel_of_a_word_stays_where_it_is_for_ever() -> None:
    shown = face(DisplayState.HELD, Language.EN)
    always = None
    for tick in SIDES:
        lit = set(render(shown, tick_s=tick).pixels())
        always = lit if always is None else always & lit
    first = set(render(shown, tick_s=0).pixels())
    assert len(always or ()) < len(first) * 0.6


def test_code_and_words_change_sides_every_ten_minutes() -> None:
    shown = Face(qr=ADDRESS)
    assert [(render(shown, tick_s=tick).bounds() or (0,))[0] > 60 for tick in (0, 599, 600, 1199, 1200)] == [
        *(True, True, False, False, True)
    ]


def test_places_move_by_one_pixel_at_a_time() -> None:
    places = [placement_at(tick) for tick in range(0, 3600, 60)]
    for before, after in pairwise(places):
        assert abs(before.shift_x - after.shift_x) <= 1
        assert abs(before.shift_y - after.shift_y) <= 1
    assert {(place.shift_x, place.shift_y) for place in places} == set(product((-1, 0, 1), repeat=2))


def test_languages_alternate_every_four_seconds_by_hard_cut() -> None:
    screen = Screen(faces=(Face(big="FREE"), Face(big="FREI")))
    assert [face_at(screen, tick).big for tick in (0, 3, 4, 7, 8)] == ["FREE", "FREE", "FREI", "FREI", "FREE"]


def test_contrast_is_bright_after_an_event_also_at_night() -> None:
    face_shown = Face(big="FREE")
    awake, idle = Screen(faces=(face_shown,)), Screen(faces=(face_shown,), awake=False)
    levels = Contrast()
    assert [levels.level(screen, night=night) for screen in (awake, idle) for night in (False, True)] == [
        *(0xCF, 0xCF, 0x30, 0x10)
    ]
    with pytest.raises(ValueError, match="contrast idle is 256"):
        Contrast(idle=256)


def test_the_bar_grows_with_its_level() -> None:
    lit = [len(list(render(Face(big="74 KW", bar_percent=level)).pixels())) for level in (-5, 0, 50, 100, 130)]
    assert lit[0] == lit[1] < lit[2] < lit[3] == lit[4]


def test_the_words_of_starting_are_those_of_the_catalogue() -> None:
    words = tuple(face_text(load(), DisplayState.STARTING, language).lines[0] for language in Language)
    assert words == ("STARTING", "STARTET")
    assert starting_screen(words).faces == tuple(face(DisplayState.STARTING, language) for language in Language)


def test_the_png_of_a_screen_is_what_the_panel_gets_only_larger() -> None:
    screen = Screen(faces=(face(DisplayState.HELD, Language.EN), face(DisplayState.HELD, Language.DE)))
    png = image.open(io.BytesIO(screen_png(screen, tick_s=4)))
    assert png.size == (384, 192)
    small = png.resize(OLED_SIZE, image.Resampling.NEAREST).convert("1")
    assert small.tobytes() == render_screen(screen, tick_s=4).packed()


def test_a_missing_sign_is_seen_as_a_frame() -> None:
    assert small_text("☃") == small_text("漢")
    assert large_text("☃", cell_width=24, height=40) == large_text("漢", cell_width=24, height=40)


def test_large_text_is_as_wide_as_said() -> None:
    for text in ("K7", "4:32", "GEBÜHR 15:02", "W"):
        assert large_text(text, cell_width=20, height=30).width == large_width(text, cell_width=20)


def test_a_face_with_more_lines_than_room_keeps_the_first() -> None:
    many = render(Face(lines=tuple(f"LINE {number}" for number in range(20))))
    few = render(Face(lines=tuple(f"LINE {number}" for number in range(6))))
    assert many == few


def test_a_bitmap_cuts_what_is_drawn_outside() -> None:
    bitmap = Bitmap(4, 2)
    bitmap.light(-3, -1, 4, 2)
    bitmap.paste(Bitmap.from_rows(("##", "##")), 3, 1)
    assert list(bitmap.pixels()) == [(0, 0), (3, 1)]
    assert not bitmap.lit(9, 9)
    with pytest.raises(ValueError, match="at least 1 x 1"):
        Bitmap(0, 5)
