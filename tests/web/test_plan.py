"""The way to a bay: in words that say the same as the drawing, and only where every bay has its place."""

import re
from pathlib import Path

import pytest
from stages import STAGES
from web_fixtures import Phone, placed, serving

from agent.core.layout import ChargingLocation, EvseId
from agent.core.page import PageState
from agent.texts import Language, load
from agent.web.plan import WIDTH_MAX, Plan, plan_of
from agent.web.words import Words


def plan(location: ChargingLocation, number: int, language: Language = Language.EN) -> Plan:
    """The plan with one bay highlighted."""
    found = plan_of(Words(load(), language, location), location, EvseId(number))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("rows", "number", "english", "german"),
    [
        (("xxx", "xx"), 4, "2nd row, left, next to bay 5", "2. Reihe, links, neben Ladeplatz 5"),
        (("xxx", "xx"), 5, "2nd row, right, next to bay 4", "2. Reihe, rechts, neben Ladeplatz 4"),
        (("xxx", "xx"), 2, "1st row, in the middle, between bays 1 and 3", "1. Reihe, in der Mitte"),
        (("xxxxx",), 2, "2nd from the left, between bays 1 and 3", "2. von links, zwischen Ladeplatz 1 und 3"),
        (("xxxxx",), 4, "2nd from the right, between bays 3 and 5", "2. von rechts, zwischen Ladeplatz 3 und 5"),
        (("x  x",), 2, "right", "rechts"),
        (("x", "x"), 2, "2nd row", "2. Reihe"),
    ],
)
def test_a_place_is_said_as_people_say_it(rows: tuple[str, ...], number: int, english: str, german: str) -> None:
    location = placed(*rows)
    assert plan(location, number).words == f"Seen from the entrance: {english}."
    assert german in plan(location, number, Language.DE).words


def test_left_on_the_plan_is_left_for_who_drives_in_and_the_nearest_row_is_at_the_bottom() -> None:
    near_left, near_right, far_left = plan(placed("xx", "x"), 3).bays
    assert near_left.x < near_right.x
    assert near_left.x == far_left.x
    assert far_left.y < near_left.y == near_right.y
    assert [bay.own for bay in (near_left, near_right, far_left)] == [False, False, True]


@pytest.mark.parametrize(
    ("columns", "label"), [(1, "{}"), (3, "P-{}"), (10, "{}"), (24, "{}"), (24, "P{}-14"), (6, "WWWW{}")]
)
def test_no_plan_is_wider_than_a_phone_and_no_label_smaller_than_can_be_read(columns: int, label: str) -> None:
    drawn = plan(placed("x" * columns, "x" * columns, label=label), columns)
    assert drawn.width <= WIDTH_MAX
    assert drawn.font >= 16
    own = next(bay for bay in drawn.bays if bay.own)
    assert own.label == label.format(columns)
    for bay in drawn.bays:
        half = 0.7 * drawn.font * len(bay.label) / 2
        room = (bay.x, bay.x + drawn.cell_width) if drawn.inside else (0, drawn.width)
        assert room[0] <= bay.label_x - half + 1
        assert bay.label_x + half - 1 <= room[1]
        assert bay.y < bay.label_y < drawn.height
    if not drawn.inside:
        assert own.label_y > own.y + drawn.cell_height
        assert {bay.label for bay in drawn.bays if not bay.own} == {""}


async def test_the_called_page_has_the_plan_and_a_site_without_places_has_none(tmp_path: Path) -> None:
    location, stage = placed("xx"), STAGES[PageState.CALLED][1]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        page = await phone.get(site.page_of(await stage(site)))
        assert "How to find bay 1 (plan) Seen from the entrance: left, next to bay 2." in page.words
        assert re.findall(r'<g class="own"><rect [^>]*/><text [^>]*>(\w+)<', page.text) == ["1"]
        assert "style=" not in page.text
    async with serving(tmp_path / "second", STAGES[PageState.CALLED][0]) as site, Phone(site.url) as phone:
        page = await phone.get(site.page_of(await stage(site)))
        assert "plan" not in page.words
        assert "<svg" not in page.text.partition("<body")[2]
