"""Print the journal of a golden day, one event a line as the journal stores it; run by `test_golden_day.py`."""

import random
import sys

from random_days import live, random_deeds

from agent.core.evolve import APPLY
from agent.core.site import restate
from agent.journal.codec import Codec

CODEC = Codec(APPLY)


def journal() -> list[tuple[str, int, bytes]]:
    """Return the encoded events of three long days, and of every state's restatement at their busiest moment."""
    out: list[tuple[str, int, bytes]] = []
    for seed in (1, 4, 23):
        day = live(random_deeds(random.Random(seed), 200))
        busiest = max(day.moments, key=lambda m: len(m.site.check_ins) + len(m.site.reservations)).site
        out.extend(CODEC.encode(e) for e in (*day.events, *restate(busiest)))
    return out


if __name__ == "__main__":
    for kind, version, body in journal():
        sys.stdout.write(f"{kind} {version} {body.decode()}\n")
