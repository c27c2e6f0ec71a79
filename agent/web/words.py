"""From views to words: local times, prices, waits and the text of an own page in one language.

Pure but for the catalogue. Decides nothing: which state and which actions there are comes from the core.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from agent.core.board import PoolView
from agent.core.layout import MINUTE_MS, ChargingLocation, Now
from agent.core.page import Action, PageView
from agent.core.page import PageState as CoreState
from agent.core.shown import WaitRange
from agent.core.state import Reason
from agent.texts.catalogue import Catalogue
from agent.texts.formats import Language, Money, money
from agent.texts.pages import PageState, PageText, page_text
from agent.texts.waits import WaitForm, wait_text

HARDLY_FROM_MIN = 5  # nobody walks away for less
HARDLY_STEP_MIN = 5  # rounded down: never later than forecast
REMIND_BEFORE_MIN = 5  # `experience.md` 2.5: the phone rings so long before P10
_PRICE = re.compile(r"([A-Z]{3}) (\d{1,6}\.\d{1,4})(/kWh|)")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a site in one language."""

    catalogue: Catalogue
    language: Language
    location: ChargingLocation | None

    def __call__(self, key: str, **fields: object) -> str:
        """Return a text, the shorter form if a field is unknown; empty if neither can be said."""
        return self.catalogue.best(key, self.language, **fields) or ""

    def local(self, utc_ms: int | None) -> datetime | None:
        """Return an instant as the site's local time, or None while it is unknown."""
        if utc_ms is None:
            return None
        minutes = self.location.offset_min(utc_ms) if self.location else 0
        return datetime.fromtimestamp(utc_ms / 1000, tz=UTC).astimezone(timezone(timedelta(minutes=minutes)))

    def pool_name(self, view: PoolView) -> str:
        """Return a pool's name in the language, else in the first one it has, else its id."""
        names = dict(view.names)
        return names.get(self.language.value) or next(iter(names.values()), view.pool)

    def price(self, text: str | None) -> str:
        """Return a configured price as the language writes it; what is no plain price stays as it is."""
        if not text:
            return self("check_in.price_unknown")
        found = _PRICE.fullmatch(text)
        if found is None:
            return text
        return money(Money(amount=Decimal(found[2]), currency=found[1]), self.language) + found[3]

    def wait(self, wait: WaitRange | None, form: WaitForm) -> str | None:
        """Return a wait in words, or None if there is no forecast."""
        if wait is None:
            return None
        return wait_text(wait.p50_min, wait.p90_min, self.language, catalogue=self.catalogue, form=form)


def price_per_kwh(text: str | None) -> Money | None:
    """Return the price of a kWh if that is what a configured price says."""
    found = _PRICE.fullmatch(text or "")
    return Money(amount=Decimal(found[2]), currency=found[1]) if found and found[3] == "/kWh" else None


def own_page_fields(words: Words, view: PageView, now: Now, phone: str | None) -> dict[str, object]:
    """Return what is known for the texts of an own page; a sentence whose fields are missing is left out."""
    done = view.state is CoreState.DONE
    left_s = None if view.left_ms is None else -(-view.left_ms // 1000)
    fields: dict[str, object | None] = {
        "position": view.position,
        "code": view.code,
        "bay": view.bay,
        "wrong_bay": view.wrong_bay,
        "kept_bay": None if Action.USE_BAY in view.actions else view.wrong_bay,
        "left_s": left_s,
        "minutes": None if left_s is None else max(1, -(-left_s // 60)),
        "until": words.local(view.ended_utc_ms if done else view.until_utc_ms),
        "since": words.local(view.since_utc_ms),
        "closes": words.local(view.closes_utc_ms),
        "opens": words.local(view.opens_utc_ms),
        "energy_wh": view.energy_wh,
        "power_w": view.power_w,
        "count": view.waiting or None,
        "phone": phone,
        "price": _own_price(words, view),
        **_lost(view),
        **_wait_fields(words, view.wait, now),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _own_price(words: Words, view: PageView) -> Money | None:
    pool = words.location.pool(view.pool) if words.location and view.pool else None
    authorising = view.state in (CoreState.AUTHORISE, CoreState.NOT_AUTHORISED)
    return price_per_kwh(pool.price) if pool and authorising else None


def _lost(view: PageView) -> Mapping[str, object | None]:
    if view.state is not CoreState.BAY_CHANGED:
        return {}
    blocked = view.lost_reason is Reason.EVSE_BLOCKED
    return {"blocked_bay" if blocked else "faulty_bay": view.lost_bay}


def _wait_fields(words: Words, wait: WaitRange | None, now: Now) -> Mapping[str, object | None]:
    if wait is None:
        return {}
    said: dict[str, object | None] = {"wait": words.wait(wait, WaitForm.PAGE)}
    if wait.p10_min >= HARDLY_FROM_MIN:
        said["not_before_min"] = wait.p10_min // HARDLY_STEP_MIN * HARDLY_STEP_MIN
        if now.utc_ms is not None:
            at = now.utc_ms + wait.p10_min * MINUTE_MS
            said["not_before"] = words.local(at - at % (HARDLY_STEP_MIN * MINUTE_MS))
    at_ms = reminder_utc_ms(wait, now)
    if at_ms is not None:
        said["at"] = words.local(at_ms)
    return said


def reminder_utc_ms(wait: WaitRange | None, now: Now) -> int | None:
    """Return when the phone should ring, on a full minute, or None while no time of day is known."""
    if wait is None or now.utc_ms is None:
        return None
    at = now.utc_ms + (wait.p10_min - REMIND_BEFORE_MIN) * MINUTE_MS
    return at - at % MINUTE_MS


def own_page_text(words: Words, view: PageView, fields: Mapping[str, object]) -> PageText:
    """Return heading, body and announcement of an own page."""
    return page_text(words.catalogue, PageState(view.state.value), words.language, **fields)
