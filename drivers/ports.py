"""Ports: what a piece of hardware can do, in the words of the site, without how it is reached.

A driver implements one or more of these protocols. It has no policy: it reports readings with their age and carries out
levels and orders. Two habits hold for all of them:

- Inputs run. `run(report)` is a task that reports each reading it takes and ends only by cancellation or
  `DeviceError`; whoever supervises it restarts it with back-off and raises the fault.
- Outputs are leased. A level that is not renewed before `lease_s` is over falls back to the safe state by itself: a
  lamp goes dark, a display shows "starting", energy goes off. So a dead agent leaves no false promise behind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

READING_REPEAT_S = 10.0
"""A sensor reports on change at once, and repeats itself at least this often: so age tells silence from rest."""


class DeviceError(Exception):
    """A device did not do what was asked; the text names device, deed and what to do about it."""


class Clock(Protocol):
    """Monotonic time as drivers use it: the twin may run faster than the wall, real drivers do not."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start; never steps back."""

    async def until(self, monotonic_s: float) -> None:
        """Return when `monotonic()` has reached the given instant."""


class Occupancy(StrEnum):
    """What a bay sensor knows of its bay."""

    FREE = "free"
    OCCUPIED = "occupied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class BayReading:
    """One reading of a bay sensor, at a monotonic instant in seconds."""

    occupancy: Occupancy
    at_s: float


class VehicleState(StrEnum):
    """The states of IEC 61851-1 that matter outside the charger, DC included by analogy."""

    NOT_CONNECTED = "A"
    CONNECTED = "B"
    CHARGING = "C"
    FAULT = "F"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeReading:
    """What a charge controller sees at one EVSE.

    `connector` is the plugged connector (from 1) or None; `energised` is the contactor as read back;
    `suspended_by_ev` is true while energy is offered and the vehicle takes none.
    """

    vehicle: VehicleState
    connector: int | None
    energised: bool
    suspended_by_ev: bool
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterReading:
    """One reading of an energy meter: an import register that never counts down, and the present power."""

    register_wh: int
    power_w: int
    at_s: float
    soc_percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReading:
    """An IdToken as presented to a reader; `kind` is an OCPP 2.x IdToken type such as ISO14443."""

    id_token: str
    kind: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultReading:
    """A fault the device itself names; `active` false clears it. Codes are OCPP 1.6 error codes where one fits."""

    code: str
    active: bool
    at_s: float


class Waveform(StrEnum):
    """How a lamp moves, over one site-wide bar of 4 s that starts at monotonic second 0, 4, 8 ...

    The names and timings are those of the lamp language; `drivers/light/waveforms.py` turns them into levels.
    """

    OFF = "off"
    STEADY = "steady"
    OCCULTING = "occulting"  # 0.5 Hz, on 90 %
    OCCULTING_SLOW = "occulting_slow"  # 0.25 Hz, on 75 %: "breathe" on lamps that can only switch
    BLINK = "blink"  # 1 Hz, on 50 %
    SLOW_BLINK = "slow_blink"  # 0.25 Hz, on 50 %
    BREATHE = "breathe"  # 0.25 Hz between 25 and 100 %
    DOUBLE = "double"  # 2 x 150 ms with a gap of 150 ms, every 2 s
    ALTERNATE = "alternate"  # 0.5 Hz between two colours, 50 % each
    WINK = "wink"  # 0.5 Hz, on 25 %
    WINK_SHORT = "wink_short"  # 0.5 Hz, on 10 %
    ALARM = "alarm"  # 2 Hz, on 50 %


@dataclass(frozen=True, slots=True, kw_only=True)
class LampSignal:
    """What a lamp shows: colour as #rrggbb, a second colour for ALTERNATE, and the waveform."""

    colour: str
    waveform: Waveform
    second_colour: str | None = None


LAMP_OFF = LampSignal(colour="#000000", waveform=Waveform.OFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One face of a display in one language: a big sign or word, a few short lines, and what is drawn beside them.

    `qr` is the text to encode, or None. `bar_percent` draws a measured level from 0 to 100, such as a car's state of
    charge. `icon` is one of the names in `drivers.display.layout.ICONS`. `lines` are in order of importance and already
    short: the layout cuts, it never rewords.
    """

    big: str = ""
    lines: tuple[str, ...] = ()
    qr: str | None = None
    bar_percent: int | None = None
    icon: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What a display shows: one face a language, alternating every 4 s by hard cut; `awake` lights the panel up."""

    faces: tuple[Face, ...]
    awake: bool = True

    def __post_init__(self) -> None:
        """Refuse a screen without a face: a display always says something."""
        if not self.faces:
            raise ValueError("a Screen needs at least one Face")


class BaySensor(Protocol):
    """Says whether something stands in a bay."""

    async def run(self, report: Callable[[BayReading], None]) -> None:
        """Report readings until cancelled; raise DeviceError when the device is lost."""


class ChargeController(Protocol):
    """Switches and watches the energy of one EVSE."""

    async def run(self, report: Callable[[ChargeReading | FaultReading], None]) -> None:
        """Report plug, vehicle state, contactor and faults until cancelled."""

    async def energise(self, *, lease_s: float) -> None:
        """Let energy flow, or renew the lease; raise DeviceError when the device refuses."""

    async def de_energise(self) -> None:
        """Stop energy at once. Doing it twice is allowed."""

    async def unlock(self, connector: int) -> bool:
        """Release the plug; return whether it is free now."""


class Meter(Protocol):
    """Counts energy at one EVSE."""

    async def run(self, report: Callable[[MeterReading], None]) -> None:
        """Report readings until cancelled."""


class TokenReader(Protocol):
    """Reads cards and phones held to it."""

    async def run(self, report: Callable[[TokenReading], None]) -> None:
        """Report each presentation once, until cancelled."""


class StatusLight(Protocol):
    """The lamp of a bay."""

    async def show(self, signal: LampSignal, *, lease_s: float) -> None:
        """Show a signal, or renew its lease; dark when the lease lapses."""

    async def close(self) -> None:
        """Go dark at once, at a stop."""


class Display(Protocol):
    """The small display of a bay."""

    async def show(self, screen: Screen, *, lease_s: float) -> None:
        """Show a screen, or renew its lease; "starting" when the lease lapses."""

    async def close(self) -> None:
        """Clear the screen at once, at a stop: nothing old is shown. May take as long as its bus does."""
