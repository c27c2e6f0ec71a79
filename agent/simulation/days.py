"""The bundled real days: who came when, for how long, and what they took. Sources and licences: `data/README.md`."""

import csv
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources


class Day(StrEnum):
    """The bundled days by name."""

    DUNDEE = "dundee"
    EPFL = "epfl"


_FILES = {Day.DUNDEE: "dundee-lochee-2018-06-23.csv", Day.EPFL: "epfl-2022-11-11.csv"}
SOURCES = {
    Day.DUNDEE: "Lochee charging hub, 23 June 2018. Contains public sector information licensed under the Open "
    "Government Licence v3.0, Dundee City Council.",
    Day.EPFL: "Level-3 station, 11 November 2022. DESL-EPFL Level-3-EV-charging-dataset, MIT licence.",
}


class Kind(StrEnum):
    """What outlet a session was on in its source."""

    DC_FAST = "dc_fast"
    RAPID_DC = "rapid_dc"
    RAPID_OTHER = "rapid_other"
    AC = "ac"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One real session: minutes from midnight, minutes on the plug, Wh taken."""

    arrive_min: int
    stay_min: int
    energy_wh: int
    kind: Kind


def visits(day: Day) -> tuple[Visit, ...]:
    """Return the sessions of a bundled day in the order of arrival."""
    text = resources.files("agent.simulation").joinpath("data", _FILES[day]).read_text(encoding="utf-8")
    return tuple(
        Visit(
            arrive_min=int(row["arrive_min"]),
            stay_min=int(row["stay_min"]),
            energy_wh=int(row["energy_wh"]),
            kind=Kind(row["kind"]),
        )
        for row in csv.DictReader(text.splitlines())
    )
