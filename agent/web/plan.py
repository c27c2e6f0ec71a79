"""The plan of the site on an own page: where a bay lies as seen from the entrance, as a drawing and in words.

Pure. The drawing is for the eye only; the sentence beside it says the same to everybody. Row 1 is drawn at the bottom,
next to the entrance, so that left on the plan is left for who drives in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.core.layout import ChargingLocation, Evse, EvseId, Place
from agent.web.words import Words

WIDTH_MAX = 352  # of the drawing in CSS px: what a phone of 390 px has between its margins
CELL_WIDTH_MAX = 64
CELL_HEIGHT, LOW_CELL_HEIGHT = 56, 36
TALL_ROWS_MAX = 3  # more rows are drawn lower, so that the plan stays on one screen
GAP = 4  # between two bays of a row
AISLE = 24  # in front of each row
FONT_MAX, FONT_MIN = 22, 16  # `experience.md` 3: never smaller; labels that do not fit are left out
SIGN_WIDTH, CAP_HEIGHT = 0.7, 0.72  # of a bold sign, as parts of its size


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBay:
    """A bay on the plan and its label: inside it, or, where labels do not fit, the own one in the aisle before it."""

    x: int
    y: int
    own: bool
    label: str
    label_x: int
    label_y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan as it is drawn, in CSS px, and the sentence that says the same."""

    title: str
    words: str
    entrance: str
    width: int
    height: int
    cell_width: int
    cell_height: int
    font: int
    inside: bool  # whether labels stand in their bays
    bays: tuple[DrawnBay, ...]


def plan_of(words: Words, location: ChargingLocation, evse: EvseId) -> Plan | None:
    """Return the way to a bay, or None where the site has no plan."""
    own = location.evse(evse)
    if own is None or own.place is None or not location.has_plan:
        return None
    places = [(e, e.place) for e in location.evses if e.place is not None]
    columns, rows = max(p.column for _, p in places), max(p.row for _, p in places)
    grid = _grid(columns, rows, max(len(e.label) for e in location.evses))
    return Plan(
        title=words("label.plan_title", bay=own.label),
        words=words("plan.seen", where=", ".join(_where(words, location, own))),
        entrance=words("plan.entrance"),
        width=grid.width,
        height=rows * (grid.height + AISLE) + AISLE,
        cell_width=grid.cell - GAP,
        cell_height=grid.height,
        font=grid.font,
        inside=grid.inside,
        bays=tuple(_drawn(grid, bay, place, own=bay is own) for bay, place in places),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """The measures of a plan in CSS px."""

    rows: int
    width: int
    cell: int
    height: int
    font: int
    inside: bool


def _grid(columns: int, rows: int, longest: int) -> _Grid:
    """Return the measures for so many columns and rows, and labels of so many signs."""
    cell = min(CELL_WIDTH_MAX, WIDTH_MAX // columns)
    font = min(FONT_MAX, int((cell - 2 * GAP) / (SIGN_WIDTH * longest)))
    return _Grid(
        rows=rows,
        width=columns * cell,
        cell=cell,
        height=CELL_HEIGHT if rows <= TALL_ROWS_MAX else LOW_CELL_HEIGHT,
        font=max(font, FONT_MIN),
        inside=font >= FONT_MIN,
    )


def _drawn(grid: _Grid, bay: Evse, place: Place, *, own: bool) -> DrawnBay:
    x, y = (place.column - 1) * grid.cell + GAP // 2, (grid.rows - place.row) * (grid.height + AISLE) + GAP // 2
    middle, cap = x + (grid.cell - GAP) // 2, round(grid.font * CAP_HEIGHT)
    half = round(len(bay.label) * grid.font * SIGN_WIDTH / 2)
    return DrawnBay(
        x=x,
        y=y,
        own=own,
        label=bay.label if own or grid.inside else "",
        label_x=middle if grid.inside else max(half, min(middle, grid.width - half)),
        label_y=y + ((grid.height + cap) // 2 if grid.inside else grid.height + GAP + cap),
    )


def _where(words: Words, location: ChargingLocation, own: Evse) -> Iterator[str]:
    """Say the row where there are several, the place in it, and the neighbours."""
    here = own.place
    placed = {e.place: e.label for e in location.evses if e.place is not None}
    if here is None:
        return
    if any(p.row != here.row for p in placed):
        yield words("plan.row", row=here.row)
    columns = sorted(p.column for p in placed if p.row == here.row)
    if len(columns) > 1:
        yield _place(words, columns.index(here.column) + 1, len(columns))
    sides = sorted((p.column, name) for p, name in placed.items() if p.row == here.row)
    beside = [name for column, name in sides if abs(column - here.column) == 1]
    match beside:
        case [one]:
            yield words("plan.beside", bay=one)
        case [one, other]:
            yield words("plan.between", bay=one, other=other)


def _place(words: Words, place: int, count: int) -> str:
    """Say a place in a row of at least two, counted from the nearer end."""
    behind = count + 1 - place
    if place == 1:
        return words("plan.left")
    if behind == 1:
        return words("plan.right")
    if place == behind:
        return words("plan.middle")
    return words("plan.from_left", place=place) if place < behind else words("plan.from_right", place=behind)
