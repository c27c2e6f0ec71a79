"""What the web server works with, handed in by the composition root.

Pure data and types. The server reads no configuration file and opens no journal of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

from agent.core.layout import CheckInId, EvseId
from agent.core.shown import NO_READINGS, NO_WAITS, Reading, Waits
from agent.journal.reads import DeadLetter, Receipt
from agent.kernel.authoriser import Authoriser
from agent.kernel.outside import Outside
from agent.kernel.presence import Presence
from agent.kernel.runner import Runner
from agent.kernel.secrets import SiteKey
from agent.kernel.subjects import Subjects
from agent.texts.catalogue import Catalogue
from agent.texts.formats import Language
from agent.web.simulated import Simulation
from drivers.twin.clock import ScaledClock
from drivers.twin.control import TwinControl

OTHERS = "/sequere/"  # programs, not browsers: credentials and rates of their own, refusals in their own form


class JournalReads(Protocol):
    """What the web server reads of the journal; each blocks for one short read, so call it off the event loop."""

    @property
    def head(self) -> int:
        """Sequence number of the last durable event."""

    def receipt(self, source: str, request_id: str) -> Receipt | None:
        """Return the answer a request got, or None if it is new."""

    def owed_counts(self) -> dict[str, int]:
        """Return how many messages each lane owes."""

    def dead_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        """Return the newest messages that were given up."""


class DeviceRow(Protocol):
    """What is known of one device."""

    @property
    def ok(self) -> bool:
        """Whether it answers."""

    @property
    def trouble(self) -> str | None:
        """What is wrong and what to do about it, or None."""


def no_devices() -> Mapping[str, DeviceRow]:
    """Return the health of a site without devices."""
    return {}


def no_waits() -> Waits:
    """Return that nothing is forecast yet."""
    return NO_WAITS


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeMode:
    """Why the queue is paused: how often the agent ended uncleanly, and when it tries by itself to work as usual."""

    unclean_ends: int
    left_s: int


def no_safe_mode() -> SafeMode | None:
    """Return that the agent works as usual."""
    return None


def no_link() -> str | None:
    """Return that there is no CSMS."""
    return None


def no_app(_: CheckInId, __: EvseId) -> bool:
    """Return that no partner's app shows a call."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardOptions:
    """How the public board was configured; `night_min` is begin and end of the night in minutes of the local day."""

    direct_sun: bool = False
    night_min: tuple[int, int] | None = None
    next: bool = True
    chime: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """How the web server was configured.

    `public_url` is what phones open (empty: no QR codes). `demo` allows the twin panel and a loopback `public_url`.
    """

    public_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    demo: bool = False
    languages: tuple[Language, ...] = (Language.EN, Language.DE)
    operator_phone: str | None = None
    board: BoardOptions = field(default_factory=BoardOptions)

    def __post_init__(self) -> None:
        """Refuse a site without a language."""
        if not self.languages:
            raise ValueError("web: needs at least one language")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """The parts of an agent that the web server talks to.

    `readings` are the live meter readings, `health` returns the devices by name, `waits` the latest forecast.
    `twin` is set where simulated cars may be moved by HTTP, `twin_clock` and `simulation` where besides no real device
    stands on the site. `monotonic` gives the seconds that presence codes count on.
    `routes` are those of other parts on the same socket; under `OTHERS` they have rules of their own for who may call.
    `in_app` tells whether a partner's app shows that a CheckIn is called to an EVSE.
    `link` returns the state of the link to the CSMS ("up", "down"), or None where there is none; `safe_mode` tells of
    the safe mode, or None.
    """

    runner: Runner
    journal: JournalReads
    catalogue: Catalogue
    presence: Presence
    key: SiteKey
    subjects: Subjects
    authoriser: Authoriser
    monotonic: Callable[[], float]
    options: WebOptions = field(default_factory=WebOptions)
    readings: Mapping[EvseId, Reading] = field(default_factory=lambda: NO_READINGS)
    waits: Callable[[], Waits] = no_waits
    health: Callable[[], Mapping[str, DeviceRow]] = no_devices
    link: Callable[[], str | None] = no_link
    in_app: Callable[[CheckInId, EvseId], bool] = no_app
    safe_mode: Callable[[], SafeMode | None] = no_safe_mode
    outside: Outside = field(default_factory=Outside)
    twin: TwinControl | None = None
    twin_clock: ScaledClock | None = None
    simulation: Simulation | None = None
    routes: tuple[web.RouteDef, ...] = ()
