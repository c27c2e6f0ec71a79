"""agent/ocpp/instants.py: date-times as OCPP peers really write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ocpp.instants import parse_instant, render_instant

NOON = 1_700_049_600_000  # 2023-11-15T12:00:00Z


@pytest.mark.parametrize(
    ("text", "utc_ms"),
    [
        ("2023-11-15T12:00:00Z", NOON),
        ("2023-11-15T12:00Z", NOON),
        ("2023-11-15t12:00:00z", NOON),
        ("2023-11-15 12:00:00Z", NOON),
        ("2023-11-15T12:00:00", NOON),
        ("2023-11-15T12:00:00.1Z", NOON + 100),
        ("2023-11-15T12:00:00,123Z", NOON + 123),
        ("2023-11-15T12:00:00.123999999Z", NOON + 123),
        ("2023-11-15T14:00:00+02:00", NOON),
        ("2023-11-15T14:00:00+0200", NOON),
        ("2023-11-15T06:30:00-05:30", NOON),
        ("2016-12-31T23:59:60Z", 1_483_228_799_999),
        ("1970-01-01T00:00:00+01:00", -3_600_000),
    ],
)
def test_date_time_of_the_field_is_understood(text: str, utc_ms: int) -> None:
    assert parse_instant(text) == utc_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not a date",
        "2023-11-15",
        "2023-W46-3T12:00:00Z",
        "2023-02-29T12:00:00Z",
        "2023-11-15T24:00:00Z",
        "2023-11-15T12:60:00Z",
        "2023-11-15T12:00:61Z",
        "2023-11-15T12:00:00+24:00",
        "2023-11-15T12:00:00+01:60",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "٢٠٢٣-11-15T12:00:00Z",
        "2023-11-15T12:00:00Z\n",
        "2023-11-15T12:00:00." + "1" * 1000 + "Z",
    ],
)
def test_what_is_no_date_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - some reasons are the standard library's own words
        parse_instant(text)


def test_rendering_has_no_fraction_on_a_whole_second_and_three_digits_otherwise() -> None:
    assert render_instant(NOON) == "2023-11-15T12:00:00Z"
    assert render_instant(NOON + 7) == "2023-11-15T12:00:00.007Z"


@given(st.integers(0, 253_000_000_000_000))
def test_rendered_instant_is_read_back_unchanged(utc_ms: int) -> None:
    assert parse_instant(render_instant(utc_ms)) == utc_ms
