"""The journal is a function of what came in: no order from hashing, and every event reads back as it was written."""

import os
import subprocess
import sys
from pathlib import Path

from golden_day import CODEC, journal
from test_evolve_tolerance import OF_CHECK_INS, OF_EVSES

from agent.core.evolve import APPLY

HERE = Path(__file__).parent


def written(hash_seed: str) -> bytes:
    """Return the journal of the golden day as another process writes it."""
    path = os.pathsep.join((str(HERE), str(HERE.parents[1])))
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, str(HERE / "golden_day.py")], env=environment, capture_output=True, check=True, timeout=60
    )
    return done.stdout


def test_two_hash_seeds_write_the_same_journal() -> None:
    first, second = written("1"), written("20261125")
    assert first.count(b"\n") > 300
    assert first == second


def test_every_kind_of_event_reads_back_as_it_was_written() -> None:
    kinds = set()
    for kind, version, body in (*journal(), *map(CODEC.encode, (*OF_CHECK_INS, *OF_EVSES))):
        event = CODEC.decode(kind, version, body)
        assert CODEC.encode(event) == (kind, version, body)
        kinds.add(type(event))
    assert kinds == set(APPLY)
