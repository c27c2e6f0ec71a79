"""Whom the site talks to, as configured: browsers, the CSMS, partners.

Pure data; `types.py` says how these types are used. Keys carry the names of OCPI 2.3 and OCPP where those have one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from agent.config.settings import Secret, setting
from agent.config.site_types import COUNTRY_CODE, PARTY_ID

SHA256 = r"\A[0-9a-f]{64}\Z"
ISSUER = r"\A[A-Z]{2}[A-Z0-9]{3}\Z"
IDENTITY = r"\A[A-Za-z0-9*\-_=+|@.]{0,48}\Z"  # OCPP 2.x identifierString(48); no colon, which Basic Auth forbids
PASSWORD = r"\A[!-~]{8,40}\Z"  # OCPP 2.x A00.FR.205 asks for 16 to 40; 1.6 knew shorter ones
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
HOURS_OR_NONE = rf"\A({_CLOCK}-{_CLOCK})?\Z"
PATH_OR_NONE = r"\A(/[^\0]+)?\Z"

Scalar = str | int | float | bool


class Role(StrEnum):
    """Who a partner is (SeQueRe, OCPI 2.3 Role)."""

    CPO = "CPO"
    HUB = "HUB"
    EMSP = "EMSP"
    OEM = "OEM"
    SCSP = "SCSP"


class Right(StrEnum):
    """What a partner may ask for."""

    READ = "read"
    QUEUE = "queue"
    BOOKING = "booking"
    RESERVE_NOW = "reserve_now"
    POWER = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """The web server: check-in page, board, console."""

    host: Annotated[
        str,
        setting(
            "Address to listen on; 0.0.0.0 for all IPv4 networks of this machine",
            pattern=r"\A[0-9A-Za-z.:\-]{1,253}\Z",
            form="an address or host name",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, setting("TCP port; 0 takes a free one", ge=0, le=65535)] = 8080
    public_url: Annotated[
        str,
        setting(
            "What phones open, as encoded in the QR codes: site Wi-Fi, reverse proxy or LAN; empty: no QR codes",
            max_length=200,
            examples=["http://10.42.0.1"],
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        setting(
            "Reverse proxies whose X-Forwarded headers are believed: addresses or networks",
            max_length=20,
            examples=[["127.0.0.1", "10.0.0.0/24"]],
        ),
    ] = ()
    allowed_hosts: Annotated[
        tuple[
            Annotated[
                str, setting("Host", pattern=r"\A[0-9A-Za-z.\-]{1,253}\Z", form="a host name without scheme and port")
            ],
            ...,
        ],
        setting(
            "Further names by which this server may be called; its own addresses and public_url are allowed anyway",
            max_length=50,
            examples=[["laden.example"]],
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardSettings:
    """The public board at /board. ?sun=0, ?sun=1, ?chime=0 and ?chime=1 in its address change that for one screen."""

    direct_sun: Annotated[
        bool, setting("It stands in direct sun: dark signs on white ground from 07:00 to 19:00 local time")
    ] = False
    night: Annotated[
        str,
        setting(
            "When it is dimmed to 40 %, in local time; empty: never",
            pattern=HOURS_OR_NONE,
            form='hours such as "22:00-06:00"',
        ),
    ] = "22:00-06:00"
    next: Annotated[bool, setting("It shows who is called next")] = True
    chime: Annotated[bool, setting("It sounds for each new call; the browser must be allowed to play sound")] = False

    @property
    def night_min(self) -> tuple[int, int] | None:
        """Return begin and end of the night in minutes of the day, or None."""
        if not self.night:
            return None
        begin, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in self.night.split("-"))
        return begin, end


@dataclass(frozen=True, slots=True, kw_only=True)
class CsmsSettings:
    """The connection to the back office by OCPP. Without a url the site runs alone."""

    url: Annotated[
        str,
        setting(
            "Address of the CSMS without the identity; wss:// over the internet; empty: none",
            max_length=512,
            examples=["wss://csms.example/ocpp"],
        ),
    ] = ""
    identity: Annotated[
        str,
        setting(
            "OCPP identity of this station; is added to the url",
            pattern=IDENTITY,
            form="1 to 48 letters, digits or one of * - _ = + | @ .",
            examples=["NORD-1"],
        ),
    ] = ""
    versions: Annotated[
        tuple[Literal["1.6", "2.0.1", "2.1"], ...],
        setting("OCPP versions to offer, the preferred one first", min_length=1, max_length=3),
    ] = ("1.6",)
    password_file: Annotated[
        str,
        setting(
            "File with the password for HTTP Basic authentication; better than a password here",
            pattern=PATH_OR_NONE,
            form="an absolute path",
            examples=["/etc/stationmaster/csms.password"],
        ),
    ] = ""
    password: Annotated[
        Secret | None,
        setting(
            "The password itself, if it has no file",
            pattern=PASSWORD,
            form="8 to 40 signs without blanks",
            examples=["change-me-change-me"],
        ),
    ] = None
    sequere_vendor_id: Annotated[
        str,
        setting(
            "vendorId of SeQueRe's DataTransfer calls, in both directions",
            pattern=r"\A[!-~]{1,255}\Z",
            form="1 to 255 signs without blanks",
        ),
    ] = "org.stationmaster.sequere.v1"
    sequere_role: Annotated[
        Role, setting("What the CSMS may do by SeQueRe: the usual rights of this role; not CPO: own entries only")
    ] = Role.CPO
    keys: Annotated[
        Mapping[str, Scalar],
        setting(
            "First values of OCPP configuration keys (1.6) or Component.Variable (2.x); the CSMS may change them",
            max_length=200,
            examples=[{"HeartbeatInterval": 300, "OCPPCommCtrlr.RetryBackOffWaitMinimum": 10}],
        ),
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTokenSettings:
    """A card that may charge here, whatever the CSMS knows."""

    id: Annotated[
        Secret,
        setting(
            "The IdToken as the reader gives it",
            pattern=r"\A[!-~]{1,36}\Z",
            form="1 to 36 signs without blanks",
            examples=["DEADBEEF"],
        ),
    ]
    group: Annotated[
        str, setting("Its group (OCPP groupIdToken), for pools with token_groups", max_length=36, examples=["FLEET-7"])
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationSettings:
    """Who may charge without the CSMS being asked, and what becomes of cards nobody knows."""

    unknown: Annotated[
        Literal["refuse", "accept"],
        setting('Cards that nobody knows, on a site without CSMS: "refuse" them, or "accept" all where energy is free'),
    ] = "refuse"
    token: Annotated[tuple[KnownTokenSettings, ...], setting("Cards known on site", max_length=1000)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSettings:
    """Somebody who may queue and book for their Users over HTTP (SeQueRe), and what they may do."""

    name: Annotated[
        str,
        setting(
            "Name of the partner, in logs and on the console", min_length=1, max_length=40, examples=["Example EMP"]
        ),
    ]
    role: Annotated[Role, setting("What the partner is; decides which rights it may have", examples=["EMSP"])]
    country_code: Annotated[
        str,
        setting(
            "Country of the partner (ISO 3166-1)", pattern=COUNTRY_CODE, form="two capital letters", examples=["DE"]
        ),
    ]
    party_id: Annotated[
        str,
        setting("Id of the partner (eMI3)", pattern=PARTY_ID, form="three capital letters or digits", examples=["XYZ"]),
    ]
    token_sha256: Annotated[
        Secret | None,
        setting(
            "SHA-256 of the token the partner sends: printf %s TOKEN | sha256sum",
            pattern=SHA256,
            form="64 digits and small letters a to f",
            examples=["d97faf07fb5d6e2cc906f54aa0095035856ea2b39ebe79e283e104ea59b9eace"],
        ),
    ] = None
    token_file: Annotated[
        str,
        setting(
            "File with that SHA-256, instead of writing it here",
            pattern=PATH_OR_NONE,
            form="an absolute path",
            examples=["/etc/stationmaster/example-emp.sha256"],
        ),
    ] = ""
    rights: Annotated[
        tuple[Right, ...],
        setting(
            "What it may do; an empty list: what is usual for its role", max_length=5, examples=[["read", "queue"]]
        ),
    ] = ()
    issuers: Annotated[
        tuple[Annotated[str, setting("Issuer", pattern=ISSUER, form='country and party such as "DEXYZ"')], ...],
        setting(
            "Whose IdTokens it may bring; an empty list: its own only, for a CPO or HUB anybody's",
            max_length=500,
            examples=[["DEXYZ"]],
        ),
    ] = ()
    receiver_url: Annotated[
        str,
        setting(
            "Where updates are sent to; empty: nowhere, the partner asks",
            max_length=255,
            examples=["https://emp.example/sequere/updates"],
        ),
    ] = ""
    receiver_token: Annotated[
        Secret | None,
        setting(
            "Token that the partner gave us, sent with updates",
            pattern=r"\A[ -~]{16,255}\Z",
            form="16 to 255 printable signs",
            examples=["change-me-change-me-1"],
        ),
    ] = None
    receiver_secret: Annotated[
        Secret | None,
        setting(
            "Key for signing updates (HMAC-SHA256)",
            pattern=r"\A[ -~]{16,255}\Z",
            form="16 to 255 printable signs",
            examples=["change-me-change-me-2"],
        ),
    ] = None
    response_hosts: Annotated[
        tuple[
            Annotated[
                str, setting("Host", pattern=r"\A[0-9A-Za-z.\-]{1,253}\Z", form="a host name without scheme and port")
            ],
            ...,
        ],
        setting("Further hosts that its response_url may name", max_length=20, examples=[["callback.emp.example"]]),
    ] = ()
    allow_http: Annotated[
        bool, setting("Updates may go over plain HTTP, to this machine or a private network only")
    ] = False
