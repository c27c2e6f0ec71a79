"""From a journal to the state it leads to: the newest snapshot, and the events after it.

Reads the journal. Behind a gap of lost events `evolve` leaves alone what it does not find; a kind of event that this
release does not know is an error of the journal: a downgrade is refused. An event that makes our own code fail ends the
start, but in safe mode: there it is left out and said, and a release that can read it finds it in its place.
"""

import logging
from collections.abc import Iterable
from itertools import chain

from agent.core.events import Event
from agent.core.evolve import evolve
from agent.core.site import fold
from agent.core.state import Site
from agent.journal.store import Journal
from agent.kernel.mishaps import trace_of

log = logging.getLogger("stationmaster")


NO_SNAPSHOT = 2**63  # as the last event in a snapshot: behind all, so that none is ever due


def replay(journal: Journal, *, tolerant: bool = False) -> tuple[Site, int]:
    """Return the state that a journal leads to, and the last event that its snapshot contains. Raise JournalError.

    Where an event was left out, that is `NO_SNAPSHOT`: a snapshot would leave it out for good.
    """
    loaded = journal.load()
    events = chain(loaded.snapshot, (stored.event for stored in loaded.events))
    if not tolerant:
        return fold(events), loaded.snapshot_head
    site, left_out = _as_far_as_possible(events)
    return site, NO_SNAPSHOT if left_out else loaded.snapshot_head


def _as_far_as_possible(events: Iterable[Event]) -> tuple[Site, int]:
    site, left_out = Site(), 0
    for event in events:
        try:
            site = evolve(site, event)
        except Exception as error:
            left_out += 1
            log.error("event=left_out kind=%s at_ms=%d trace=%r", type(event).__name__, event.at_ms, trace_of(error))
    return site, left_out
