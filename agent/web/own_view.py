"""An own page as data: what stands on it, what its event stream says, and what is announced once.

Pure but for the memory of which change of the wait was announced last. The page, the stream and the polled state are
made here and nowhere else, so they cannot differ.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agent.core.layout import MINUTE_MS, CheckInId, Now
from agent.core.page import Action, PageState, PageView, page_view
from agent.core.shown import WaitRange
from agent.core.state import Reason
from agent.texts.formats import Language
from agent.texts.pages import Note, PageText
from agent.web.context import WebContext
from agent.web.plan import Plan, plan_of
from agent.web.words import Words, own_page_fields, own_page_text

WAIT_MOVED_MIN = 10  # `experience.md` 2.3: a change of the wait is announced from 10 min and 20 % on ...
WAIT_MOVED_SHARE = 0.2
WAIT_SAID_MS = 5 * MINUTE_MS  # ... and at most each 5 min
CLOSING_SOON_MS = 30 * MINUTE_MS
PANEL = frozenset({PageState.CALLED, PageState.BAY_CHANGED})  # the one strong colour of the page
COUNTED = PANEL | {PageState.WRONG_BAY, PageState.NOT_AUTHORISED, PageState.FINISHED}
# Which actions are links to a page that asks or tells; all others are done by one POST.
LINKS = {
    Action.REMIND: "reminder.ics",
    Action.SNOOZE: "snooze",
    Action.CHANGE: "change",
    Action.OTHER_PLUGS: "change",
    Action.LEAVE: "leave",
    Action.STOP_CHARGING: "stop_charging",
    Action.RECEIPT: "receipt.txt",
}
# The page's next step is another: to plug in, to wait. These are ways out of it.
NEVER_PRIMARY = frozenset({Action.LEAVE, Action.WRONG_BAY})


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownButton:
    """Something to do next: by POST (`post`), behind a link (`href`), or neither if it was not understood."""

    action: str
    label: str
    href: str | None
    primary: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPage:
    """All that an own page shows."""

    view: PageView
    text: PageText
    body: tuple[str, ...]
    until: str
    notes: tuple[str, ...]
    buttons: tuple[ShownButton, ...]
    plan: Plan | None
    event_id: str
    revision: str
    boot: int
    as_of: str
    at: str

    @property
    def panel(self) -> bool:
        """Whether the call panel is shown."""
        return self.view.state in PANEL

    @property
    def counted_ms(self) -> int | None:
        """What is counted down on the page, in milliseconds; a stopped clock is not."""
        return self.view.left_ms if self.view.state in COUNTED and not self.view.clock_stopped else None

    def event(self) -> dict[str, Any]:
        """Return the object that the event stream and the polled state answer."""
        view, wait = self.view, self.view.wait
        return {
            "event_id": self.event_id,
            "state": view.state.value,
            "h1": self.text.h1,
            "body": list(self.body),
            "say": self.text.say,
            "politeness": self.text.politeness.value,
            "position": view.position,
            "p10_min": wait.p10_min if wait else None,
            "p50_min": wait.p50_min if wait else None,
            "p90_min": wait.p90_min if wait else None,
            "left_ms": self.counted_ms,
            "bay": view.bay,
            "code": view.code,
            "title": self.text.title,
            "as_of": self.as_of,
            "at": self.at,
            "revision": self.revision,
            "boot": self.boot,
        }


class OwnPages:
    """Makes own pages; remembers per CheckIn which wait was said last."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._said: dict[CheckInId, _SaidWait] = {}

    def view(self, check_in: CheckInId) -> PageView:
        """Return the core's view of a CheckIn now."""
        context = self._context
        runner = context.runner
        return page_view(runner.site, check_in, runner.now(), context.readings, context.waits())

    def make(self, check_in: CheckInId, address: str, language: Language) -> OwnPage:
        """Return the own page of a CheckIn as it is now."""
        context, view, now = self._context, self.view(check_in), self._context.runner.now()
        words = Words(context.catalogue, language, context.runner.site.location)
        fields = own_page_fields(words, view, now, context.options.operator_phone)
        text = own_page_text(words, view, fields)
        # In the panel the time left stands alone, as large as the code; the sentence would say it twice.
        shown = {k: v for k, v in fields.items() if k != "left_s"} if view.state in PANEL else fields
        body = own_page_text(words, view, shown).body
        buttons = tuple(_buttons(words, view, address, fields))
        notes = tuple(_notes(words, view, now, context))
        waits = self._wait_said(check_in, view, now)
        until = words("no_script.until", until=fields.get("until"))
        lines = (view.state.value, text.h1, str(len(body)), *notes, *(b.label for b in buttons))
        return OwnPage(
            view=view,
            text=text,
            body=body,
            until=until,
            notes=notes,
            buttons=buttons,
            plan=plan_of(words, words.location, view.evse) if words.location and view.evse else None,
            event_id=_digest(view.state.value, view.bay, view.lost_bay, view.position, waits),
            revision=_digest(*lines),
            boot=context.runner.site.boot,
            as_of=words("note.as_of", at=words.local(now.utc_ms)),
            at=words("note.at", at=words.local(now.utc_ms)),
        )

    def forget(self, known: Iterable[CheckInId]) -> None:
        """Drop what was remembered of CheckIns that are not known any more."""
        keep = frozenset(known)
        self._said = {c: said for c, said in self._said.items() if c in keep}

    def _wait_said(self, check_in: CheckInId, view: PageView, now: Now) -> int:
        """Return how often the wait of somebody who waits has moved enough to be said again."""
        if view.wait is None or view.state is not PageState.WAITING:
            return 0
        said = self._said.get(check_in)
        if said is None or said.position != view.position:
            times = said.times if said else 0
            said = _SaidWait(view.wait.p90_min, view.position, now.elapsed_ms, times)
        elif moved(said.p90_min, view.wait) and now.elapsed_ms - said.at_ms >= WAIT_SAID_MS:
            said = _SaidWait(view.wait.p90_min, view.position, now.elapsed_ms, said.times + 1)
        self._said[check_in] = said
        return said.times


