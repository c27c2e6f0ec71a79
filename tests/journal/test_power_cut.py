"""Kill the writing process, cut the power, fill the disk: what was acknowledged is there exactly once."""

import os
import random
from pathlib import Path

import pytest
from cut_bench import ForgetfulDisk, highest, killed_after, missing, started

SOAK = os.environ.get("STATIONMASTER_SOAK") == "1"
CUTS = 200 if SOAK else 20


def test_every_acknowledged_turn_survives_a_killed_process(tmp_path: Path) -> None:
    generator = random.Random(9)
    acknowledged = 0
    for number in range(CUTS):
        said = killed_after(started(tmp_path / "state", "FULL"), generator.randint(1, 60))
        assert said[0]["opened"] >= acknowledged
        assert not said[0]["rebuilt"]
        acknowledged = highest(said)
        assert missing(tmp_path / "state", acknowledged) == [], number
    assert acknowledged > CUTS * 4


@pytest.mark.parametrize("seed", [None, 11])
def test_every_acknowledged_turn_survives_power_cuts_on_a_disk_that_forgets(tmp_path: Path, seed: int | None) -> None:
    disk = ForgetfulDisk(tmp_path / "disk", tmp_path / "tools")
    generator = random.Random(seed or 0)
    acknowledged, forgotten = 0, 0
    for number in range(CUTS):
        said = killed_after(started(disk.root / "state", "FULL", disk.environment()), generator.randint(1, 60))
        acknowledged = max(acknowledged, highest(said))
        cut = disk.cut(generator if seed else None)
        forgotten += cut.forgotten
        assert cut.syncs > len(said) - 2, "each acknowledgement needs its sync"
        assert missing(disk.root / "state", acknowledged) == [], number
    assert acknowledged > CUTS * 4
    assert forgotten > 0, "a campaign in which nothing was ever unsynced proves nothing"


def test_the_disk_does_forget_without_synchronous_full(tmp_path: Path) -> None:
    disk = ForgetfulDisk(tmp_path / "disk", tmp_path / "tools")
    generator = random.Random(5)
    losses = 0
    acknowledged = 0
    for _ in range(5):
        said = killed_after(started(disk.root / "state", "OFF", disk.environment()), generator.randint(5, 60))
        acknowledged = max(acknowledged, highest(said))
        disk.cut(generator)
        losses += bool(missing(disk.root / "state", acknowledged))
    assert losses > 0, "this campaign must fail with synchronous=OFF, or it proves nothing about FULL"
