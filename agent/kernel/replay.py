"""From a journal to the state it leads to: the newest snapshot, and the events after it.

Reads the journal. Behind a gap of lost events `evolve` leaves alone what it does not find; a kind of event that this
release does not know is an error of the journal: a downgrade is refused.
"""

from agent.core.site import fold
from agent.core.state import Site
from agent.journal.store import Journal


def replay(journal: Journal) -> tuple[Site, int]:
    """Return the state that a journal leads to, and the last event that its snapshot contains. Raise JournalError."""
    loaded = journal.load()
    return fold((stored.event for stored in loaded.events), fold(loaded.snapshot)), loaded.snapshot_head
