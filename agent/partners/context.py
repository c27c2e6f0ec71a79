"""What the partners' operations work with, handed in by the composition root, and what follows directly from it.

Data and small helpers. Reads no configuration file and opens no journal of its own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from agent.core.layout import Now
from agent.core.shown import Waits
from agent.core.state import CheckIn, Site
from agent.journal.turn import DropRecord, PutRecord, Write
from agent.kernel.authoriser import Judged
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from agent.partners.entries import Entries, Scene
from agent.partners.poi import Poi
from agent.partners.receipts import ReceiptReads
from agent.partners.results import Words, words
from agent.partners.sequences import Sequences
from agent.texts.catalogue import Catalogue

URL_STORE = "partner_url"  # records: the response_url of a CheckIn, by its number

Judge = Callable[[str, str], Awaitable[Judged]]


class PartnerReads(ReceiptReads, Protocol):
    """What is read of the journal; each call blocks for one short read."""

    def records(self, store: str) -> dict[str, bytes]:
        """Return all records of a store by key."""


class ResponseUrls:
    """Where the updates of single CheckIns go, if not to the partner's receiver. Kept over restarts."""

    def __init__(self, reads: PartnerReads) -> None:
        """Read the records; blocks."""
        self._of = {int(key): value.decode() for key, value in reads.records(URL_STORE).items()}

    def of(self, check_in: int) -> str | None:
        """Return the response_url of a CheckIn, or None."""
        return self._of.get(check_in)

    def put(self, check_in: int, url: str | None) -> tuple[Write, ...]:
        """Set or drop it, and return the rows of that."""
        if url is None:
            return () if self._of.pop(check_in, None) is None else (_drop(check_in),)
        self._of[check_in] = url
        return (PutRecord(store=URL_STORE, key=str(check_in), value=url.encode()),)

    def gone(self, site: Site) -> tuple[Write, ...]:
        """Drop those of CheckIns that the site has forgotten, and return the rows of that."""
        dropped = [check_in for check_in in self._of if check_in not in site.check_ins]
        for check_in in dropped:
            del self._of[check_in]
        return tuple(_drop(check_in) for check_in in dropped)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerContext:
    """The parts of an agent that partners' operations talk to.

    `judge` is the authoriser, `waits` the latest forecast, `monotonic` the seconds that rates count on, `wall_ms` the
    machine's UTC milliseconds whether trusted or not (only for fields that inform), `draw` a random number.
    """

    runner: Runner
    journal: PartnerReads
    catalogue: Catalogue
    key: SiteKey
    subjects: Subjects
    judge: Judge
    waits: Callable[[], Waits]
    monotonic: Callable[[], float]
    wall_ms: Callable[[], int]
    draw: Callable[[], int]
    sequences: Sequences = field(default_factory=Sequences)

    def scene(self, site: Site | None = None, now: Now | None = None) -> Scene:
        """Return the present site, or another, ready for rendering."""
        at = self.runner.now() if now is None else now
        return Scene(self.runner.site if site is None else site, at, self.waits(), self.wall_ms())

    def utc_ms(self) -> int:
        """Return the time of day for timestamps, trusted or not."""
        trusted = self.runner.now().utc_ms
        return self.wall_ms() if trusted is None else trusted

    def words(self) -> Words:
        """Return the texts in the languages of the location."""
        location = self.runner.site.location
        return words(self.catalogue, location.languages if location else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What operations and updates share: names and numbers of objects, response URLs, and who was just told what."""

    context: PartnerContext
    entries: Entries
    poi: Poi
    urls: ResponseUrls
    answered: list[Callable[[str, Scene, CheckIn], None]] = field(default_factory=list)

    def tell_answered(self, partner_key: str, scene: Scene, check_in: CheckIn) -> None:
        """Note that an answer told a partner of a CheckIn: it needs no update of the same."""
        for listener in self.answered:
            listener(partner_key, scene, check_in)


def shared(context: PartnerContext) -> Shared:
    """Return the shared parts of a site; blocks for one read."""
    return Shared(
        context=context,
        entries=Entries(context.key, context.sequences),
        poi=Poi(context.sequences),
        urls=ResponseUrls(context.journal),
    )


def _drop(check_in: int) -> DropRecord:
    return DropRecord(store=URL_STORE, key=str(check_in))
