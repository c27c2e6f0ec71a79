"""Replaying a journal with an event that our own code cannot take: loud as ever, and left out in safe mode."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from kernel_fixtures import location

from agent.core import events as ev
from agent.core.evolve import APPLY
from agent.journal.codec import Codec
from agent.journal.store import Journal
from agent.journal.turn import Turn
from agent.kernel.replay import NO_SNAPSHOT, replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison(ev.Event):
    """An event of which the codec knows and the core does not: a bug of ours."""


def _written(directory: Path, *events: ev.Event) -> Journal:
    journal = Journal.open(directory, Codec((*APPLY, Poison)))
    journal.append_now(Turn(expected_head=0, boot=1, elapsed_ms=5, utc_ms=None, events=events))
    return journal


def test_an_event_that_cannot_be_replayed_ends_the_start_but_is_left_out_and_said_in_safe_mode(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    adopted = ev.LayoutAdopted(at_ms=1, location=location(), digest="1")
    started = ev.Restarted(at_ms=5, boot=7)
    journal = _written(tmp_path, adopted, Poison(at_ms=3), started)
    with pytest.raises(TypeError, match="no entry in APPLY for Poison"):
        replay(journal)
    site, snapshot_head = replay(journal, tolerant=True)
    assert (site.digest, site.boot) == ("1", 7)
    assert snapshot_head == NO_SNAPSHOT, "a snapshot would leave it out for good"
    assert "event=left_out kind=Poison at_ms=3" in caplog.text
    journal.close()


def test_a_journal_that_is_sound_is_replayed_alike_in_safe_mode(tmp_path: Path) -> None:
    journal = _written(tmp_path, ev.LayoutAdopted(at_ms=1, location=location(), digest="1"))
    assert replay(journal, tolerant=True) == replay(journal)
    journal.close()
