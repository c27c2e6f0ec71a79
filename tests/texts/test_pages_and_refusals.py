"""Own page, refusals and displays: every state and every reason has its words in both languages."""

from datetime import date, time
from decimal import Decimal

import pytest

from agent.core.inputs import Refusal
from agent.core.lamps import LampState
from agent.texts import (
    HTTP_STATUS,
    RESULT_KEYS,
    Button,
    DisplayState,
    Language,
    Money,
    Note,
    PageState,
    Politeness,
    Reason,
    TextError,
    face_text,
    load,
    page_text,
    refusal_text,
    result_text,
    row_texts,
    wait_text,
)
from agent.texts.pages import PAGES
from drivers.ports import Waveform

CATALOGUE = load()
EN, DE = Language.EN, Language.DE


def fields(language: Language) -> dict[str, object]:
    """Return the design's own figures for every field a page knows."""
    return {
        "position": 3,
        "code": "K7",
        "bay": "3",
        "wait": wait_text(25, 48, language, catalogue=CATALOGUE),
        "not_before": time(14, 20),
        "at": time(14, 15),
        "left_s": 272,
        "until": time(14, 31),
        "minutes": 2,
        "wrong_bay": "4",
        "kept_bay": "4",
        "faulty_bay": "3",
        "energy_wh": 18_400,
        "power_w": 74_000,
        "since": time(14, 36),
        "count": 2,
        "price": Money(amount=Decimal("0.10"), currency="EUR"),
        "closes": time(22, 0),
        "opens": time(6, 0),
        "phone": "0800 123456",
    }


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", PageState)
def test_every_state_has_heading_body_and_buttons(state: PageState, language: Language) -> None:
    page = page_text(CATALOGUE, state, language, **fields(language))
    assert page.h1
    assert not page.h1.endswith(".")
    assert all(part.endswith((".", "/kWh")) for part in page.body)
    assert [button for button, _ in page.buttons] == list(PAGES[state].buttons)
    assert (page.say == "") is (page.politeness is Politeness.NONE)


@pytest.mark.parametrize(
    ("state", "english", "german"),
    [
        (
            PageState.CALLED,
            "Go to bay 3 now. 4:32 left. Purple blinking lamp; the display there shows K7.",
            "Jetzt zu Ladeplatz 3. Noch 4:32. Lampe blinkt violett, die Anzeige dort zeigt K7.",
        ),
        (
            PageState.BAY_CHANGED,
            (
                "Your bay has changed: bay 3. Bay 3 is out of order. The time starts again. 4:32 left. "
                "Purple blinking lamp; the display there shows K7."
            ),
            (
                "Ihr Ladeplatz ist jetzt die 3. Ladeplatz 3 ist außer Betrieb. Die Zeit beginnt neu. Noch 4:32. "
                "Lampe blinkt violett, die Anzeige dort zeigt K7."
            ),
        ),
        (
            PageState.REQUEUED,
            (
                "You missed your call. Bay 3 was kept until 14:31. You are still in the queue, now 3rd. "
                "Missing the next call ends your check-in."
            ),
            (
                "Aufruf verpasst. Ladeplatz 3 war bis 14:31 Uhr frei gehalten. Sie bleiben in der Schlange, jetzt "
                "an 3. Stelle. Beim nächsten verpassten Aufruf verlieren Sie die Stelle."
            ),
        ),
        (
            PageState.CHARGING,
            "Charging. 18.4 kWh, 74 kW, since 14:36. Up to 14:31, then a reservation begins.",
            "Lädt. 18,4 kWh, 74 kW, seit 14:36 Uhr. Bis 14:31 Uhr, dann beginnt eine Reservierung.",
        ),
        (
            PageState.OVERSTAY,
            "Please move your car now. A fee of EUR 0.10/min runs since 14:36.",
            "Bitte fahren Sie jetzt weg. Seit 14:36 Uhr läuft eine Gebühr von 0,10 EUR/Min.",
        ),
        (
            PageState.PAUSED_BY_SITE,
            "Charging is paused by the site's power limit. It goes on by itself.",
            "Das Laden pausiert. Die Leistung am Standort ist begrenzt. Es geht von selbst weiter.",
        ),
    ],
)
def test_a_state_says_what_the_design_says(state: PageState, english: str, german: str) -> None:
    for language, expected in ((EN, english), (DE, german)):
        page = page_text(CATALOGUE, state, language, **fields(language))
        assert " ".join((f"{page.h1}.", *page.body)) == expected


def test_the_call_is_spoken_with_a_code_that_is_spelt() -> None:
    page = page_text(CATALOGUE, PageState.CALLED, EN, **fields(EN))
    assert page.say.endswith("the display there shows K 7.")
    assert page.politeness is Politeness.ASSERTIVE


def test_an_untrusted_clock_leaves_no_clock_time_on_any_page() -> None:
    for language in Language:
        known = {name: value for name, value in fields(language).items() if not isinstance(value, time)}
        for state in PageState:
            page = page_text(CATALOGUE, state, language, **known, not_before_min=15, left_min=30)
            said = " ".join((page.h1, *page.body, page.say, *(words for _, words in page.buttons)))
            assert "14:" not in said
            assert "22:" not in said
            assert Button.REMIND not in [button for button, _ in page.buttons]


