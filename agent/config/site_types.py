"""What the site is, as configured: the location, its EVSEs with their connectors, its pools.

Pure data; `types.py` says how these types are used. Keys carry the names of OCPI 2.3 and OCPP where those have one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from agent.config.booking_types import OPENING, BookingSettings
from agent.config.settings import setting
from agent.core.layout import MAX_COLUMNS, MAX_EVSES, MAX_ROWS

OCPI_ID = r"\A[!-~]{1,36}\Z"  # OCPI CiString(36): printable, and ours without blanks
COUNTRY_CODE = r"\A[A-Z]{2}\Z"  # ISO 3166-1 alpha-2
PARTY_ID = r"\A[A-Z0-9]{3}\Z"  # eMI3 and ISO 15118 operator and provider ids
EMI3_EVSE_ID = r"\A([A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9*]{1,30})?\Z"


class Standard(StrEnum):
    """OCPI 2.3 ConnectorType, those that charge road vehicles."""

    CCS2 = "IEC_62196_T2_COMBO"
    CCS1 = "IEC_62196_T1_COMBO"
    CHADEMO = "CHADEMO"
    TYPE_2 = "IEC_62196_T2"
    TYPE_1 = "IEC_62196_T1"
    SCHUKO = "DOMESTIC_F"
    CEE_16A = "IEC_60309_2_three_16"
    CEE_32A = "IEC_60309_2_three_32"
    NACS = "SAE_J3400"
    MCS = "MCS"
    GBT_DC = "GBT_DC"
    GBT_AC = "GBT_AC"


DIRECT_CURRENT = frozenset(
    {Standard.CCS1, Standard.CCS2, Standard.CHADEMO, Standard.NACS, Standard.MCS, Standard.GBT_DC}
)
SOCKETS = frozenset({Standard.TYPE_2, Standard.SCHUKO, Standard.CEE_16A, Standard.CEE_32A})


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationSettings:
    """The charging location as a whole."""

    id: Annotated[
        str,
        setting(
            "Id of the location, as in OCPI", pattern=OCPI_ID, form="1 to 36 signs without blanks", examples=["NORD"]
        ),
    ]
    name: Annotated[
        str,
        setting("Name as people know it, on pages and posters", min_length=1, max_length=40, examples=["Rasthof Nord"]),
    ]
    country_code: Annotated[
        str,
        setting(
            "Country of the operator (ISO 3166-1)", pattern=COUNTRY_CODE, form="two capital letters", examples=["DE"]
        ),
    ]
    party_id: Annotated[
        str,
        setting(
            "Id of the operator (eMI3)", pattern=PARTY_ID, form="three capital letters or digits", examples=["ABC"]
        ),
    ]
    time_zone: Annotated[
        str,
        setting(
            "Time zone of opening hours and screens (IANA name)",
            min_length=1,
            max_length=64,
            examples=["Europe/Berlin"],
        ),
    ]
    languages: Annotated[
        tuple[Literal["en", "de"], ...],
        setting("Languages of the screens, the first is the usual one", min_length=1, max_length=2),
    ] = ("en", "de")
    operator_phone: Annotated[
        str,
        setting(
            "Number to call for help, shown on pages and displays; empty for none",
            pattern=r"\A(\+?[0-9][0-9 /\-]{3,19})?\Z",
            form="digits, blanks, / and -",
            examples=["0800 123456"],
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSettings:
    """A socket or cable of the EVSE above."""

    id: Annotated[int, setting("Number of the connector at its EVSE", ge=1, le=10, examples=[1])]
    standard: Annotated[Standard, setting("Kind of plug (OCPI ConnectorType)", examples=["IEC_62196_T2_COMBO"])]
    max_power_kw: Annotated[float, setting("Most power it can give", ge=0.5, le=4000, unit="kW", examples=[300])]
    current: Annotated[
        Literal["auto", "ac", "dc"], setting('Alternating or direct current; "auto" takes what the standard says')
    ] = "auto"
    cable: Annotated[
        Literal["auto", "cable", "socket"],
        setting('Fixed cable or socket; "auto": a socket for Type 2 and domestic plugs, else a cable'),
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSettings:
    """Where the bay lies as seen from the entrance, for the plan on drivers' phones; for all bays or none."""

    row: Annotated[int, setting("Row of the bay; 1 is nearest to the entrance", ge=1, le=MAX_ROWS, examples=[1])]
    column: Annotated[int, setting("Place in its row; 1 is on the left", ge=1, le=MAX_COLUMNS, examples=[1])]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSettings:
    """An EVSE and the bay in front of it."""

    id: Annotated[int, setting("Number of the EVSE; OCPP wants 1, 2, 3 ... without gaps", ge=1, le=9999, examples=[1])]
    connector: Annotated[tuple[ConnectorSettings, ...], setting("Its connectors", min_length=1, max_length=10)]
    label: Annotated[str, setting("Name of the bay as painted on it; empty: its id", max_length=6)] = ""
    accessible: Annotated[bool, setting("Wide bay, for people with a wheelchair")] = False
    evse_id: Annotated[
        str,
        setting(
            "Public id (eMI3), for roaming; empty for none",
            pattern=EMI3_EVSE_ID,
            form="an eMI3 EVSE id",
            examples=["DE*ABC*E0001"],
        ),
    ] = ""
    place: Annotated[PlaceSettings | None, setting("Where the bay lies; for all bays or none")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolNames:
    """The name of the pool above in each language."""

    en: Annotated[str, setting("English name", min_length=1, max_length=40, examples=["CCS, up to 300 kW"])]
    de: Annotated[str, setting("German name; empty: the English one", max_length=40, examples=["CCS, bis 300 kW"])] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """EVSEs grouped by what they offer: what people queue for. An EVSE may be in several pools."""

    id: Annotated[
        str,
        setting(
            "Id of the pool, as partners see it",
            pattern=OCPI_ID,
            form="1 to 36 signs without blanks",
            examples=["CCS300"],
        ),
    ]
    evses: Annotated[tuple[int, ...], setting("Ids of its EVSEs", min_length=1, max_length=MAX_EVSES, examples=[[1]])]
    name: Annotated[PoolNames, setting("Its names")]
    opening: Annotated[
        tuple[
            Annotated[str, setting("Hours", pattern=OPENING, form='days and hours such as "Mo-Fr 06:00-22:00"')], ...
        ],
        setting(
            "Opening hours in local time, up to 24:00; an empty list: always open",
            max_length=50,
            examples=[["Mo-Fr 06:00-22:00", "Sa 08:00-20:00"]],
        ),
    ] = ()
    token_groups: Annotated[
        tuple[Annotated[str, setting("Group", min_length=1, max_length=36)], ...],
        setting(
            "Only IdTokens of these groups (OCPP groupIdToken) may queue; an empty list: everybody",
            max_length=50,
            examples=[["FLEET-7"]],
        ),
    ] = ()
    queue_limit: Annotated[
        int, setting("Most people waiting; the next one is told that the queue is full", ge=1, le=500, unit="people")
    ] = 64
    price: Annotated[
        str, setting("Price as shown, never computed with; empty for none", max_length=40, examples=["EUR 0.59/kWh"])
    ] = ""
    booking: Annotated[BookingSettings | None, setting("On what terms it can be booked; without, it cannot")] = None
