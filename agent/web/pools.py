"""The pools as cards to choose from: name, price, wait, what is free, and why one cannot be chosen.

Pure but for the catalogue. Used for checking in and for changing.
"""

from dataclasses import dataclass

from agent.core.board import PoolStatus, PoolView, pool_views
from agent.core.layout import Now
from agent.core.shown import LONGEST_WAIT_MIN, Waits
from agent.core.state import Site
from agent.texts.waits import WaitForm
from agent.web.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolCard:
    """A pool as a choice; `closed` is why it is none, empty while it is one."""

    pool: str
    name: str
    price: str
    wait: str
    counts: str
    free: bool
    closed: str
    restricted: bool


def pool_cards(words: Words, site: Site, now: Now, waits: Waits) -> tuple[PoolCard, ...]:
    """Return the cards: first those that can be chosen, the shortest wait before the longer ones."""
    views = sorted(pool_views(site, now, waits), key=_order)
    return tuple(_card(words, view) for view in views)


def _order(view: PoolView) -> tuple[bool, bool, int]:
    wait = view.wait.p90_min if view.wait else LONGEST_WAIT_MIN
    return (view.status is not PoolStatus.OPEN or view.evses_in_service == 0, view.evses_free == 0, wait)


def _card(words: Words, view: PoolView) -> PoolCard:
    free = view.evses_free > 0
    counts = (
        words("check_in.waiting", count=view.queue_length),
        words("check_in.bays_free", free=view.evses_free, bays=view.evses),
    )
    return PoolCard(
        pool=view.pool,
        name=words.pool_name(view),
        price=words.price(view.price),
        wait=words("check_in.free_now") if free else words.wait(view.wait, WaitForm.CARD) or "",
        counts=", ".join(counts),
        free=free,
        closed=_closed(words, view),
        restricted=view.restricted,
    )


def _closed(words: Words, view: PoolView) -> str:
    if view.status is PoolStatus.CLOSED:
        return words("check_in.closed_until", opens=words.local(view.opens_utc_ms)) or words("check_in.closed")
    if view.status is PoolStatus.PAUSED:
        return words("check_in.paused")
    if view.evses_in_service == 0:
        return words("check_in.out_of_order")
    return words("check_in.full") if view.status is PoolStatus.FULL else ""