def test_a_heading_without_its_field_is_our_mistake() -> None:
    with pytest.raises(TextError, match="state called: the heading lacks a field"):
        page_text(CATALOGUE, PageState.CALLED, EN, code="K7")


def test_every_button_and_note_has_words() -> None:
    missing = [f"button.{button.value}" for button in Button if not CATALOGUE.has(f"button.{button.value}")]
    missing += [f"note.{note.value}" for note in Note if not CATALOGUE.has(f"note.{note.value}")]
    assert missing == []


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_status_and_words_even_without_fields(reason: Reason, language: Language) -> None:
    assert 400 <= HTTP_STATUS[reason] < 600
    assert refusal_text(CATALOGUE, reason, language).endswith((".", "?"))


def test_every_refusal_of_the_core_has_a_reason_here() -> None:
    assert {refusal.value for refusal in Refusal} - {reason.value for reason in Reason} == set()


def test_every_lamp_and_waveform_has_a_meaning() -> None:
    keys = [f"{table}.{state.value}" for state in LampState for table in ("lamp", "lamp_name")]
    keys += [f"pattern.{waveform.value}" for waveform in Waveform]
    assert [key for key in keys if not CATALOGUE.has(key)] == []


def test_no_refusal_text_is_without_a_reason() -> None:
    keys = {key.removeprefix("refusal.") for key in CATALOGUE.keys(EN) if key.startswith("refusal.")}
    assert {key.removesuffix("_bare") for key in keys} == {reason.value for reason in Reason} | {"reference"}


def test_a_refusal_uses_the_figures_it_is_given() -> None:
    said = refusal_text(CATALOGUE, Reason.POOL_FULL, EN, waiting=64, minutes=20)
    assert said == "The queue is full (64 waiting). Try again in about 20 min."
    suspended = refusal_text(CATALOGUE, Reason.TOKEN_SUSPENDED, DE, until=date(2026, 11, 27))
    assert suspended.startswith("Reservieren ist mit dieser Karte bis 27. Nov. gesperrt")


@pytest.mark.parametrize("result", RESULT_KEYS)
def test_every_sequere_result_has_words_in_both_languages(result: str) -> None:
    assert result_text(CATALOGUE, result, EN) != result_text(CATALOGUE, result, DE)


def test_a_sequere_result_says_what_the_specification_shows() -> None:
    assert result_text(CATALOGUE, "ALREADY_CHECKED_IN", EN, code="K7", position=3) == (
        "You are already in the queue: K7, 3rd."
    )
    assert result_text(CATALOGUE, "SLOT_TAKEN", EN, times=(time(17, 30),), start=time(17, 45)) == (
        "This time has just been taken. Nearest free: 17:30. Your reservation at 17:45 stands."
    )
    assert result_text(CATALOGUE, "BAD_REQUEST", DE, name="reservation_id") == "reservation_id fehlt."


def test_an_unknown_sequere_result_is_refused() -> None:
    with pytest.raises(TextError, match="'NOPE'"):
        result_text(CATALOGUE, "NOPE", EN)


DISPLAY_FIELDS: dict[str, object] = {
    "bay": "12",
    "pool": "CCS 300 kW",
    "digits": "483921",
    "code": "K72",
    "count": 4,
    "left_s": 272,
    "start": time(17, 45),
    "until": time(17, 30),
    "since": time(15, 2),
    "opens": time(6, 0),
    "power_w": 74_000,
    "energy_wh": 18_400,
    "for_s": 1320,
    "position": 3,
    "phone": "0800 123456",
    "price": Money(amount=Decimal("0.59"), currency="EUR"),
}


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", DisplayState)
def test_no_row_is_cut_on_a_display_of_20_signs(state: DisplayState, language: Language) -> None:
    wait = "bis 180 Min." if language is DE else "up to 180 min"
    rows = row_texts(CATALOGUE, state, language, wait=wait, **DISPLAY_FIELDS)
    assert [len(row) for row in rows] == [20] * 4
    keys = CATALOGUE.rows(f"rows.{state.value}")
    full = [CATALOGUE.text(key, language, wait=wait, **DISPLAY_FIELDS) for key in keys]
    assert [row.split() for row in rows][: len(keys)] == [text.split() for text in full]


def test_rows_say_what_the_design_says() -> None:
    known = DISPLAY_FIELDS | {"bay": "3", "code": "K7"}
    assert row_texts(CATALOGUE, DisplayState.FREE, EN, **known) == (
        "Bay 3           FREE",
        "CCS 300 kW          ",
        "EUR 0.59/kWh        ",
        "Check in: 483 921   ",
    )
    assert row_texts(CATALOGUE, DisplayState.HELD, DE, **known)[0] == "Platz 3 nur für K7  "


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", DisplayState)
def test_no_face_is_blank_where_little_is_known(state: DisplayState, language: Language) -> None:
    face = face_text(CATALOGUE, state, language, count=1, code="K7")
    assert face.big or face.lines


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("state", DisplayState)
def test_every_display_state_has_a_face_that_says_something(state: DisplayState, language: Language) -> None:
    face = face_text(CATALOGUE, state, language, wait="<180 MIN", **DISPLAY_FIELDS)
    longest = 11 if face.with_qr else 21
    assert face.big or face.lines
    assert all(len(line) <= longest for line in face.lines)
