"""The physics of the twin: bays, cars, plugs, contactors, registers, faults, lamps and screens of a simulated location.

Deterministic: time is an argument, in seconds on the caller's Clock. Looking never changes anything; only deeds do, and
each deed tells the listeners at once. The world knows nothing of queues, tokens that are known, or permission: like
real hardware it does what it is told if physics allows, and raises `TwinRefused` if not.

Vehicle states follow IEC 61851-1 (A, B, C, F); connector standards are OCPI 2.3 ConnectorType values.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.ports import BayReading, ChargeReading, LampSignal, MeterReading, Occupancy, Screen, VehicleState
from drivers.twin.car import Car, Flow, is_dc
from drivers.twin.state import (
    Charge,
    EvseState,
    Happening,
    Leased,
    SensorMode,
    counted,
    lapsed,
    opened,
    stretched,
)

EVSES_MAX = 200  # a simulated site of this size still fits the twin panel
CODE_LENGTH_MAX = 50  # OCPP 1.6 vendorErrorCode CiString50Type: no fault code is longer
TOKEN_LENGTH_MAX = 255  # OCPP 2.1 IdTokenType.idToken; the reader passes on whatever was held to it
TOKEN_KIND_LENGTH_MAX = 20  # OCPP 2.1 IdTokenType.type
ROUNDING_WH = 1e-6  # an exact 50 Wh may be 49.999999999 as a float: count it as reached
FLUTTER_S = 0.02  # a fluttering sensor changes its mind 50 times a second

HARMLESS_FAULTS = frozenset({"PowerMeterFailure", "ReaderFailure", "ResetFailure", "WeakSignal"})
"""OCPP 1.6 error codes that do not stop energy; any other code does."""


class TwinRefused(Exception):  # noqa: N818 - an answer to a deed, not an error of ours
    """A deed that physics does not allow; `reason` says why and what would."""

    def __init__(self, reason: str) -> None:
        """Keep the reason, a sentence for the person at the twin panel."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSpec:
    """A simulated connector: its number from 1, its OCPI standard and the greatest power it offers, in W."""

    connector: int
    standard: str
    power_w: int

    def __post_init__(self) -> None:
        """Refuse numbers below 1 and an empty standard."""
        if self.connector < 1 or self.power_w < 1 or not self.standard:
            raise ValueError(f"a connector needs a number and a power from 1 and a standard: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseSpec:
    """A simulated EVSE: its number from 1, its connectors, and whether a bay with a sensor lies in front of it."""

    evse: int
    connectors: tuple[ConnectorSpec, ...]
    has_bay: bool = True

    def __post_init__(self) -> None:
        """Refuse an EVSE without connectors or with one connector number twice."""
        numbers = [c.connector for c in self.connectors]
        if self.evse < 1 or not numbers or len(set(numbers)) != len(numbers):
            raise ValueError(f"an EVSE needs a number from 1 and connectors with different numbers: {self}")

    def named(self, connector: int) -> ConnectorSpec:
        """Return a connector by number; TwinRefused when there is none."""
        for spec in self.connectors:
            if spec.connector == connector:
                return spec
        numbers = ", ".join(str(spec.connector) for spec in self.connectors)
        raise TwinRefused(f"EVSE {self.evse} has no connector {connector}; it has {numbers}")


class World:
    """A simulated location. Not thread-safe: it lives in one event loop, or in a test."""

    def __init__(self, specs: tuple[EvseSpec, ...], states: dict[int, EvseState] | None = None) -> None:
        """Build the EVSEs of `specs`, empty or as in `states`; ValueError for none, too many or doubles."""
        self.specs = {spec.evse: spec for spec in sorted(specs, key=lambda s: s.evse)}
        if not 1 <= len(specs) <= EVSES_MAX or len(self.specs) != len(specs):
            raise ValueError(f"a twin needs 1 to {EVSES_MAX} EVSEs with different numbers, not {len(specs)}")
        given = states or {}
        self._states = {evse: given.get(evse, EvseState()) for evse in self.specs}
        self._listeners: list[Callable[[Happening], None]] = []

    # -- looking: never changes anything -------------------------------------------------------------------------------

    def spec(self, evse: int) -> EvseSpec:
        """Return what an EVSE is built of; TwinRefused when there is none with this number."""
        if evse not in self.specs:
            raise TwinRefused(f"there is no EVSE {evse} in this twin; it has {', '.join(map(str, self.specs))}")
        return self.specs[evse]

    def look(self, evse: int, now_s: float) -> EvseState:
        """Return an EVSE as it is now: energy that flowed until now is counted, lapsed leases have ended."""
        state = lapsed(self._of(evse), now_s)
        if state.charge is not None:
            state = counted(state, now_s)
        return state

    def bay(self, evse: int, now_s: float) -> BayReading:
        """Return what the bay sensor of an EVSE reads in its present mode, honest or not."""
        state = self._of(evse)
        seen = Occupancy.OCCUPIED if state.occupied else Occupancy.FREE
        match state.sensor:
            case SensorMode.STUCK_FREE:
                seen = Occupancy.FREE
            case SensorMode.STUCK_OCCUPIED:
                seen = Occupancy.OCCUPIED
            case SensorMode.UNKNOWN:
                seen = Occupancy.UNKNOWN
            case SensorMode.FLUTTER:
                seen = Occupancy.OCCUPIED if int(now_s / FLUTTER_S) % 2 else Occupancy.FREE
            case SensorMode.HONEST | SensorMode.SILENT | SensorMode.LOST:
                pass
        return BayReading(occupancy=seen, at_s=now_s)

    def charging(self, evse: int, now_s: float) -> ChargeReading:
        """Return what the charge controller of an EVSE sees."""
        state = self.look(evse, now_s)
        energised = state.charge is not None
        takes = energised and self._power_w(evse, now_s) > 0
        return ChargeReading(
            vehicle=_vehicle(state, takes),
            connector=state.plugged,
            energised=energised,
            suspended_by_ev=energised and state.car is not None and state.car.at_target,
            at_s=now_s,
        )

    def meter(self, evse: int, now_s: float) -> MeterReading:
        """Return register and power; the state of charge only where the plug tells it, which is DC."""
        state = self.look(evse, now_s)
        tells_soc = state.plugged is not None and is_dc(self.spec(evse).named(state.plugged).standard)
        return MeterReading(
            register_wh=int(state.register_wh + ROUNDING_WH),
            power_w=round(self._power_w(evse, now_s)),
            at_s=now_s,
            soc_percent=int(state.car.soc_percent) if tells_soc and state.car is not None else None,
        )

    def next_change(self, evse: int, now_s: float) -> float | None:
        """Return the next instant at which the charge changes by itself (target reached, lease over), or None."""
        charge = lapsed(self._of(evse), now_s).charge
        if charge is None:
            return None
        full_s = charge.since_s + charge.flow.seconds_to_target if charge.flow is not None else charge.until_s
        return full_s if now_s < full_s < charge.until_s else charge.until_s

    def next_full(self, now_s: float) -> float | None:
        """Return the next instant at which a charging car has what it wants, or None."""
        charges = [c for evse in self.specs if (c := lapsed(self._of(evse), now_s).charge) is not None]
        instants = (c.since_s + c.flow.seconds_to_target for c in charges if c.flow is not None)
        return min((at_s for at_s in instants if at_s > now_s), default=None)

    # -- deeds of people and nature ------------------------------------------------------------------------------------

    def set_bay(self, evse: int, *, occupied: bool, now_s: float, car: Car | None = None) -> None:
        """Put something (a `car`, or just a thing) into a bay, or take it away; a plugged car cannot leave."""
        state = lapsed(self._of(evse), now_s)
        if not self.spec(evse).has_bay and car is None:
            raise TwinRefused(f"EVSE {evse} has no bay")
        if not occupied and state.plugged is not None:
            raise TwinRefused(f"the car at EVSE {evse} is plugged in: plug out first")
        if occupied and car is not None and state.occupied:
            raise TwinRefused(f"the bay of EVSE {evse} is occupied: drive off first")
        self._set(evse, replace(state, occupied=occupied, car=(car or state.car) if occupied else None), now_s)

    def plug_in(self, evse: int, connector: int, car: Car, now_s: float) -> None:
        """Plug a car into a connector; the bay is then occupied by it."""
        state = lapsed(self._of(evse), now_s)
        spec = self.spec(evse).named(connector)
        if state.plugged is not None:
            raise TwinRefused(f"connector {state.plugged} of EVSE {evse} is plugged in already: plug out first")
        if not car.takes(spec.standard):
            raise TwinRefused(
                f"connector {connector} of EVSE {evse} is {spec.standard} and does not fit a car with {car.standard}"
            )
        self._set(evse, replace(state, occupied=True, car=car, plugged=connector), now_s)

    def plug_out(self, evse: int, now_s: float) -> None:
        """Pull the plug. The car stops first and the contactor opens (IEC 61851-1), told as a happening of its own."""
        state = lapsed(self._of(evse), now_s)
        if state.plugged is None:
            raise TwinRefused(f"nothing is plugged in at EVSE {evse}")
        if state.charge is not None:
            state = opened(state, now_s)
            self._set(evse, state, now_s)
        self._set(evse, replace(state, plugged=None), now_s)

    def swipe(self, evse: int, id_token: str, kind: str, now_s: float) -> None:
        """Hold a token to the reader of an EVSE."""
        state = self._of(evse)
        if not 0 < len(id_token) <= TOKEN_LENGTH_MAX or not 0 < len(kind) <= TOKEN_KIND_LENGTH_MAX:
            raise TwinRefused(f"a token needs 1 to {TOKEN_LENGTH_MAX} signs, and a type of at most 20 such as ISO14443")
        if "ReaderFailure" in state.faults:
            raise TwinRefused(f"the reader of EVSE {evse} is broken: clear ReaderFailure first")
        self._tell(Happening(evse=evse, at_s=now_s, token=(id_token, kind)))

    def raise_fault(self, evse: int, code: str, now_s: float) -> None:
        """Break something; any code but the harmless ones opens the contactor at once."""
        state = lapsed(self._of(evse), now_s)
        if not 0 < len(code) <= CODE_LENGTH_MAX:
            raise TwinRefused(f"a fault code needs 1 to {CODE_LENGTH_MAX} signs, e.g. UnderVoltage")
        if code in state.faults:
            raise TwinRefused(f"{code} is active already at EVSE {evse}")
        state = replace(state, faults=tuple(sorted((*state.faults, code))))
        self._set(evse, opened(state, now_s) if _stopped_by_fault(state) else state, now_s)

    def clear_fault(self, evse: int, code: str, now_s: float) -> None:
        """Mend something."""
        state = self._of(evse)
        if code not in state.faults:
            raise TwinRefused(f"{code} is not active at EVSE {evse}; active: {', '.join(state.faults) or 'none'}")
        self._set(evse, replace(state, faults=tuple(f for f in state.faults if f != code)), now_s)

    def set_sensor(self, evse: int, mode: SensorMode, now_s: float) -> None:
        """Make a bay sensor lie, or mend it."""
        if not self.spec(evse).has_bay:
            raise TwinRefused(f"EVSE {evse} has no bay sensor")
        self._set(evse, replace(self._of(evse), sensor=mode), now_s)

    def stretch(self, factor: float, now_s: float) -> None:
        """Let the leases of a clock that begins to run `factor` times as fast last as long as before in real time."""
        for evse in self.specs:
            state = stretched(lapsed(self._of(evse), now_s), factor, now_s)
            self._set(evse, state, now_s, quiet=factor >= 1)  # a shorter lease is news to who waits for its end

    def power_cut(self, now_s: float) -> None:
        """Cut the controller's power: contactors open, lamps and screens go dark, cars and registers stay."""
        for evse in self.specs:
            state = opened(lapsed(self._of(evse), now_s), now_s)
            self._set(evse, replace(state, lamp=None, screen=None), now_s)

    # -- orders of the agent -------------------------------------------------------------------------------------------

    def energise(self, evse: int, *, until_s: float, limit_w: int | None, now_s: float) -> None:
        """Close the contactor, or renew its lease; `limit_w` None means whatever the connector offers, 0 nothing."""
        state = lapsed(self._of(evse), now_s)
        if state.plugged is None or state.car is None:
            raise TwinRefused(f"cannot energise EVSE {evse}: nothing is plugged in")
        if _stopped_by_fault(state):
            raise TwinRefused(f"cannot energise EVSE {evse}: {', '.join(state.faults)} is active: clear it first")
        connector = self.spec(evse).named(state.plugged)
        offered_w = connector.power_w if limit_w is None else max(0, min(limit_w, connector.power_w))
        if state.charge is not None and state.charge.limit_w == offered_w:
            # Only the lease moves: a new start would move the rounding of the energy. A longer lease is no news.
            longer = until_s >= state.charge.until_s
            self._set(evse, replace(state, charge=replace(state.charge, until_s=until_s)), now_s, quiet=longer)
            return
        state = opened(state, now_s)
        assert state.car is not None  # noqa: S101 - opening a contactor moves no car
        flow = None
        if offered_w > 0 and not state.car.at_target:
            flow = Flow(state.car, dc=is_dc(connector.standard), limit_w=offered_w)
        charge = Charge(since_s=now_s, until_s=until_s, limit_w=offered_w, flow=flow)
        self._set(evse, replace(state, charge=charge), now_s)

    def de_energise(self, evse: int, now_s: float) -> None:
        """Open the contactor; open already is fine."""
        state = lapsed(self._of(evse), now_s)
        self._set(evse, opened(state, now_s), now_s)

    def show_lamp(self, evse: int, signal: LampSignal, *, until_s: float, now_s: float) -> None:
        """Light the lamp of an EVSE until its lease lapses."""
        state = lapsed(self._of(evse), now_s)
        same = state.lamp is not None and state.lamp.value == signal
        self._set(evse, replace(state, lamp=Leased(value=signal, until_s=until_s)), now_s, quiet=same)

    def show_screen(self, evse: int, screen: Screen, *, until_s: float, now_s: float) -> None:
        """Draw the display of an EVSE until its lease lapses."""
        state = lapsed(self._of(evse), now_s)
        same = state.screen is not None and state.screen.value == screen
        self._set(evse, replace(state, screen=Leased(value=screen, until_s=until_s)), now_s, quiet=same)

    # -- listeners -----------------------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[Happening], None]) -> Callable[[], None]:
        """Call `listener` after each deed, before the deed returns; return what ends the listening."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _of(self, evse: int) -> EvseState:
        self.spec(evse)
        return self._states[evse]

    def _set(self, evse: int, state: EvseState, now_s: float, *, quiet: bool = False) -> None:
        if state == self._states[evse]:
            return
        self._states[evse] = state
        if not quiet:
            self._tell(Happening(evse=evse, at_s=now_s))

    def _tell(self, happening: Happening) -> None:
        for listener in tuple(self._listeners):
            listener(happening)

    def _power_w(self, evse: int, now_s: float) -> float:
        charge = lapsed(self._of(evse), now_s).charge
        return charge.flow.at(now_s - charge.since_s).power_w if charge is not None and charge.flow is not None else 0.0


def _stopped_by_fault(state: EvseState) -> bool:
    return any(code not in HARMLESS_FAULTS for code in state.faults)


def _vehicle(state: EvseState, takes: bool) -> VehicleState:
    if _stopped_by_fault(state):
        return VehicleState.FAULT
    if state.plugged is None:
        return VehicleState.NOT_CONNECTED
    return VehicleState.CHARGING if takes else VehicleState.CONNECTED
