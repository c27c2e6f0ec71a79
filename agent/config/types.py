"""What can be configured: one frozen dataclass for each table of the file, one line of help for each key.

Pure data in human units (minutes, kilowatts); `location.py` makes the core's own types of it. The reader fills these
types and the example file is written from them, so a key exists here or nowhere. Bounds are what a site can mean, not
what a machine can hold. Only the loader builds these types from files; what one field alone cannot tell is checked in
`check_site.py` and `check_links.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from agent.config.link_types import (
    PATH_OR_NONE,
    AuthorisationSettings,
    BoardSettings,
    CsmsSettings,
    PartnerSettings,
    WebSettings,
)
from agent.config.policy_types import PolicySettings, PresenceSettings
from agent.config.settings import setting
from agent.config.site_types import EvseSettings, LocationSettings, PoolSettings
from agent.core.layout import MAX_EVSES, MAX_POOLS
from drivers.registry import Port

TWIN_DRIVER = "twin"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """A device: what it does, at which EVSE, and which driver speaks to it."""

    evse: Annotated[int, setting("Id of the EVSE it stands at", ge=1, le=9999, examples=[1])]
    port: Annotated[Port, setting("What it does there", examples=["bay_sensor"])]
    driver: Annotated[
        str,
        setting(
            "Name of the driver",
            pattern=r"\A[a-z][a-z0-9_]{0,39}\Z",
            form="small letters, digits and _",
            examples=["gpio"],
        ),
    ]
    name: Annotated[
        str, setting("Name in logs and faults; empty: port and EVSE", max_length=40, examples=["bay-1-sensor"])
    ] = ""
    options: Annotated[
        Mapping[str, object],
        setting(
            "What the driver needs to know, such as pin, address, unit; each driver has its own keys",
            examples=[{"pin": 17, "occupied": "high"}],
        ),
    ] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Return the name by which people know the device."""
        return self.name or f"{self.port.value.replace('_', '-')}-{self.evse}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings:
    """The wall clock: opening hours and times on pages need one that can be trusted."""

    trust: Annotated[
        Literal["auto", "always"],
        setting('"auto": once the time service has set it since boot; "always": this machine has a good clock'),
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinSettings:
    """Simulated hardware: used by each device with driver = "twin"."""

    control: Annotated[
        bool, setting("Let cars drive in and plug in by HTTP and the twin panel, from this machine only")
    ] = False
    speed: Annotated[
        float, setting("How much faster than the wall clock the simulated site runs", ge=0.1, le=3600, unit="x")
    ] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """The stored history of the site; where it lies is said by --state-dir."""

    second_copy: Annotated[
        str,
        setting(
            "Folder on another partition or stick for a copy of the newest snapshot; empty: none",
            pattern=PATH_OR_NONE,
            form="an absolute path",
            examples=["/media/usb/stationmaster"],
        ),
    ] = ""
    keep_events: Annotated[
        int, setting("Events kept behind the newest snapshot", ge=1000, le=10_000_000, unit="events")
    ] = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The log for people; secrets and card numbers are never in it."""

    level: Annotated[Literal["debug", "info", "warning", "error"], setting("Least level that is written")] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file."""

    location: Annotated[LocationSettings, setting("The charging location")]
    evse: Annotated[tuple[EvseSettings, ...], setting("Its EVSEs", min_length=1, max_length=MAX_EVSES)]
    pool: Annotated[tuple[PoolSettings, ...], setting("Its pools", min_length=1, max_length=MAX_POOLS)]
    policy: Annotated[PolicySettings, setting("How the queue behaves")] = field(default_factory=PolicySettings)
    presence: Annotated[PresenceSettings, setting("Proof of being on site")] = field(default_factory=PresenceSettings)
    web: Annotated[WebSettings, setting("The web server")] = field(default_factory=WebSettings)
    board: Annotated[BoardSettings, setting("The public board")] = field(default_factory=BoardSettings)
    csms: Annotated[CsmsSettings, setting("The back office")] = field(default_factory=CsmsSettings)
    authorisation: Annotated[AuthorisationSettings, setting("Cards known on site")] = field(
        default_factory=AuthorisationSettings
    )
    partner: Annotated[tuple[PartnerSettings, ...], setting("Who may queue and book over HTTP", max_length=100)] = ()
    device: Annotated[tuple[DeviceSettings, ...], setting("The hardware", max_length=2000)] = ()
    clock: Annotated[ClockSettings, setting("The wall clock")] = field(default_factory=ClockSettings)
    twin: Annotated[TwinSettings, setting("Simulated hardware")] = field(default_factory=TwinSettings)
    journal: Annotated[JournalSettings, setting("The stored history")] = field(default_factory=JournalSettings)
    log: Annotated[LogSettings, setting("The log")] = field(default_factory=LogSettings)

    @property
    def simulated(self) -> bool:
        """Return whether all hardware is simulated, so that nobody can stand in front of it: a demo."""
        return bool(self.device) and all(device.driver == TWIN_DRIVER for device in self.device)
