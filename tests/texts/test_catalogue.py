"""The catalogue is whole: both languages say the same things, with the same fields, in words the design allows."""

import re
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from agent.texts import FieldKind, Language, Money, TextError, load
from agent.texts.catalogue import BARE

CATALOGUE = load()
EN, DE = Language.EN, Language.DE
BERLIN = ZoneInfo("Europe/Berlin")
# A datetime is also a date and a clock time: one field may be shown as both.
MOMENT = datetime(2026, 11, 25, 14, 20, tzinfo=BERLIN)
SAMPLES: Mapping[FieldKind, object] = {
    FieldKind.PLAIN: 3,
    FieldKind.ORDINAL: 3,
    FieldKind.CLOCK: MOMENT,
    FieldKind.CLOCKS: (time(17, 30), time(18, 15)),
    FieldKind.ZONE: MOMENT,
    FieldKind.DATE: MOMENT,
    FieldKind.DAY: MOMENT,
    FieldKind.WEEKDAY: MOMENT,
    FieldKind.SPAN: 272,
    FieldKind.HOURS: 1320,
    FieldKind.SAY_SPAN: 272,
    FieldKind.KWH: 18_400,
    FieldKind.KW: 74_000,
    FieldKind.MONEY: Money(amount=Decimal("0.59"), currency="EUR"),
    FieldKind.DIGITS: "483921",
    FieldKind.SPOKEN: "K7",
}
# What no screen may say; "ticket" and the like are other people's words for ours, "Säule" is jargon.
FORBIDDEN = re.compile(r"\b(slots?|tickets?|oops)\b|säule|\bstation", re.IGNORECASE)
GENDERED = re.compile(r"\b(fahrer|kunde|nutzer|benutzer)", re.IGNORECASE)
ALL = [(language, key) for language in Language for key in CATALOGUE.keys(language)]


def sample(key: str, language: Language, count: int = 2) -> str:
    """Return a text with the design's own figures in its fields."""
    fields = {name: SAMPLES[kind] for name, kind in CATALOGUE.fields(key, language)}
    return CATALOGUE.text(key, language, **(fields | {"count": count}))


def test_no_key_is_in_one_language_alone() -> None:
    assert set(CATALOGUE.keys(EN)) == set(CATALOGUE.keys(DE))


def test_a_text_has_the_same_fields_in_both_languages() -> None:
    def fields(key: str, language: Language) -> set[tuple[str, FieldKind]]:
        # A language without plural forms of a text still may say the count, or not.
        return {field for field in CATALOGUE.fields(key, language) if field[0] != "count"}

    different = [key for key in CATALOGUE.keys(EN) if fields(key, EN) != fields(key, DE)]
    assert different == []


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("count", [1, 2])
def test_every_text_renders_with_sample_fields(language: Language, count: int) -> None:
    for key in CATALOGUE.keys(language):
        said = sample(key, language, count)
        assert "{" not in said
        assert ".." not in said.replace("...", "")
        assert said == said.strip() or "\t" in said
        assert said or key.startswith("rows.")


@pytest.mark.parametrize(("language", "key"), ALL)
def test_no_screen_says_a_forbidden_word(language: Language, key: str) -> None:
    said = sample(key, language)
    assert not FORBIDDEN.search(said)
    assert "!" not in said
    assert language is EN or not GENDERED.search(said)


def test_german_does_not_say_du() -> None:
    assert not [k for language, k in ALL if language is DE and re.search(r"\b[Dd](u|ein|ich)\b", sample(k, language))]


def test_a_bare_text_needs_fewer_fields_than_its_full_one() -> None:
    for language, key in ALL:
        if key.endswith(BARE):
            full = {name for name, _ in CATALOGUE.fields(key.removesuffix(BARE), language)}
            bare = {name for name, _ in CATALOGUE.fields(key, language)}
            assert bare != full, key


def test_a_missing_field_is_named() -> None:
    with pytest.raises(TextError, match=r"state\.called\.h1: the field bay is missing"):
        CATALOGUE.text("state.called.h1", EN)


def test_a_value_of_the_wrong_kind_is_named() -> None:
    with pytest.raises(TextError, match=r"field left_s: a field of kind span cannot show a str"):
        CATALOGUE.text("state.called.left", EN, left_s="4:32")


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(TextError, match=r"no text 'state\.gone\.h1' in de"):
        CATALOGUE.text("state.gone.h1", DE)


@pytest.mark.parametrize(
    ("key", "language", "fields", "expected"),
    [
        (
            "state.finished.move",
            EN,
            {"count": 1, "left_s": 600},
            "1 person is waiting: please move within 10:00.",
        ),
        (
            "state.finished.move",
            EN,
            {"count": 2, "left_s": 600},
            "2 people are waiting: please move within 10:00.",
        ),
        (
            "state.finished.move",
            DE,
            {"count": 2, "left_s": 600},
            "2 Personen warten: bitte innerhalb von 10:00 wegfahren.",
        ),
        (
            "refusal.too_many_tries",
            EN,
            {"count": 1},
            "Too many tries. Try again in 1 minute, or use a card at the reader.",
        ),
        ("board.waiting", DE, {"count": 1, "wait": "bis 50 Min."}, "1 wartet, bis 50 Min."),
    ],
)
def test_a_count_of_one_has_its_own_form(
    key: str, language: Language, fields: dict[str, object], expected: str
) -> None:
    assert CATALOGUE.text(key, language, **fields) == expected


def test_best_leaves_out_what_is_not_known() -> None:
    assert CATALOGUE.best("state.ended.empty", EN, bay="5", until=None) == "Bay 5 stayed empty."
    assert CATALOGUE.best("state.called.left", EN, left_s=None) is None


def test_a_reservation_on_the_day_of_a_clock_change_names_the_zone() -> None:
    start = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    end = datetime(2026, 10, 25, 2, 15, fold=1, tzinfo=BERLIN)
    said = CATALOGUE.text("book.what", EN, start=start, end=end, plug="CCS", power_w=300_000)
    assert said == "Sun 25 Oct, 02:30 CEST-02:15 CET, CCS 300 kW."
