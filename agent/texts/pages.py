"""What a driver's own page says in each state: heading, body, announcement, buttons.

Pure. Decides the order of the sentences and how urgently a screen reader says them; not which state a check-in is in,
and not how a button looks. A sentence whose fields are unknown is left out or replaced by its `_bare` form, so an
untrusted clock needs no state of its own: the caller gives no clock times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.texts.catalogue import Catalogue, TextError
from agent.texts.formats import Language


class PageState(StrEnum):
    """The states of the own page; the values are the keys under `state.`"""

    WAITING = "waiting"
    NEXT = "next"
    CALLED = "called"
    BAY_CHANGED = "bay_changed"
    ARRIVED = "arrived"
    WRONG_BAY = "wrong_bay"
    BAY_BLOCKED = "bay_blocked"
    REQUEUED = "requeued"
    ENDED = "ended"
    SNOOZED = "snoozed"
    AUTHORISE = "authorise"
    NOT_AUTHORISED = "not_authorised"
    CHARGING = "charging"
    PAUSED_BY_CAR = "paused_by_car"
    PAUSED_BY_SITE = "paused_by_site"
    FINISHED = "finished"
    OVERSTAY = "overstay"
    DONE = "done"
    LEFT = "left"
    SITE_FAULT = "site_fault"
    QUEUE_PAUSED = "queue_paused"
    CLOSED = "closed"
    UNKNOWN_LINK = "unknown_link"


class Politeness(StrEnum):
    """How an announcement reaches a screen reader; POLITE and ASSERTIVE are the values of `aria-live`."""

    NONE = "none"
    POLITE = "polite"
    ASSERTIVE = "assertive"


class Button(StrEnum):
    """What a driver can do next; the values are the keys under `button.`"""

    REMIND = "remind"
    SNOOZE = "snooze"
    CHANGE = "change"
    LEAVE = "leave"
    EXTEND = "extend"
    WRONG_BAY = "wrong_bay"
    USE_BAY = "use_bay"
    PLAN = "plan"
    BAY_IS_FREE = "bay_is_free"
    HERE = "here"
    CHECK_IN = "check_in"
    CHECK_IN_AGAIN = "check_in_again"
    READY = "ready"
    START_CHARGING = "start_charging"
    STOP_CHARGING = "stop_charging"
    MOVING = "moving"
    HELP = "help"
    RECEIPT = "receipt"
    UNDO = "undo"
    OTHER_PLUGS = "other_plugs"
    RESERVE_TIME = "reserve_time"


class Note(StrEnum):
    """What may stand under any heading; the values are the keys under `note.`"""

    INTERNET_GONE = "internet_gone"
    CLOCK_UNTRUSTED = "clock_untrusted"
    CLOSING_SOON = "closing_soon"
    CHANGED_BY_OPERATOR = "changed_by_operator"
    SENT_TO_APP = "sent_to_app"
    PROVISIONAL = "provisional"
    RESTARTED = "restarted"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    body: tuple[str, ...]
    buttons: tuple[Button, ...]
    politeness: Politeness


_WAITING_BUTTONS = (Button.SNOOZE, Button.CHANGE, Button.LEAVE)
_CALLED_BUTTONS = (Button.EXTEND, Button.SNOOZE, Button.LEAVE, Button.PLAN)
_P, _A, _N = Politeness.POLITE, Politeness.ASSERTIVE, Politeness.NONE

# The first button is the primary one. Which of them are possible now is the site's to say, not this table's.
PAGES: Mapping[PageState, _Page] = {
    PageState.WAITING: _Page(
        body=("wait", "not_before", "kept"), buttons=(Button.REMIND, *_WAITING_BUTTONS), politeness=_P
    ),
    PageState.NEXT: _Page(body=("stay",), buttons=_WAITING_BUTTONS, politeness=_A),
    PageState.CALLED: _Page(body=("left", "find"), buttons=_CALLED_BUTTONS, politeness=_A),
    PageState.BAY_CHANGED: _Page(
        body=("faulty", "blocked", "restart", "left", "find"), buttons=_CALLED_BUTTONS, politeness=_A
    ),
    PageState.ARRIVED: _Page(body=("plug",), buttons=(Button.WRONG_BAY, Button.LEAVE), politeness=_P),
    PageState.WRONG_BAY: _Page(body=("where", "move"), buttons=(Button.USE_BAY, Button.PLAN), politeness=_A),
    PageState.BAY_BLOCKED: _Page(body=("search",), buttons=(Button.BAY_IS_FREE,), politeness=_A),
    PageState.REQUEUED: _Page(body=("was", "now"), buttons=(Button.HERE, Button.SNOOZE, Button.LEAVE), politeness=_A),
    PageState.ENDED: _Page(body=("empty",), buttons=(Button.CHECK_IN_AGAIN,), politeness=_A),
    PageState.SNOOZED: _Page(body=("keep",), buttons=(Button.READY, Button.LEAVE), politeness=_P),
    PageState.AUTHORISE: _Page(body=("how", "price"), buttons=(Button.START_CHARGING,), politeness=_P),
    PageState.NOT_AUTHORISED: _Page(body=("how", "kept"), buttons=(Button.START_CHARGING, Button.HELP), politeness=_A),
    PageState.CHARGING: _Page(body=("facts", "until"), buttons=(Button.STOP_CHARGING,), politeness=_P),
    PageState.PAUSED_BY_CAR: _Page(body=("resumes",), buttons=(Button.STOP_CHARGING,), politeness=_P),
    PageState.PAUSED_BY_SITE: _Page(body=("resumes",), buttons=(Button.STOP_CHARGING,), politeness=_P),
    PageState.FINISHED: _Page(body=("energy", "move"), buttons=(Button.MOVING,), politeness=_A),
    PageState.OVERSTAY: _Page(body=("fee",), buttons=(Button.MOVING, Button.HELP), politeness=_A),
    PageState.DONE: _Page(body=("facts", "kept"), buttons=(Button.RECEIPT,), politeness=_P),
    PageState.LEFT: _Page(body=(), buttons=(Button.CHECK_IN_AGAIN, Button.UNDO), politeness=_P),
    PageState.SITE_FAULT: _Page(body=("keep",), buttons=(Button.OTHER_PLUGS, Button.LEAVE), politeness=_A),
    PageState.QUEUE_PAUSED: _Page(body=("bay", "kept", "again"), buttons=(Button.LEAVE, Button.HELP), politeness=_A),
    PageState.CLOSED: _Page(body=("ended", "opens"), buttons=(Button.RESERVE_TIME,), politeness=_A),
    PageState.UNKNOWN_LINK: _Page(body=("perhaps",), buttons=(Button.CHECK_IN,), politeness=_N),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """The words of an own page: `body` is a sentence or two an item, `say` is empty when nothing is announced.

    `buttons` are those whose words could be filled in, first is primary.
    """

    h1: str
    body: tuple[str, ...]
    title: str
    say: str
    politeness: Politeness
    buttons: tuple[tuple[Button, str], ...]


def page_text(catalogue: Catalogue, state: PageState, language: Language, **fields: object) -> PageText:
    """Return the words of a state; raise TextError if the heading lacks a field. Fields: see the catalogue."""
    page = PAGES[state]
    prefix = f"state.{state.value}"
    h1 = catalogue.best(f"{prefix}.h1", language, **fields)
    if h1 is None:
        raise TextError(f"state {state.value}: the heading lacks a field, got {', '.join(sorted(fields)) or 'none'}")
    parts = (catalogue.best(f"{prefix}.{part}", language, **fields) for part in page.body)
    body = tuple(part for part in parts if part is not None)
    say = catalogue.best(f"{prefix}.say", language, **fields) or " ".join((f"{h1}.", *body))
    buttons = ((button, catalogue.best(f"button.{button.value}", language, **fields)) for button in page.buttons)
    return PageText(
        h1=h1,
        body=body,
        title=catalogue.best(f"{prefix}.title", language, **fields) or h1,
        say="" if page.politeness is Politeness.NONE else say,
        politeness=page.politeness,
        buttons=tuple((button, words) for button, words in buttons if words is not None),
    )
