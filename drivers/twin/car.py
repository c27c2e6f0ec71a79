"""How a simulated car takes energy: power over state of charge, solved exactly, so that looking never changes it.

Pure; time is seconds since the charge began. Power over state of charge is a row of straight lines, and along one line
the charge follows an exponential with a known inverse. Energy at an instant is therefore computed from the start of the
charge and not summed up step by step: it cannot depend on how often somebody asked.

The curve is the usual shape of published fast-charging curves (short ramp, plateau, taper), of no particular car.
"""

import itertools
import math
from dataclasses import dataclass

DC_CURVE = ((0.0, 0.55), (8.0, 1.0), (55.0, 1.0), (80.0, 0.45), (100.0, 0.08))
"""Share of the car's greatest power over state of charge in percent; never 0, or the target were never reached."""

AC_CURVE = ((0.0, 1.0), (95.0, 1.0), (100.0, 0.2))
"""The onboard charger is the limit until the cells are nearly full."""

DC_EFFICIENCY = 0.95  # connector to cells: cable, contactors, cooling
AC_EFFICIENCY = 0.88  # plus the onboard charger

DC_STANDARDS = frozenset({"IEC_62196_T2_COMBO", "IEC_62196_T1_COMBO", "CHADEMO", "TESLA_S", "GBT_DC"})
"""OCPI 2.3 ConnectorType values that carry direct current; all others are AC here."""

INLET_TAKES = {
    "IEC_62196_T2_COMBO": frozenset({"IEC_62196_T2_COMBO", "IEC_62196_T2"}),
    "IEC_62196_T1_COMBO": frozenset({"IEC_62196_T1_COMBO", "IEC_62196_T1"}),
}
"""A combo inlet also takes the AC plug of its family; any other inlet takes only its own."""

BATTERY_KWH_MAX = 2000.0  # a ferry; more is a slip of the keyboard
POWER_W_MAX = 4_000_000  # the megawatt charging system ends at 3.75 MW
ROUNDING_S = 1e-6  # nearer to the target than this is at the target: sums of floats do not meet exactly


@dataclass(frozen=True, slots=True, kw_only=True)
class Car:
    """A simulated car: what it can take, and how full it is."""

    battery_kwh: float = 60.0
    soc_percent: float = 40.0
    power_w: int = 150_000  # greatest DC power
    onboard_charger_w: int = 11_000  # greatest AC power
    standard: str = "IEC_62196_T2_COMBO"  # the inlet, an OCPI ConnectorType
    target_soc_percent: float = 80.0  # where the car itself stops

    def __post_init__(self) -> None:
        """Refuse a car that cannot be: ValueError names the field and its bounds."""
        if not 0 < self.battery_kwh <= BATTERY_KWH_MAX:
            raise ValueError(f"battery_kwh must be above 0 and at most {BATTERY_KWH_MAX:g}, not {self.battery_kwh!r}")
        for name in ("soc_percent", "target_soc_percent"):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"{name} must be from 0 to 100, not {getattr(self, name)!r}")
        for name in ("power_w", "onboard_charger_w"):
            if not 1 <= getattr(self, name) <= POWER_W_MAX:
                raise ValueError(f"{name} must be from 1 to {POWER_W_MAX}, not {getattr(self, name)!r}")
        if not self.standard:
            raise ValueError("standard must name the car's inlet, e.g. IEC_62196_T2_COMBO")

    def takes(self, standard: str) -> bool:
        """Tell whether a connector of this standard fits the car's inlet."""
        return standard in INLET_TAKES.get(self.standard, frozenset({self.standard}))

    @property
    def at_target(self) -> bool:
        """Tell whether the car wants no more energy."""
        return self.soc_percent >= self.target_soc_percent


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A stretch of the curve along which power is linear in state of charge."""

    soc_from: float
    soc_to: float
    w_from: float
    w_to: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A charge at one instant: state of charge, energy since the start at the connector, and present power."""

    soc_percent: float
    energy_wh: float
    power_w: float


