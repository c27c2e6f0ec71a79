"""What can go wrong with the journal, by whose fault it is and what the caller may do next.

`TurnRefused` and its children are our own mistakes or reached limits: nothing was written, and the same turn would be
refused again. `StorageFailed` and its children are the disk's: nothing was written, and the same turn may be appended
later.
"""

# ruff: noqa: N818 - the names say what happened, as the runner's branches do


class JournalError(Exception):
    """Anything the journal says no to; the text names the thing and what to do."""


class JournalBusy(JournalError):
    """Another process holds this journal: two agents must never write one location."""


class TurnRefused(JournalError):
    """The turn contradicts the journal (unknown message, repeated receipt, time gone back); nothing is written."""


class LimitReached(TurnRefused):
    """A size or a count would pass its named limit; nothing is written."""


class HeadMoved(TurnRefused):
    """The journal's head is not where the turn expects it: somebody else appended, or this turn did already."""


class StorageFailed(JournalError):
    """The disk failed twice in a row (I/O error, read-only); nothing is written, what was acknowledged is kept."""


class StorageFull(StorageFailed):
    """No space is left although the ballast was given up."""


class StorageDamaged(StorageFailed):
    """What was read is not what was written; the next start quarantines the files and rebuilds."""
