"""How a wait is said: the later figure first, rounded so that nobody reads a promise into it.

Pure. Takes the forecast's P50 and P90 in minutes; decides the figures and the key, the words are in the catalogue.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from agent.texts.catalogue import Catalogue
from agent.texts.formats import Language

UNDER_MIN = 5  # shorter than this there is no figure: finding the car takes as long
FINE_STEP_MIN = 5
COARSE_FROM_MIN = 60
COARSE_STEP_MIN = 15
LONGEST_MIN = 180  # longer than this no forecast is worth a figure


class WaitForm(StrEnum):
    """Where a wait is said; the names are the tables of the catalogue."""

    CARD = "card"  # check-in page: Wait: up to about 50 min, likely 25
    PAGE = "page"  # own page: Wait: up to about 50 min, likely about 25 min
    BARE = "plain"  # within a sentence: up to about 50 min
    BOARD = "board"  # to 50 min
    DISPLAY = "display"  # character display: up to 50 min
    PANEL = "panel"  # OLED: <50 MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A wait rounded for people, in minutes; 0 means under 5 min, None means more than 3 hours."""

    likely_min: int | None
    most_min: int | None


def _step(minutes: float) -> int:
    return FINE_STEP_MIN if minutes < COARSE_FROM_MIN else COARSE_STEP_MIN


def _rounded(minutes: float, *, up: bool) -> int | None:
    if minutes < UNDER_MIN:
        return 0
    if minutes > LONGEST_MIN:
        return None
    step = _step(minutes)
    return step * (math.ceil(minutes / step) if up else math.floor(minutes / step + 0.5))


def rounded_wait(p50_min: float, p90_min: float) -> Wait:
    """Return both figures as they are shown: P90 rounded up, P50 to the nearest 5 min, from 60 min on by 15."""
    if not 0 <= p50_min <= p90_min:
        raise ValueError(f"a wait of P50 {p50_min} and P90 {p90_min} min: expected 0 <= P50 <= P90")
    return Wait(likely_min=_rounded(p50_min, up=False), most_min=_rounded(p90_min, up=True))


def wait_text(
    p50_min: float, p90_min: float, language: Language, *, catalogue: Catalogue, form: WaitForm = WaitForm.CARD
) -> str:
    """Return the wait in words; minutes in, and P90 must not be less than P50."""
    wait = rounded_wait(p50_min, p90_min)

    def say(case: str) -> str:
        key = f"wait.{form.value}.{case}"
        if not catalogue.has(key):  # the short forms only say the later figure
            key = f"wait.{form.value}.{case.partition('_')[0]}"
        return catalogue.text(key, language, likely_min=wait.likely_min, most_min=wait.most_min)

    match wait:
        case Wait(most_min=0):
            return say("under")
        case Wait(likely_min=None):
            return say("over")
        case Wait(likely_min=0, most_min=None):
            return say("over_under")
        case Wait(most_min=None):
            return say("over_likely")
        case Wait(likely_min=0, most_min=most) if most != UNDER_MIN:
            return say("most_under")
        case Wait(likely_min=likely, most_min=most) if likely == most or likely == 0:
            return say("most")
        case _:
            return say("most_likely")
