"""The words of the small displays: an OLED's big sign and lines, a character display's rows.

Pure, and knows no driver: whoever builds a `Face` takes the words, the icon's name and the two flags from here. Which
state a bay is in is decided elsewhere. Rows are composed to the width of the panel, cut and never reworded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.texts.catalogue import Catalogue
from agent.texts.formats import Language

ROW_SIGNS = 20
ROWS = 4


class DisplayState(StrEnum):
    """What a display at a bay can say; the values are the keys under `face.` and `rows.`"""

    FREE = "free"
    QUEUE = "queue"
    TAKEN = "taken"
    HELD = "held"
    RESERVED = "reserved"
    FREE_UNTIL = "free_until"
    PLUG_IN = "plug_in"
    CARD = "card"
    WRONG_BAY = "wrong_bay"
    PREPARING = "preparing"
    CHARGING = "charging"
    PAUSED = "paused"
    FINISHED = "finished"
    PLEASE_MOVE = "please_move"  # blocked, or the time to move is over
    DANGER = "danger"
    FAULT = "fault"
    STARTING = "starting"
    CLOSED = "closed"
    CHECKED_IN = "checked_in"
    LEAVE = "leave"
    LEFT = "left"
    REFUSED = "refused"
    QUEUE_FULL = "queue_full"
    OTHER_BAY = "other_bay"


# Icons by the names of the display drivers. A lock would fit `held`, but the code must have all the room there is.
_ICONS: Mapping[DisplayState, str] = {
    DisplayState.PLUG_IN: "arrow",
    DisplayState.CARD: "arrow",
    DisplayState.WRONG_BAY: "lock",
    DisplayState.PREPARING: "bolt",
    DisplayState.DANGER: "cross",
    DisplayState.FAULT: "cross",
    DisplayState.REFUSED: "cross",
    DisplayState.QUEUE_FULL: "cross",
    DisplayState.STARTING: "logo",
}
_WITH_QR = frozenset({DisplayState.FREE, DisplayState.QUEUE, DisplayState.FREE_UNTIL})


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceText:
    """The words of one face, and what belongs beside them."""

    big: str
    lines: tuple[str, ...]
    icon: str | None
    with_qr: bool
    with_bar: bool


def face_text(catalogue: Catalogue, state: DisplayState, language: Language, **fields: object) -> FaceText:
    """Return the words of a face; a line whose fields are unknown is left out. Fields: see the catalogue."""
    prefix = f"face.{state.value}"
    lines = (catalogue.best(key, language, **fields) for key in catalogue.rows(f"{prefix}.lines"))
    return FaceText(
        big=catalogue.best(f"{prefix}.big", language, **fields) or "",
        lines=tuple(line for line in lines if line),
        icon=_ICONS.get(state),
        with_qr=state in _WITH_QR,
        with_bar=state is DisplayState.CHARGING,
    )


def row_texts(catalogue: Catalogue, state: DisplayState, language: Language, **fields: object) -> tuple[str, ...]:
    """Return four rows of exactly 20 signs; a row whose fields are unknown is blank."""
    rows = [catalogue.best(key, language, **fields) or "" for key in catalogue.rows(f"rows.{state.value}")]
    return tuple(_row(text) for text in (rows + [""] * ROWS)[:ROWS])


def _row(text: str) -> str:
    """Set what follows a tab at the right edge; the right part wins where both do not fit."""
    left, _, right = text.partition("\t")
    if not right:
        return left[:ROW_SIGNS].ljust(ROW_SIGNS)
    room = ROW_SIGNS - len(right)
    return left[: max(0, room - 1)].ljust(room) + right[:ROW_SIGNS]