class Flow:
    """One charge from its start to the car's target, at an unchanging limit."""

    def __init__(self, car: Car, *, dc: bool, limit_w: int) -> None:
        """Plan the charge of `car` below `limit_w` (W at the connector, at least 1)."""
        if limit_w < 1:
            raise ValueError(f"limit_w must be at least 1 W, not {limit_w}: without power there is no flow")
        self._efficiency = DC_EFFICIENCY if dc else AC_EFFICIENCY
        self._battery_wh = car.battery_kwh * 1000
        self._start_soc = car.soc_percent
        self._end_soc = max(car.soc_percent, car.target_soc_percent)
        self._soc_per_ws = self._efficiency * 100 / (3600 * self._battery_wh)  # percent for each watt and second
        top_w = car.power_w if dc else car.onboard_charger_w
        points = tuple((soc, share * top_w) for soc, share in (DC_CURVE if dc else AC_CURVE))
        self._lines = tuple(_between(_capped(points, limit_w), self._start_soc, self._end_soc))
        self.seconds_to_target = sum(self._seconds(line) for line in self._lines)

    def at(self, elapsed_s: float) -> Moment:
        """Return the charge `elapsed_s` seconds after its start; past the target nothing more flows."""
        left_s = max(0.0, elapsed_s)
        if left_s >= self.seconds_to_target - ROUNDING_S:
            return Moment(soc_percent=self._end_soc, energy_wh=self._energy_wh(self._end_soc), power_w=0.0)
        soc, power_w = self._end_soc, 0.0
        for line in self._lines:
            line_s = self._seconds(line)
            if left_s < line_s:
                soc = min(self._soc_on(line, left_s), line.soc_to)
                power_w = _power_w(line, soc)
                break
            left_s -= line_s
        return Moment(soc_percent=soc, energy_wh=self._energy_wh(soc), power_w=power_w)

    def _energy_wh(self, soc: float) -> float:
        return (soc - self._start_soc) / 100 * self._battery_wh / self._efficiency

    def _seconds(self, line: _Line) -> float:
        """Time along a line: the integral of 1/P, which is a logarithm where P changes."""
        grown = (line.w_to - line.w_from) / line.w_from
        level_s = (line.soc_to - line.soc_from) / (self._soc_per_ws * line.w_from)
        return level_s * (math.log1p(grown) / grown if grown else 1.0)

    def _soc_on(self, line: _Line, seconds: float) -> float:
        """State of charge along a line: the inverse of `_seconds`, an exponential where P changes."""
        slope = (line.w_to - line.w_from) / (line.soc_to - line.soc_from)
        growth = slope * self._soc_per_ws * seconds
        return line.soc_from + line.w_from * self._soc_per_ws * seconds * (math.expm1(growth) / growth if growth else 1)


def is_dc(standard: str) -> bool:
    """Tell whether a connector standard carries direct current."""
    return standard in DC_STANDARDS


def _power_w(line: _Line, soc: float) -> float:
    share = (soc - line.soc_from) / (line.soc_to - line.soc_from)
    return line.w_from + share * (line.w_to - line.w_from)


def _capped(points: tuple[tuple[float, float], ...], limit_w: float) -> list[_Line]:
    """Cut a curve off at a limit; a line that crosses the limit becomes two."""
    lines: list[_Line] = []
    for (soc_a, w_a), (soc_b, w_b) in itertools.pairwise(points):
        knots = [(soc_a, min(w_a, limit_w))]
        if (w_a - limit_w) * (w_b - limit_w) < 0:
            knots.append((soc_a + (limit_w - w_a) / (w_b - w_a) * (soc_b - soc_a), limit_w))
        knots.append((soc_b, min(w_b, limit_w)))
        lines += [
            _Line(soc_from=s0, soc_to=s1, w_from=w0, w_to=w1)
            for (s0, w0), (s1, w1) in itertools.pairwise(knots)
            if s1 > s0
        ]
    return lines


def _between(lines: list[_Line], start_soc: float, end_soc: float) -> list[_Line]:
    """Keep the part of a curve from `start_soc` to `end_soc`."""
    kept: list[_Line] = []
    for line in lines:
        soc_from, soc_to = max(line.soc_from, start_soc), min(line.soc_to, end_soc)
        if soc_to > soc_from:
            w_from, w_to = _power_w(line, soc_from), _power_w(line, soc_to)
            kept.append(_Line(soc_from=soc_from, soc_to=soc_to, w_from=w_from, w_to=w_to))
    return kept