@dataclass(frozen=True, slots=True)
class _SaidWait:
    p90_min: int
    position: int | None
    at_ms: int
    times: int


def moved(p90_min: int, wait: WaitRange) -> bool:
    """Return whether a wait is so different from the one said last that it is worth saying."""
    by = abs(wait.p90_min - p90_min)
    return by >= WAIT_MOVED_MIN and by >= WAIT_MOVED_SHARE * p90_min


def _buttons(words: Words, view: PageView, address: str, fields: dict[str, object]) -> Iterable[ShownButton]:
    policy = words.location.policy if words.location else None
    extra = {"minutes": policy.extension_ms // MINUTE_MS} if policy else {}
    primary = True
    for action in view.actions:
        label = words(f"button.{action.value}", **{**fields, **extra})
        if not label:
            continue
        first, primary = primary and action not in NEVER_PRIMARY, False
        yield ShownButton(action=action.value, label=label, href=_href(action, address, fields), primary=first)


def _href(action: Action, address: str, fields: dict[str, object]) -> str | None:
    if action in (Action.CHECK_IN, Action.CHECK_IN_AGAIN):
        return "/"
    if action is Action.HELP:
        return "tel:" + "".join(c for c in str(fields.get("phone", "")) if c.isdigit() or c == "+")
    return f"{address}/{LINKS[action]}" if action in LINKS else None


def _notes(words: Words, view: PageView, now: Now, context: WebContext) -> Iterable[str]:
    if view.state in PANEL and view.evse is not None and context.in_app(view.check_in, view.evse):
        yield words(f"note.{Note.SENT_TO_APP.value}")
    if context.link() == "down":
        yield words(f"note.{Note.INTERNET_GONE.value}")
    if now.utc_ms is None:
        yield words(f"note.{Note.CLOCK_UNTRUSTED.value}")
    if context.runner.provisional:
        yield words(f"note.{Note.PROVISIONAL.value}")
    if view.reason is Reason.OPERATOR:
        yield words(f"note.{Note.CHANGED_BY_OPERATOR.value}")
    closes_ms = view.closes_utc_ms
    near = closes_ms is not None and now.utc_ms is not None and closes_ms - now.utc_ms <= CLOSING_SOON_MS
    if near and view.position is not None:
        yield words(f"note.{Note.CLOSING_SOON.value}", closes=words.local(view.closes_utc_ms))


def _digest(*parts: object) -> str:
    return hashlib.blake2s("\x1f".join(map(str, parts)).encode(), digest_size=6).hexdigest()
