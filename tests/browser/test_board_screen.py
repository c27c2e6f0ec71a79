"""The board on its screen: nothing cut at any size, two languages, sun and night, and honest when it is stale."""

from dataclasses import replace
from pathlib import Path

import pytest
from browser_fixtures import needs_chromium, phone, text_of
from playwright.async_api import Page
from stages import STAGES, join, joined, stranger_charges
from web_fixtures import CCS, FAST, TYPE_2, RunningSite, evse, lone, pool, rasthof, serving

from agent.core import inputs as i
from agent.core.layout import ChargingLocation, EvseId
from agent.core.page import PageState
from agent.core.shown import WaitRange, Waits
from agent.web.context import BoardOptions, WebOptions

pytestmark = needs_chromium

WIDE = {"width": 1920, "height": 1080}
SMALL = {"width": 1024, "height": 768}
SHOWN = ".face:not([hidden])"
# Everything of the visible face that is shown and sticks out of the box it is in.
STICKS_OUT = """() => { const face = document.querySelector('.face:not([hidden])');
const pairs = [['.calls', '.call, .next'], ['.call', '.to'], ['.pools', '.pool'], ['.bays', 'li'],
  ['.face', '.qr, .digits'], ['.foot', '.how']];
return pairs
.flatMap(([outer, inner]) => [...(outer === '.face' ? [face] : face.querySelectorAll(outer))]
.flatMap(box => [...box.querySelectorAll(inner)].filter(one => one.offsetParent).filter(one => {
  if (getComputedStyle(box).display === 'contents') return false;
  const o = box.getBoundingClientRect(), n = one.getBoundingClientRect();
  return n.left < o.left - 1 || n.right > o.right + 1 || n.top < o.top - 1 || n.bottom > o.bottom + 1;
}).map(one => one.outerHTML.slice(0, 80)))); }"""
CONTRASTS = """() => { const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => {
    const c = v / 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; });
  return .2126 * r + .7152 * g + .0722 * b; };
const ground = (one) => { for (; one; one = one.parentElement) {
  const c = getComputedStyle(one).backgroundColor; if (!/^rgba.*, 0\\)$/.test(c)) return c; } };
return [...document.querySelectorAll('.face:not([hidden]) *')].filter(one => one.offsetParent
  && [...one.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(one => {
  const [a, b] = [light(getComputedStyle(one).color), light(ground(one))].sort((x, y) => y - x);
  return [(a + .05) / (b + .05), one.outerHTML.slice(0, 60)]; }); }"""


def eight() -> ChargingLocation:
    """Eight bays in two pools."""
    whole = rasthof()
    evses = tuple(evse(n, TYPE_2 if n == 3 else CCS) for n in range(1, 9))
    fast = pool(FAST, "CCS, up to 300 kW", "CCS, bis 300 kW", (1, 2, 4, 5, 6, 7, 8))
    return replace(whole, evses=evses, pools=(fast, whole.pools[1]))


async def busy(site: RunningSite) -> None:
    """Somebody charges, one bay is broken, five are called, one waits."""
    await stranger_charges(site, 1)
    await site.see(i.FaultSeen(evse=EvseId(6), code="GroundFailure", active=True))
    for _ in range(6):
        await join(site)
    site.world.waits = Waits(newcomer={FAST: WaitRange(p10_min=20, p50_min=25, p90_min=47)})


async def seconds(page: Page, count: int) -> None:
    """Let the board's own time go on, so that each of its looks is taken."""
    for _ in range(count):
        await page.clock.run_for(1_000)


@pytest.mark.parametrize("label", ["4", "14", "214", "P2-14", "WWWWWW"])
async def test_a_called_bay_is_never_cut_off(label: str, tmp_path: Path) -> None:
    named = lone()
    named = replace(named, evses=(replace(named.evses[0], label=label),))
    async with serving(tmp_path, named) as site, phone(site.url, viewport=WIDE) as page:
        await STAGES[PageState.CALLED][1](site)
        await page.clock.install()
        for metres in (10, 13, 20):
            await page.goto(f"/board?metres={metres}")
            for _ in ("en", "de"):
                assert await page.is_visible(".face:not([hidden]) .where")
                assert await page.evaluate(STICKS_OUT) == []
                await seconds(page, 8)


