"""Figures as each language writes them, and the rounding of waits."""

from datetime import date, time
from decimal import Decimal

import pytest

from agent.texts import FieldKind, Language, Money, Wait, WaitForm, load, rounded_wait, wait_text
from agent.texts.formats import render

EN, DE = Language.EN, Language.DE


@pytest.mark.parametrize(
    ("kind", "value", "english", "german"),
    [
        (FieldKind.ORDINAL, 1, "1st", "1."),
        (FieldKind.ORDINAL, 2, "2nd", "2."),
        (FieldKind.ORDINAL, 3, "3rd", "3."),
        (FieldKind.ORDINAL, 11, "11th", "11."),
        (FieldKind.ORDINAL, 12, "12th", "12."),
        (FieldKind.ORDINAL, 21, "21st", "21."),
        (FieldKind.ORDINAL, 113, "113th", "113."),
        (FieldKind.CLOCK, time(6, 5), "06:05", "06:05"),
        (FieldKind.CLOCKS, (time(17, 30), time(18, 15)), "17:30, 18:15", "17:30, 18:15"),
        (FieldKind.DATE, date(2026, 11, 25), "Wed 25 Nov", "Mi. 25. Nov."),
        (FieldKind.DAY, date(2026, 3, 1), "1 Mar", "1. März"),
        (FieldKind.SPAN, 272, "4:32", "4:32"),
        (FieldKind.SPAN, -3, "0:00", "0:00"),
        (FieldKind.SPAN, 3872, "1:04:32", "1:04:32"),
        (FieldKind.HOURS, 1320, "00:22", "00:22"),
        (FieldKind.SAY_SPAN, 60, "1 minute", "1 Minute"),
        (FieldKind.SAY_SPAN, 272, "4 minutes 32 seconds", "4 Minuten 32 Sekunden"),
        (FieldKind.SAY_SPAN, 0, "0 seconds", "0 Sekunden"),
        (FieldKind.KWH, 18_449, "18.4", "18,4"),
        (FieldKind.KWH, 18_450, "18.5", "18,5"),
        (FieldKind.KWH, 9_990, "10.0", "10,0"),
        (FieldKind.KW, 7_400, "7.4", "7,4"),
        (FieldKind.KW, 22_000, "22", "22"),
        (FieldKind.KW, 148_300, "148", "148"),
        (FieldKind.MONEY, Money(amount=Decimal("0.59"), currency="EUR"), "EUR 0.59", "0,59 EUR"),
        (FieldKind.MONEY, Money(amount=Decimal(4), currency="EUR"), "EUR 4.00", "4,00 EUR"),
        (FieldKind.MONEY, Money(amount=Decimal("0.595"), currency="EUR"), "EUR 0.595", "0,595 EUR"),
        (FieldKind.DIGITS, "483921", "483 921", "483 921"),
        (FieldKind.SPOKEN, "K7", "K 7", "K 7"),
    ],
)
def test_a_figure_is_written_as_the_language_does(kind: FieldKind, value: object, english: str, german: str) -> None:
    assert (render(value, kind, EN), render(value, kind, DE)) == (english, german)


def test_a_currency_is_three_capital_letters() -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(amount=Decimal(1), currency="€")


@pytest.mark.parametrize(
    ("p50", "p90", "english", "german"),
    [
        (0, 0, "Wait: under 5 min", "Wartezeit: unter 5 Min."),
        (2, 4.9, "Wait: under 5 min", "Wartezeit: unter 5 Min."),
        (3, 5, "Wait: up to about 5 min", "Wartezeit: bis etwa 5 Min."),
        (3, 11, "Wait: up to about 15 min, likely under 5", "Wartezeit: bis etwa 15 Min., eher unter 5"),
        (24, 48, "Wait: up to about 50 min, likely 25", "Wartezeit: bis etwa 50 Min., eher 25"),
        (22, 46, "Wait: up to about 50 min, likely 20", "Wartezeit: bis etwa 50 Min., eher 20"),
        (24, 25, "Wait: up to about 25 min", "Wartezeit: bis etwa 25 Min."),
        (58, 60, "Wait: up to about 60 min", "Wartezeit: bis etwa 60 Min."),
        (50, 61, "Wait: up to about 75 min, likely 50", "Wartezeit: bis etwa 75 Min., eher 50"),
        (68, 100, "Wait: up to about 105 min, likely 75", "Wartezeit: bis etwa 105 Min., eher 75"),
        (67, 180, "Wait: up to about 180 min, likely 60", "Wartezeit: bis etwa 180 Min., eher 60"),
        (
            90,
            181,
            "Wait: perhaps more than 3 hours, likely 90 min",
            "Wartezeit: vielleicht mehr als 3 Stunden, eher 90 Min.",
        ),
        (181, 300, "Wait: more than 3 hours", "Wartezeit: mehr als 3 Stunden"),
    ],
)
def test_a_wait_says_the_later_figure_first(p50: float, p90: float, english: str, german: str) -> None:
    assert wait_text(p50, p90, EN, catalogue=load()) == english
    assert wait_text(p50, p90, DE, catalogue=load()) == german


@pytest.mark.parametrize(
    ("form", "english", "german"),
    [
        (WaitForm.PAGE, "Wait: up to about 50 min, likely about 25 min", "Wartezeit: bis etwa 50 Min., eher 25"),
        (WaitForm.BARE, "up to about 50 min", "bis etwa 50 Min."),
        (WaitForm.BOARD, "to 50 min", "bis 50 Min."),
        (WaitForm.DISPLAY, "up to 50 min", "bis 50 Min."),
        (WaitForm.PANEL, "<50 MIN", "<50 MIN"),
    ],
)
def test_a_wait_has_a_form_for_each_place(form: WaitForm, english: str, german: str) -> None:
    assert wait_text(25, 48, EN, catalogue=load(), form=form) == english
    assert wait_text(25, 48, DE, catalogue=load(), form=form) == german


def test_every_form_can_say_every_wait() -> None:
    for form in WaitForm:
        for p50, p90 in ((0, 0), (3, 5), (3, 11), (25, 48), (24, 25), (3, 200), (90, 200), (200, 300)):
            assert wait_text(p50, p90, DE, catalogue=load(), form=form)


def test_a_rounded_wait_never_promises_less_than_p90() -> None:
    for p90 in range(181):
        wait = rounded_wait(0, p90)
        assert wait == Wait(likely_min=0, most_min=0) if p90 < 5 else (wait.most_min or 0) >= p90


def test_a_wait_with_p50_above_p90_is_refused() -> None:
    with pytest.raises(ValueError, match="P50 <= P90"):
        rounded_wait(10, 5)
