"""The core's layout made of a configuration: units, offsets from UTC, and a digest that knows every change."""

import contextlib
from datetime import UTC, datetime
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.forms import keys_of
from agent.config.link_types import BoardSettings
from agent.config.load import demo_text, load
from agent.config.location import digest, location_of, offsets_of, policy_of
from agent.config.opening import parse_opening
from agent.config.policy_types import PolicySettings
from agent.config.site_types import LocationSettings
from agent.config.types import Config
from agent.core.layout import ChargingLocation, OpenRange, Place, Policy
from agent.texts.formats import Language

NOVEMBER_2026_MS = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp()) * 1000
DAY_MS = 24 * 60 * 60 * 1000


def location(text: str) -> ChargingLocation:
    config = load(text)
    assert isinstance(config, Config), [problem.text() for problem in config]
    return location_of(config, utc_ms=NOVEMBER_2026_MS)


def test_defaults_of_the_policy_are_those_of_the_core() -> None:
    assert policy_of(PolicySettings()) == Policy()


def test_every_choice_of_the_policy_reaches_the_core() -> None:
    names = {key.name for key in keys_of(PolicySettings)} - {"ad_hoc_id_token"}  # that one is the edge's
    reached = {name.removesuffix("_ms").removesuffix("_min") for name in Policy.__slots__}
    assert {name.removesuffix("_min").removesuffix("_s").removesuffix("_h") for name in names} == reached


def test_languages_are_those_of_the_texts() -> None:
    (languages,) = (key.form for key in keys_of(LocationSettings) if key.name == "languages")
    assert languages.of is not None
    assert set(languages.of.choices) == {language.value for language in Language}
    assert get_args(LocationSettings.__annotations__["languages"])


def test_demo_site_has_its_powers_plugs_and_names() -> None:
    demo = location(demo_text())
    assert [evse.max_power_w for evse in demo.evses] == [50_000, 50_000, 300_000, 300_000, 50_000, 50_000]
    assert [evse.label for evse in demo.evses] == ["1", "2", "3", "4", "5", "6"]
    type_2 = demo.evses[5].connectors[1]
    assert (type_2.standard, type_2.dc, type_2.cable) == ("IEC_62196_T2", False, False)
    assert all(connector.dc and connector.cable for evse in demo.evses[:5] for connector in evse.connectors)
    assert demo.evses[5].accessible
    assert demo.has_plan
    assert demo.evses[2].place == Place(row=2, column=1)
    assert demo.pools[0].names == (("en", "CCS, up to 300 kW"), ("de", "CCS, bis 300 kW"))


@pytest.mark.parametrize(("night", "minutes"), [("22:00-06:00", (1320, 360)), ("00:30-23:59", (30, 1439)), ("", None)])
def test_the_night_of_the_board_is_in_minutes_of_the_day(night: str, minutes: tuple[int, int] | None) -> None:
    assert BoardSettings(night=night).night_min == minutes


def test_german_name_falls_back_to_the_english_one(site: str) -> None:
    assert location(site).pools[0].names == (("en", "Everything"), ("de", "Everything"))


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/St_Johns", "Africa/Casablanca", "Australia/Lord_Howe", "UTC"]
)
def test_offsets_are_those_of_the_time_zone_at_every_hour(zone: str) -> None:
    table = offsets_of(zone, utc_ms=NOVEMBER_2026_MS)
    begin, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
    for hour in range(0, int((end - begin).total_seconds()) // 3600, 5):
        at_s = int(begin.timestamp()) + hour * 3600
        expected = datetime.fromtimestamp(at_s, ZoneInfo(zone)).utcoffset()
        assert expected is not None
        offset_min = [minutes for since_ms, minutes in table if since_ms <= at_s * 1000][-1]
        assert offset_min * 60 == expected.total_seconds()


def test_summer_time_begins_at_its_minute() -> None:
    begin_ms = int(datetime(2027, 3, 28, 1, tzinfo=UTC).timestamp()) * 1000
    assert (begin_ms, 120) in offsets_of("Europe/Berlin", utc_ms=NOVEMBER_2026_MS)


@pytest.mark.parametrize("utc_ms", [-5, 0, 10**12, NOVEMBER_2026_MS])
def test_a_clock_that_is_not_set_yet_gives_the_years_of_this_release(utc_ms: int) -> None:
    assert offsets_of("Europe/Berlin", utc_ms=utc_ms) == offsets_of("Europe/Berlin", utc_ms=NOVEMBER_2026_MS)


def test_a_clock_in_the_far_future_is_no_error() -> None:
    assert offsets_of("Europe/Berlin", utc_ms=253_402_300_799_000)[0] == (0, 60)


def test_a_restart_on_the_next_day_adopts_nothing_new(site: str) -> None:
    config = load(site)
    assert isinstance(config, Config)
    today, tomorrow = (location_of(config, utc_ms=NOVEMBER_2026_MS + days * DAY_MS) for days in (0, 1))
    assert digest(today) == digest(tomorrow)


@pytest.mark.parametrize(
    ("old", "new"),
    [("300", "299"), ("West", "East"), ("[1, 2]", "[2, 1]"), ("Everything", "All"), ("Europe/Berlin", "Europe/London")],
)
def test_digest_knows_every_change(site: str, old: str, new: str) -> None:
    assert digest(location(site)) != digest(location(site.replace(old, new)))


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("Mo 06:00-22:00", [(0, 360, 1320)]),
        ("Mo-We 00:00-24:00", [(0, 0, 1440), (1, 0, 1440), (2, 0, 1440)]),
        ("Sa-Mo 08:00-09:30", [(5, 480, 570), (6, 480, 570), (0, 480, 570)]),
        ("Di-Mi 08:00-09:00", [(1, 480, 540), (2, 480, 540)]),
        ("Su 22:00-02:00", [(6, 1320, 1440), (0, 0, 120)]),
        ("fr 22:00-00:00", [(4, 1320, 1440)]),
    ],
)
def test_opening_hours_become_ranges_of_the_week(text: str, ranges: list[tuple[int, int, int]]) -> None:
    expected = tuple(OpenRange(weekday=day, begin_min=begin, end_min=end) for day, begin, end in ranges)
    assert parse_opening(text) == expected


@pytest.mark.parametrize("text", ["Mo 08:00-08:00", "Mo 24:00-08:00", "Mo 08:60-09:00", "Xx 08:00-09:00", "", "Mo"])
def test_impossible_opening_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_opening(text)


@given(st.text(max_size=20))
def test_any_opening_hours_are_ranges_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_opening(text)