@pytest.mark.parametrize("screen", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("query", ["", "?big_qr", "?metres=5", "?metres=13", "?metres=20"])
async def test_what_does_not_fit_takes_turns_and_nothing_is_cut(
    screen: dict[str, int], query: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, eight()) as site, phone(site.url, viewport=screen) as page:
        await busy(site)
        await page.clock.install()
        await page.goto(f"/board{query}")
        newest, bays = set(), set()
        for _ in range(9):
            assert await page.evaluate(STICKS_OUT) == []
            codes = await page.locator(f"{SHOWN} .call:not([hidden]) .to > :first-child").all_text_contents()
            assert 1 <= len(codes) <= 3
            newest.add(codes[0])
            bays |= set(await page.locator(f"{SHOWN} .bays li:not([hidden]) b").all_text_contents())
            await seconds(page, 10)
        assert len(newest) == 1  # a called row never rotates out
        assert bays == {str(n) for n in range(1, 9)}


async def test_signs_are_as_large_as_their_distance_asks(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url, viewport=WIDE) as page:
        await STAGES[PageState.CALLED][1](site)
        await page.goto("/board")
        sizes = await page.evaluate(
            """['.call b', '.pool', '.bays li'].map(
            (one) => parseFloat(getComputedStyle(document.querySelector(one)).fontSize))"""
        )
        # Cap height is about 0.71 of the size; a pixel of a 55 inch panel is 0.634 mm.
        assert [round(size * 0.71 * 0.634) for size in sizes] == [69, 39, 39]
        await page.goto("/board?metres=12")
        size = await page.evaluate("parseFloat(getComputedStyle(document.querySelector('.pool')).fontSize)")
        assert round(size) == round(1080 * 0.081 * 1.2)
        for query, size in (("", 230), ("?big_qr", 473)):
            await page.goto(f"/board{query}")
            box = await page.locator(".qr:visible").bounding_box()
            assert box is not None
            assert (round(box["width"]), round(box["height"])) == (size, size)


async def test_languages_alternate_and_a_stale_board_says_since_when_and_hides_its_calls(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url, viewport=WIDE) as page:
        await stranger_charges(site, 1)
        await STAGES[PageState.CALLED][1](site)
        await join(site)
        await page.clock.install()
        await page.goto("/board")
        await page.wait_for_selector(".face:not([hidden]) .call .word >> text=BAY")
        await seconds(page, 8)
        await page.wait_for_selector(".face:not([hidden]) .call .word >> text=PLATZ")
        await site.served.close()
        await seconds(page, 9)
        await seconds(page, 3)
        await page.wait_for_selector("#stale:not([hidden])")
        assert "14:00" in await text_of(page, "#stale")
        assert await page.is_visible(".face:not([hidden]) .call")
        await seconds(page, 60)
        for hidden in (".call", ".next", ".kept span", ".digits"):
            assert await page.locator(f".face:not([hidden]) {hidden}").count() == 1
            assert not await page.is_visible(f".face:not([hidden]) {hidden}")
        assert await page.is_visible("#stale")


@pytest.mark.parametrize(("query", "ground"), [("", "rgb(0, 0, 0)"), ("?sun=1", "rgb(255, 255, 255)")])
async def test_every_word_can_be_read_in_the_dark_and_in_the_sun(query: str, ground: str, tmp_path: Path) -> None:
    async with serving(tmp_path, eight()) as site, phone(site.url, viewport=WIDE) as page:
        await busy(site)
        await page.goto(f"/board{query}")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
        found = await page.evaluate(CONTRASTS)
        assert len(found) > 20
        assert [words for contrast, words in found if contrast < 7] == []
        call = await page.evaluate("getComputedStyle(document.querySelector('.call')).backgroundColor")
        assert call == "rgb(255, 210, 63)"


async def test_at_night_the_board_is_dimmed_and_in_the_morning_it_is_not(tmp_path: Path) -> None:
    options = WebOptions(board=BoardOptions(night_min=(13 * 60, 14 * 60 + 5)))  # it is 14:00
    async with serving(tmp_path, options=options) as site, phone(site.url, viewport=WIDE) as page:
        await page.goto("/board")
        assert await page.evaluate("getComputedStyle(document.body).filter") == "brightness(0.4)"
        await site.later(6 * 60)
        await page.wait_for_selector("body:not(.night)")
        assert await page.evaluate("getComputedStyle(document.body).filter") == "none"


@pytest.mark.parametrize(("query", "tones"), [("", 0), ("?chime=1", 2)])
async def test_a_new_call_flashes_and_sounds_once_where_that_is_wanted(query: str, tones: int, tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url, viewport=WIDE) as page:
        await page.add_init_script(
            """window.tones = []; const start = OscillatorNode.prototype.start;
            OscillatorNode.prototype.start = function (at) {
              tones.push(this.frequency.value); start.call(this, at); };"""
        )
        first = await joined(site)
        await page.goto(f"/board{query}")
        assert await page.locator(".call.fresh").count() == 0  # what stood there is not new
        second = await joined(site)
        await page.wait_for_selector(f".face:not([hidden]) .call.fresh >> text={second.code}")
        assert first.code not in await page.locator(".face:not([hidden]) .call.fresh").all_inner_texts()
        assert await page.evaluate("tones") == [660, 880][:tones]


async def test_the_frame_moves_a_little_to_spare_the_panel(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, phone(site.url, viewport=WIDE) as page:
        await page.clock.install()
        await page.goto("/board")
        still = await page.locator("#frame").bounding_box()
        await page.clock.run_for(301_000)
        moved = await page.locator("#frame").bounding_box()
        assert still is not None
        assert moved is not None
        assert (moved["x"] - still["x"], moved["y"] - still["y"]) == (2, 2)
