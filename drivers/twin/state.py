"""What is true at one simulated EVSE, and what time alone makes of it: energy counted, leases that lapse.

Pure: states are values, time is an argument in seconds on the caller's Clock.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Generic, TypeVar

from drivers.ports import LAMP_OFF, LampSignal, Screen
from drivers.twin.car import Car, Flow

Shown = TypeVar("Shown", LampSignal, Screen)


class SensorMode(StrEnum):
    """How a simulated bay sensor behaves."""

    HONEST = "honest"
    STUCK_FREE = "stuck_free"
    STUCK_OCCUPIED = "stuck_occupied"
    FLUTTER = "flutter"
    UNKNOWN = "unknown"  # answers, but says it does not know
    SILENT = "silent"  # says nothing any more
    LOST = "lost"  # the driver ends with DeviceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A closed contactor: since when, until when it is leased, below which limit, and what flows (None: nothing)."""

    since_s: float
    until_s: float
    limit_w: int
    flow: Flow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased(Generic[Shown]):
    """What an output shows until its lease lapses."""

    value: Shown
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseState:
    """What is true at one EVSE since its last deed; `register_wh` is exact and shown cut to whole Wh."""

    occupied: bool = False
    car: Car | None = None
    plugged: int | None = None
    register_wh: float = 0.0
    faults: tuple[str, ...] = ()  # sorted
    sensor: SensorMode = SensorMode.HONEST
    charge: Charge | None = None
    lamp: Leased[LampSignal] | None = None
    screen: Leased[Screen] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A deed was done at an EVSE at an instant; a token or a cleared fault is named, the rest is looked up."""

    evse: int
    at_s: float
    token: tuple[str, str] | None = None  # id_token, kind


def lamp_shown(state: EvseState) -> LampSignal:
    """Return what the lamp of a looked-at EVSE shows; dark without a lease."""
    return state.lamp.value if state.lamp is not None else LAMP_OFF


def lapsed(state: EvseState, now_s: float) -> EvseState:
    """Return the state without what its leases have let go; the contactor opened at the lapse, not now."""
    if state.charge is not None and state.charge.until_s <= now_s:
        state = opened(state, state.charge.until_s)
    if state.lamp is not None and state.lamp.until_s <= now_s:
        state = replace(state, lamp=None)
    if state.screen is not None and state.screen.until_s <= now_s:
        state = replace(state, screen=None)
    return state


def counted(state: EvseState, now_s: float) -> EvseState:
    """Return the state with what has flowed until now in register and battery; the contactor stays as it is."""
    if state.charge is None or state.charge.flow is None or state.car is None:
        return state
    moment = state.charge.flow.at(now_s - state.charge.since_s)
    car = replace(state.car, soc_percent=moment.soc_percent)
    return replace(state, car=car, register_wh=state.register_wh + moment.energy_wh)


def opened(state: EvseState, now_s: float) -> EvseState:
    """Return the state with the contactor open and its energy counted."""
    return replace(counted(state, now_s), charge=None)


def stretched(state: EvseState, factor: float, now_s: float) -> EvseState:
    """Return the state for a clock that runs `factor` times as fast from now on: leases last as long for an agent."""
    charge, lamp, screen = state.charge, state.lamp, state.screen

    def until(lease: Charge | Leased[LampSignal] | Leased[Screen]) -> float:
        return now_s + (lease.until_s - now_s) * factor

    return replace(
        state,
        charge=replace(charge, until_s=until(charge)) if charge is not None else None,
        lamp=replace(lamp, until_s=until(lamp)) if lamp is not None else None,
        screen=replace(screen, until_s=until(screen)) if screen is not None else None,
    )
