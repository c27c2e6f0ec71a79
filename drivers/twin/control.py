"""The twin's control: what a person, a car or nature does at the simulated location, by name and with checked inputs.

Touches only the `World`. Deeds that physics does not allow, and inputs that make no sense, raise `TwinRefused` with a
reason for the person at the panel. `do` takes the JSON bodies of the control API (`POST /twin/evse/{n}/{deed}`), so
that the web server only passes bytes on; `state` is the answer to `GET /twin/state` as plain data.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from drivers.ports import Clock, LampSignal, Screen
from drivers.twin.car import Car, is_dc
from drivers.twin.state import EvseState, SensorMode, lamp_shown
from drivers.twin.world import EvseSpec, TwinRefused, World

BODY_BYTES_MAX = 4096  # the largest deed takes 300 bytes
DC_TARGET_PERCENT = 80.0  # where drivers of DC-charged cars usually let it end
AC_TARGET_PERCENT = 100.0
TOKEN_KIND = "ISO14443"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ev:
    """What is known of a car that comes; None leaves it to the twin."""

    battery_kwh: float | None = None
    soc_percent: float | None = None
    power_w: int | None = None
    onboard_charger_w: int | None = None
    standard: str | None = None
    target_soc_percent: float | None = None


class _PlugIn(msgspec.Struct, forbid_unknown_fields=True):
    connector: int | None = None
    ev: Ev | None = None


class _PlugOut(msgspec.Struct, forbid_unknown_fields=True):
    connector: int | None = None


class _Swipe(msgspec.Struct, forbid_unknown_fields=True):
    id_token: str
    type: str = TOKEN_KIND


class _Bay(msgspec.Struct, forbid_unknown_fields=True):
    occupied: bool


class _Fault(msgspec.Struct, forbid_unknown_fields=True):
    code: str


class _DriveIn(msgspec.Struct, forbid_unknown_fields=True):
    ev: Ev | None = None


class _Sensor(msgspec.Struct, forbid_unknown_fields=True):
    mode: SensorMode


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class TwinControl:
    """The deeds at a simulated location."""

    def __init__(self, world: World, clock: Clock) -> None:
        """Act on a world, at the instants of a clock."""
        self._world = world
        self._clock = clock

    def drive_in(self, evse: int, ev: Ev | None = None) -> None:
        """Park a car in a free bay, not plugged yet."""
        car = _car(ev or Ev(), None, self._world.spec(evse).connectors[0].standard)
        self._world.set_bay(evse, occupied=True, car=car, now_s=self._now())

    def drive_off(self, evse: int) -> None:
        """Drive out of a bay; refused while plugged in, or when nobody is there."""
        if not self._look(evse).occupied:
            raise TwinRefused(f"the bay of EVSE {evse} is empty")
        self._world.set_bay(evse, occupied=False, now_s=self._now())

    def bay(self, evse: int, *, occupied: bool) -> None:
        """Make a bay occupied (by anything) or free, whatever it was; refused for free while plugged in."""
        self._world.set_bay(evse, occupied=occupied, now_s=self._now())

    def plug_in(self, evse: int, connector: int | None = None, ev: Ev | None = None) -> None:
        """Plug the parked car, or one just as described, into a connector (None: the first that fits)."""
        spec = self._world.spec(evse)
        parked = self._look(evse).car
        if connector is None:
            inlet = ev.standard if ev is not None else None
            connector = _fitting(spec, inlet or (parked.standard if parked is not None else None))
        car = _car(ev or Ev(), parked, spec.named(connector).standard)
        self._world.plug_in(evse, connector, car, self._now())

    def plug_out(self, evse: int, connector: int | None = None) -> None:
        """Pull the plug; energy is off before it is out. The car stays parked."""
        plugged = self._look(evse).plugged
        if connector is not None and plugged is not None and connector != plugged:
            raise TwinRefused(f"connector {connector} of EVSE {evse} is not plugged in; connector {plugged} is")
        self._world.plug_out(evse, self._now())

    def swipe(self, evse: int, id_token: str, kind: str = TOKEN_KIND) -> None:
        """Hold a token to the reader; `kind` is an OCPP 2.x IdToken type."""
        self._world.swipe(evse, id_token, kind, self._now())

    def fault(self, evse: int, code: str) -> None:
        """Break something at an EVSE; `code` is an OCPP 1.6 error code where one fits."""
        self._world.raise_fault(evse, code, self._now())

    def clear(self, evse: int, code: str) -> None:
        """Mend what `fault` broke."""
        self._world.clear_fault(evse, code, self._now())

    def sensor_mode(self, evse: int, mode: SensorMode) -> None:
        """Make the bay sensor lie, fall silent or honest again."""
        self._world.set_sensor(evse, mode, self._now())

    def power_cut(self) -> None:
        """Cut the controller's power as the world sees it: contactors open, lamps and screens dark."""
        self._world.power_cut(self._now())

    def do(self, evse: int, deed: str, body: bytes) -> None:
        """Do a deed of the control API given as JSON; TwinRefused names the field that is wrong."""
        if deed not in _DEEDS:
            raise TwinRefused(f"there is no deed {deed[:40]!r}; there are {', '.join(sorted(_DEEDS))}")
        if len(body) > BODY_BYTES_MAX:
            raise TwinRefused(f"the body is longer than {BODY_BYTES_MAX} bytes")
        kind, act = _DEEDS[deed]
        try:
            order = msgspec.json.decode(body.strip() or b"{}", type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise TwinRefused(f"{deed}: {error}") from error
        act(self, evse, order)

    def state(self) -> dict[str, Any]:
        """Return the whole location as plain data: bays, plugs, cars, lamps, screens, meters, faults."""
        now_s = self._now()
        return {"at_s": now_s, "evses": [self._evse_state(evse, now_s) for evse in self._world.specs]}

    def _evse_state(self, evse: int, now_s: float) -> dict[str, Any]:
        spec, state = self._world.spec(evse), self._world.look(evse, now_s)
        charging, meter = self._world.charging(evse, now_s), self._world.meter(evse, now_s)
        return {
            "evse": evse,
            "connectors": [
                {"connector": c.connector, "standard": c.standard, "power_w": c.power_w} for c in spec.connectors
            ],
            "bay": _bay_state(spec, state),
            "car": _car_state(state.car),
            "plug": {"connector": state.plugged} if state.plugged is not None else None,
            "vehicle": charging.vehicle.value,
            "energised": charging.energised,
            "suspended_by_ev": charging.suspended_by_ev,
            "meter": {"register_wh": meter.register_wh, "power_w": meter.power_w},
            "faults": list(state.faults),
            "lamp": _lamp_state(lamp_shown(state)),
            "screen": _screen_state(state.screen.value if state.screen is not None else None),
        }

    def _now(self) -> float:
        return self._clock.monotonic()

    def _look(self, evse: int) -> EvseState:
        return self._world.look(evse, self._now())


_DEEDS: dict[str, tuple[type[msgspec.Struct], Callable[[TwinControl, int, Any], None]]] = {
    "plug_in": (_PlugIn, lambda twin, evse, order: twin.plug_in(evse, order.connector, order.ev)),
    "plug_out": (_PlugOut, lambda twin, evse, order: twin.plug_out(evse, order.connector)),
    "swipe": (_Swipe, lambda twin, evse, order: twin.swipe(evse, order.id_token, order.type)),
    "bay": (_Bay, lambda twin, evse, order: twin.bay(evse, occupied=order.occupied)),
    "fault": (_Fault, lambda twin, evse, order: twin.fault(evse, order.code)),
    "clear": (_Fault, lambda twin, evse, order: twin.clear(evse, order.code)),
    "drive_in": (_DriveIn, lambda twin, evse, order: twin.drive_in(evse, order.ev)),
    "drive_off": (_Nothing, lambda twin, evse, _: twin.drive_off(evse)),
    "sensor_mode": (_Sensor, lambda twin, evse, order: twin.sensor_mode(evse, order.mode)),
}


def _car(ev: Ev, parked: Car | None, standard: str) -> Car:
    """Build the car that acts: what is told of it, else the parked car, else one that fits the connector."""
    base = parked or (Car() if Car().takes(standard) else Car(standard=standard))
    told = {name: value for name in Ev.__slots__ if (value := getattr(ev, name)) is not None}
    try:
        car = replace(base, **told)
        if parked is None and ev.target_soc_percent is None:
            target = DC_TARGET_PERCENT if is_dc(standard) else AC_TARGET_PERCENT
            # Who comes with more than the usual target wants it full, or would not have come.
            car = replace(car, target_soc_percent=target if car.soc_percent < target else 100.0)
    except ValueError as error:
        raise TwinRefused(f"ev: {error}") from error
    return car


def _fitting(spec: EvseSpec, standard: str | None) -> int:
    """Return the first connector that fits a car with this inlet (any, when the inlet is not known)."""
    if standard is None:
        return spec.connectors[0].connector
    car = Car(standard=standard)
    for connector in spec.connectors:
        if car.takes(connector.standard):
            return connector.connector
    raise TwinRefused(f"no connector of EVSE {spec.evse} fits a car with {standard}")


def _bay_state(spec: EvseSpec, state: EvseState) -> dict[str, Any]:
    return {"present": spec.has_bay, "occupied": state.occupied, "sensor_mode": state.sensor.value}


def _car_state(car: Car | None) -> dict[str, Any] | None:
    if car is None:
        return None
    told: dict[str, Any] = {name: getattr(car, name) for name in Ev.__slots__}
    told["soc_percent"] = round(car.soc_percent, 1)
    return told


def _lamp_state(signal: LampSignal) -> dict[str, Any]:
    return {"colour": signal.colour, "second_colour": signal.second_colour, "waveform": signal.waveform.value}


def _screen_state(screen: Screen | None) -> dict[str, Any] | None:
    """Render a screen as text lines, big first; None is a display whose lease lapsed ("starting")."""
    if screen is None:
        return None
    faces = [
        {
            "big": face.big,
            "lines": list(face.lines),
            "qr": face.qr,
            "bar_percent": face.bar_percent,
            "icon": face.icon,
            "text": [line for line in (face.big, *face.lines) if line],
        }
        for face in screen.faces
    ]
    return {"awake": screen.awake, "faces": faces}
