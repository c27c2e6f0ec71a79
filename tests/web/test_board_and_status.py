"""The public board, and what programs on this machine are told."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from stages import STAGES, join, joined, stranger_charges
from web_fixtures import FAST, SLOW, Phone, rasthof, serving

from agent.core.board import Why
from agent.core.inputs import Started
from agent.core.page import PageState
from agent.core.shown import EvseShown, WaitRange, Waits
from agent.texts import Language, load
from agent.web.board import _BAY_WORDS, light, metres
from agent.web.context import BoardOptions, WebOptions
from agent.web.status import _SENTENCES


async def test_the_board_shows_calls_next_pools_and_bays_in_both_languages(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        await stranger_charges(site, 1)
        called = await joined(site)
        waiting = await joined(site)
        site.world.waits = Waits(newcomer={FAST: WaitRange(p10_min=20, p50_min=25, p90_min=47)})
        board = await phone.get("/board")
        for words in (
            f"{called.code} → BAY 2 5 min",
            f"Next: {waiting.code}",
            "CCS 300 kW 1 waiting, to 50 min",
            "Type 2 22 kW 1 free",
            "1 charges",
            f"2 {called.code} kept",
            "3 FREE",
            f"{called.code} → PLATZ 2 5 Min.",
            "Typ 2 22 kW 1 frei",
        ):
            assert words in board.words


async def test_the_digits_stand_on_the_board_of_this_machine_only(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        spaced = f"{site.digits[:3]} {site.digits[3:]}"
        assert spaced in (await phone.get("/board")).words
        far = await phone.get("/board", **{"X-Forwarded-For": "10.0.0.9"})
        assert spaced not in far.words
        assert site.digits not in far.text


async def test_who_is_next_is_shown_unless_the_operator_says_no(tmp_path: Path) -> None:
    for shown in (True, False):
        options = WebOptions(board=BoardOptions(next=shown))
        async with serving(tmp_path / str(shown), options=options) as site, Phone(site.url) as phone:
            for _ in range(3):
                last = await joined(site)
            assert (f"Next: {last.code}" in (await phone.get("/board")).words) is shown


@pytest.mark.parametrize(
    ("hour", "minute", "sun", "night_min", "found"),
    [
        (6, 59, True, None, ""),
        (7, 0, True, None, "day"),
        (18, 59, True, None, "day"),
        (19, 0, True, None, ""),
        (12, 0, False, None, ""),
        (21, 59, True, (1320, 360), ""),
        (22, 0, True, (1320, 360), "night"),
        (5, 59, True, (1320, 360), "night"),
        (6, 0, False, (1320, 360), ""),
        (1, 0, False, (60, 120), "night"),
        (2, 0, False, (60, 120), ""),
        (8, 0, True, (60, 1000), "day"),  # the sun does not ask the clock of the night
    ],
)
def test_the_board_knows_sun_and_night_by_local_time(
    hour: int, minute: int, sun: bool, night_min: tuple[int, int] | None, found: str
) -> None:
    assert light(datetime(2026, 11, 21, hour, minute, tzinfo=UTC), sun=sun, night_min=night_min) == found


def test_nobody_guesses_the_light_by_a_clock_that_is_not_trusted() -> None:
    assert light(None, sun=True, night_min=(0, 1439)) == ""


@pytest.mark.parametrize(
    ("text", "factor"), [(None, 1), ("", 1), ("12", 1.2), ("1", 0.3), ("99", 2), ("nan", 1), ("x", 1)]
)
def test_a_reading_distance_is_a_factor_within_reason(text: str | None, factor: float) -> None:
    assert metres(text) == factor


async def test_one_screen_may_differ_from_the_site(tmp_path: Path) -> None:
    options = WebOptions(board=BoardOptions(direct_sun=True, chime=True))
    async with serving(tmp_path, options=options) as site, Phone(site.url) as phone:
        assert [words in (await phone.get("/board")).text for words in ("data-chime", 'class="board day"')] == [
            True,
            True,
        ]
        indoors = (await phone.get("/board?sun=0&chime=0")).text
        assert "data-chime" not in indoors
        assert 'class="board "' in indoors
        async with phone.stream("/board/events?sun=0") as events:
            assert json.loads(await anext(events))["light"] == ""
        async with phone.stream("/board/events") as events:
            told = json.loads(await anext(events))
        assert told["light"] == "day"
        assert told["stale"] == {
            "en": "Display not up to date since 14:00",
            "de": "Anzeige nicht aktuell seit 14:00 Uhr",
        }


async def test_the_board_is_kept_true_by_its_stream(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone, phone.stream("/board/events") as events:
        assert set(json.loads(await anext(events))["words"]) == {"en", "de"}
        code = (await joined(site)).code
        assert code in json.loads(await anext(events))["words"]["de"]


async def test_only_codes_and_labels_are_on_the_board(tmp_path: Path) -> None:
    location, stage = STAGES[PageState.CHARGING]
    async with serving(tmp_path, location) as site, Phone(site.url) as phone:
        await stage(site)
        text = re.sub(r"data:image[^\"]+", "", (await phone.get("/board")).text)
        assert "kWh" not in text
        assert "74 kW" not in text
        assert "/t/" not in text


def test_every_state_of_a_bay_has_a_word_and_every_reason_a_sentence() -> None:
    assert set(_BAY_WORDS) == set(EvseShown)
    assert set(_SENTENCES) == set(Why)
    catalogue = load()
    for key in set(_BAY_WORDS.values()):
        for language in Language:
            assert catalogue.best(key, language, code="K7")


async def test_status_tells_site_devices_queue_and_clock(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        await stranger_charges(site, 1)
        await join(site)
        status = await phone.json("/status")
        assert status["site"] == {"id": "NORD", "name": "Rasthof Nord"}
        assert status["clock"]["trusted"]
        assert (status["link"], status["storage"], status["owed"]) == ("none", "ok", {})
        assert status["given_up"] == []
        assert status["bays"]["1"]["state"] == "charging"
        assert [row["state"] for row in status["queue"]] == ["CALLED"]
        assert {pool["pool"] for pool in status["pools"]} == {FAST, SLOW}


async def test_explain_gives_one_sentence_a_bay_by_code_or_number(tmp_path: Path) -> None:
    async with serving(tmp_path, rasthof()) as site, Phone(site.url) as phone:
        await stranger_charges(site, 1)
        first = await joined(site)
        second = await joined(site)
        told = await phone.json(f"/explain/{second.code.lower()}")
        assert told["sentences"] == ["Somebody charges at bay 1.", f"Bay 2 is kept for {first.code}."]
        assert (await phone.json(f"/explain/{second.id}"))["code"] == second.code
        assert (await phone.get("/explain/Z99")).status == 404


async def test_metrics_are_those_of_the_moment(tmp_path: Path) -> None:
    async with serving(tmp_path) as site, Phone(site.url) as phone:
        await stranger_charges(site, 1)
        text = (await phone.get("/metrics")).text
        assert 'stationmaster_evse_state{evse="1",state="charging"} 1.0' in text
        assert 'stationmaster_queue_length{pool="CCS"} 0.0' in text
        assert "stationmaster_clock_trusted 1.0" in text
        assert "stationmaster_paused 0.0" in text
        await site.see(Started(boot=2, paused=True))
        assert "stationmaster_paused 1.0" in (await phone.get("/metrics")).text
        assert "paused, places are kept" in (await phone.get("/board")).text
