"""Cut the power at any moment: after the next start every promise made is still kept."""

import os
import random
from pathlib import Path

from campaign import Kept, Said, cut, figures, lost, one_start, what_was_kept
from forgetful_disk import ForgetfulDisk

SOAK = bool(os.environ.get("STATIONMASTER_SOAK"))
CUTS = 200 if SOAK else 10
KINDS = {"CheckedIn", "EvseAssigned", "Authorised", "CheckInEnded"}


def _assert_kept(said: Said, kept: Kept) -> None:
    print(figures(said, kept, doubled=len(kept.doubled)))
    assert lost(said, kept) == []
    assert kept.doubled == []
    assert {kind for kind, _ in said.events.values()} >= KINDS, "the site was not busy"


def test_what_an_agent_acknowledged_survives_being_killed_at_any_moment(tmp_path: Path) -> None:
    chance, said = random.Random(1), Said()
    for _ in range(CUTS):
        one_start(tmp_path / "state", chance, said)
    _assert_kept(said, what_was_kept(tmp_path / "state"))


def test_what_an_agent_acknowledged_survives_on_a_disk_that_forgets_what_was_not_synced(tmp_path: Path) -> None:
    chance, said = random.Random(2), Said()
    disk = ForgetfulDisk(tmp_path / "state", tmp_path / "tools")
    for _ in range(CUTS):
        one_start(disk.root, chance, said, environment=disk.environment())
        cut(disk, chance)
    _assert_kept(said, what_was_kept(disk.root))


def test_the_campaign_would_notice_a_journal_that_does_not_sync(tmp_path: Path) -> None:
    chance, said = random.Random(3), Said()
    disk = ForgetfulDisk(tmp_path / "state", tmp_path / "tools")
    for _ in range(4):
        one_start(disk.root, chance, said, environment=disk.environment(), synchronous="OFF")
        disk.cut()
    assert lost(said, what_was_kept(disk.root)) != []
