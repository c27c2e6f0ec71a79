"""What is due by itself after a long sleep may be more than one turn takes: it is kept in several, in order."""

from pathlib import Path

from shared_fixtures import open_journal

from agent.core.events import CheckInForgotten
from agent.core.layout import CheckInId, Now
from agent.journal.turn import EVENTS_PER_TURN_MAX, PutRecord
from agent.kernel.storing import Storing


async def test_more_events_than_a_turn_takes_are_kept_in_several(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    storing = Storing(journal, boot=1)
    count = 2 * EVENTS_PER_TURN_MAX + 3
    due = tuple(CheckInForgotten(at_ms=n, check_in=CheckInId(n)) for n in range(count))
    row = PutRecord(store="last", key="row", value=b"with the last")
    await storing.keep((due, (row,)), Now(count), refusable=False)
    assert not storing.failing
    assert storing.head == count
    assert [stored.event.at_ms for stored in journal.load().events] == list(range(count))
    assert journal.records("last") == {"row": b"with the last"}
    journal.close()
