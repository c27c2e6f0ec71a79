"""The history of a site for a simulation: sessions as real sites publish them, learned as if they had happened here.

Reads the columns of public session files (`evse_id`, `arrival_iso`, `departure_iso`, `kind`); plain or gzip.
"""

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from agent.core import events as ev
from agent.core.history import KEPT, LONGEST_S, SHORTEST_S, StayKind, stay_kind
from agent.core.layout import ChargingLocation, Connector
from agent.core.stays import StayClass, stay_class

NEEDED = ("arrival_iso", "departure_iso")
_CLASS_OF: Mapping[str, StayClass] = {
    "dc_fast": StayClass.DC_FAST,
    "rapid_dc": StayClass.DC_50,
    "ac": StayClass.AC,
}


class HistoryError(ValueError):
    """A file that is no history; the message names line and value."""


def open_text(path: Path) -> io.TextIOBase:
    """Open a text file that may be compressed with gzip."""
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def read_history(lines: Iterable[str]) -> dict[str, list[int]]:
    """Return the stays of a session file in seconds, by kind, in the order of arrival; raise HistoryError."""
    reader = csv.DictReader(lines)
    missing = [c for c in NEEDED if c not in (reader.fieldnames or ())]
    if missing:
        raise HistoryError(f"history: the header lacks {', '.join(missing)}")
    found: list[tuple[str, str, int]] = []
    for row in reader:
        try:
            arrival, departure = (
                datetime.fromisoformat(row["arrival_iso"]),
                datetime.fromisoformat(row["departure_iso"]),
            )
        except ValueError as error:
            raise HistoryError(f"history line {reader.line_num}: {error}") from None
        seconds = int((departure - arrival).total_seconds())
        if SHORTEST_S <= seconds <= LONGEST_S:
            found.append((row["arrival_iso"], row.get("kind") or "", seconds))
    by_kind: dict[str, list[int]] = defaultdict(list)
    for _, kind, seconds in sorted(found):
        by_kind[kind].append(seconds)
    return dict(by_kind)


def learned(location: ChargingLocation, stays: Mapping[str, Sequence[int]]) -> tuple[ev.StaysRestated, ...]:
    """Return the events that teach a location these stays.

    Each kind of connector learns from sessions of its class; where the file has none, from those of the same current,
    and else from all of it: it is this site's own history, whatever the outlets were called.
    """
    connectors = {stay_kind(c): c for e in location.evses for c in e.connectors}
    return tuple(
        ev.StaysRestated(at_ms=0, kind=kind, seconds=seconds)
        for kind, connector in sorted(connectors.items())
        if (seconds := _of(connector, kind, stays))
    )


def _of(connector: Connector, _: StayKind, stays: Mapping[str, Sequence[int]]) -> tuple[int, ...]:
    wanted = stay_class(connector)
    same = [k for k in stays if _CLASS_OF.get(k) is wanted]
    current = [
        k for k in stays if (found := _CLASS_OF.get(k)) is not None and (found is StayClass.AC) is not connector.dc
    ]
    for kinds in (same, current, list(stays)):
        chosen = [s for k in sorted(kinds) for s in stays[k]]
        if chosen:
            return tuple(chosen[-KEPT:])
    return ()
