"""Make `agent/core/prior.py`: quantile tables of how long EVs stay, from public charging sessions.

    python tests/tools/make_prior.py sessions_dev.csv.gz > agent/core/prior.py

The file is a gzipped CSV with the columns arrival_iso, charging_end_iso, departure_iso, source and kind, one session a
row. Only the sources with a verified licence are used. The agent never reads it: the tables are in the source.
"""

import csv
import gzip
import math
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

STEPS = 64  # quantiles at 0, 1/64 ... 1: enough for a P90 within a minute
LICENSED = {
    "DC_FAST": (("epfl_desl", "dc_fast"),),
    "DC_50": (("perth_kinross", "rapid_dc"), ("dundee", "rapid_dc")),
    "AC": (("perth_kinross", "ac"), ("dundee", "ac")),
}

HEAD = '''"""How long EVs stay, before a site has learned its own figures: quantiles in minutes per class of connector.

Pure data, made by `tests/tools/make_prior.py`; do not edit. Quantile i is that of i/{steps}; the last
one is set so that the mean of the longest 1/{steps} is right. `tail_min` is what is still to come of stays that last
even longer: the median, for what has outlasted nearly all is no usual stay, and nothing is known of it.

Sources and licences:
- DC_FAST: {dc_fast} sessions of one 172 kW station, Switzerland 2022: DESL-EPFL/Level-3-EV-charging-dataset, licence
  MIT, copyright 2025 DESL-EPFL.
- DC_50: {dc_50} and AC: {ac} sessions of Perth & Kinross Council (2016-2019) and Dundee City Council (2018), as
  published by the councils. Contains public sector information licensed under the Open Government Licence v3.0.
"""

from collections.abc import Mapping

from agent.core.stays import StayClass, StayTable

# fmt: off
PRIOR: Mapping[StayClass, StayTable] = {{
'''


def sessions(path: Path) -> Iterator[tuple[str, str, float]]:
    """Yield source, kind and minutes of each session."""
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            arrival, departure = (datetime.fromisoformat(row[c]) for c in ("arrival_iso", "departure_iso"))
            yield row["source"], row["kind"], (departure - arrival).total_seconds() / 60


def quantile(ordered: list[float], probability: float) -> float:
    """Return a quantile, interpolated."""
    at = probability * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def spread(ordered: list[float]) -> list[float]:
    """Return the minutes with equal ones spread evenly over their minute: the sources round to whole minutes."""
    found: list[float] = []
    for minutes, equal in groupby(ordered):
        count = len(list(equal))
        found.extend(minutes - 0.5 + (n + 0.5) / count for n in range(count))
    return found


def table(minutes: Iterable[float]) -> tuple[list[float], float]:
    """Return ascending quantiles and the minutes still to come beyond the last, see HEAD."""
    ordered = spread(sorted(round(m) for m in minutes))
    found = [round(quantile(ordered, i / STEPS), 1) for i in range(STEPS)]
    longest = ordered[-(len(ordered) // STEPS) :]
    found.append(round(2 * sum(longest) / len(longest) - found[-1], 1))
    return found, found[STEPS // 2]


def main() -> None:
    """Write the module to standard output."""
    by_class: dict[str, list[float]] = {name: [] for name in LICENSED}
    for source, kind, minutes in sessions(Path(sys.argv[1])):
        for name, sources in LICENSED.items():
            if (source, kind) in sources:
                by_class[name].append(minutes)
    counts = {name.lower(): f"{len(found):,}" for name, found in by_class.items()}
    lines = [HEAD.format(steps=STEPS, **counts)]
    for name, found in by_class.items():
        quantiles, tail = table(found)
        lines.append(f"    StayClass.{name}: StayTable(\n        tail_min={tail},\n        quantiles_min=(\n")
        rows = (quantiles[start : start + 13] for start in range(0, len(quantiles), 13))
        lines.extend("            " + ", ".join(map(str, row)) + ",\n" for row in rows)
        lines.append("        ),\n    ),\n")
    sys.stdout.write("".join(lines) + "}\n")


if __name__ == "__main__":
    main()
