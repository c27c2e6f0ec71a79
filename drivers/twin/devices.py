"""The devices of a twin's EVSE behind the ports: what an agent on site touches of the simulated world.

Each facade translates between one port and `World` and has no state of its own but the last thing it said. Inputs
report a deed in the very call that did it, so that no edge is lost between two turns of the loop; time alone (target
reached, lease over, the next meter second) is watched by `run`. Outputs are leased in the world, by its clock: on a
clock that runs faster than the wall a lease is stretched, or a busy agent would lose it between two turns.
"""

import asyncio
from collections.abc import Callable

from drivers.clock import until_set
from drivers.ports import (
    LAMP_OFF,
    READING_REPEAT_S,
    BayReading,
    ChargeReading,
    Clock,
    DeviceError,
    Face,
    FaultReading,
    LampSignal,
    MeterReading,
    Screen,
    TokenReading,
)
from drivers.twin.clock import ScaledClock
from drivers.twin.state import Happening, SensorMode
from drivers.twin.world import FLUTTER_S, TwinRefused, World

METER_PERIOD_S = 1.0  # while energised; what common EVSE meters deliver


class _Facade:
    """An EVSE of a world, and the clock it lives by."""

    def __init__(self, world: World, clock: Clock, evse: int) -> None:
        """Bind to an EVSE; TwinRefused when the world has none with this number."""
        world.spec(evse)
        self._world = world
        self._clock = clock
        self._evse = evse

    async def _follow(self, heard: Callable[[Happening], None], due: Callable[[float], float]) -> None:
        """Call `heard` in each deed at this EVSE, and `due` now, after deeds and at the instant it returned last."""
        moved = asyncio.Event()

        def listener(happening: Happening) -> None:
            if happening.evse == self._evse:
                heard(happening)
                moved.set()

        stop = self._world.listen(listener)
        try:
            while True:
                moved.clear()
                await until_set(moved, self._clock, due(self._clock.monotonic()))
        finally:
            stop()

    def _next(self, now_s: float, latest_s: float) -> float:
        change_s = self._world.next_change(self._evse, now_s)
        return latest_s if change_s is None else min(latest_s, change_s)


class TwinBaySensor(_Facade):
    """The bay sensor of an EVSE, as honest as its `SensorMode`."""

    async def run(self, report: Callable[[BayReading], None]) -> None:
        """Report changes at once and the same reading every 10 s; DeviceError in the mode LOST."""
        last: BayReading | None = None

        def look(now_s: float) -> None:
            nonlocal last
            if self._mode(now_s) in (SensorMode.SILENT, SensorMode.LOST):
                return
            reading = self._world.bay(self._evse, now_s)
            if last is None or reading.occupancy is not last.occupancy or now_s >= last.at_s + READING_REPEAT_S:
                last = reading
                report(reading)

        def due(now_s: float) -> float:
            mode = self._mode(now_s)
            if mode is SensorMode.LOST:
                raise DeviceError(
                    f"twin-bay-{self._evse}: the simulated sensor is lost: set its sensor mode to honest again"
                )
            look(now_s)
            if mode is SensorMode.FLUTTER:
                return now_s + FLUTTER_S
            return _repeat_s(last, now_s, READING_REPEAT_S)

        await self._follow(lambda happening: look(happening.at_s), due)

    def _mode(self, now_s: float) -> SensorMode:
        return self._world.look(self._evse, now_s).sensor


class TwinChargeController(_Facade):
    """The contactor and plug of an EVSE."""

    async def run(self, report: Callable[[ChargeReading | FaultReading], None]) -> None:
        """Report plug, vehicle, contactor and faults: changes at once, the charge reading also every 10 s."""
        last: ChargeReading | None = None
        known: tuple[str, ...] = ()

        def look(now_s: float) -> None:
            nonlocal last, known
            active = self._world.look(self._evse, now_s).faults
            for code in sorted({*known, *active}):
                if (code in known) != (code in active):
                    report(FaultReading(code=code, active=code in active, at_s=now_s))
            known = active
            reading = self._world.charging(self._evse, now_s)
            if last is None or _differs(reading, last) or now_s >= last.at_s + READING_REPEAT_S:
                last = reading
                report(reading)

        def due(now_s: float) -> float:
            look(now_s)
            return self._next(now_s, _repeat_s(last, now_s, READING_REPEAT_S))

        await self._follow(lambda happening: look(happening.at_s), due)

    async def energise(self, *, lease_s: float, limit_w: int | None = None) -> None:
        """Close the contactor for `lease_s` seconds, or renew; DeviceError without a plugged car or with a fault.

        `limit_w` is what the charger offers at most, in W; None leaves it to the connector.
        """
        now_s = self._clock.monotonic()
        try:
            self._world.energise(self._evse, until_s=now_s + _lease(self._clock, lease_s), limit_w=limit_w, now_s=now_s)
        except TwinRefused as refused:
            raise DeviceError(f"twin-evse-{self._evse}: {refused.reason}") from refused

    async def de_energise(self) -> None:
        """Open the contactor at once; open already is fine."""
        self._world.de_energise(self._evse, self._clock.monotonic())

    async def unlock(self, connector: int) -> bool:
        """Release the plug, opening the contactor first; False while ConnectorLockFailure is active."""
        now_s = self._clock.monotonic()
        try:
            self._world.spec(self._evse).named(connector)
        except TwinRefused as refused:
            raise DeviceError(f"twin-evse-{self._evse}: cannot unlock: {refused.reason}") from refused
        state = self._world.look(self._evse, now_s)
        if state.plugged == connector:
            self._world.de_energise(self._evse, now_s)
        return "ConnectorLockFailure" not in state.faults


class TwinMeter(_Facade):
    """The energy meter of an EVSE."""

    async def run(self, report: Callable[[MeterReading], None]) -> None:
        """Report once a second while energised, else on change and every 10 s; silent while PowerMeterFailure."""
        last: MeterReading | None = None

        def look(now_s: float) -> None:
            nonlocal last
            if "PowerMeterFailure" in self._world.look(self._evse, now_s).faults:
                return
            reading = self._world.meter(self._evse, now_s)
            if last is None or _differs(reading, last) or now_s >= last.at_s + self._period_s(now_s):
                last = reading
                report(reading)

        def due(now_s: float) -> float:
            look(now_s)
            return self._next(now_s, _repeat_s(last, now_s, self._period_s(now_s)))

        await self._follow(lambda happening: look(happening.at_s), due)

    def _period_s(self, now_s: float) -> float:
        return METER_PERIOD_S if self._world.look(self._evse, now_s).charge is not None else READING_REPEAT_S


class TwinTokenReader(_Facade):
    """The card reader of an EVSE."""

    async def run(self, report: Callable[[TokenReading], None]) -> None:
        """Report each presentation once; what is swiped while nobody runs the reader is lost, as at a real one."""

        def heard(happening: Happening) -> None:
            if happening.evse == self._evse and happening.token is not None:
                id_token, kind = happening.token
                report(TokenReading(id_token=id_token, kind=kind, at_s=happening.at_s))

        stop = self._world.listen(heard)
        try:
            await asyncio.Event().wait()
        finally:
            stop()


class TwinStatusLight(_Facade):
    """The lamp of an EVSE."""

    async def show(self, signal: LampSignal, *, lease_s: float) -> None:
        """Show a signal for `lease_s` seconds, or renew; dark afterwards."""
        now_s = self._clock.monotonic()
        self._world.show_lamp(self._evse, signal, until_s=now_s + _lease(self._clock, lease_s), now_s=now_s)

    async def close(self) -> None:
        """Go dark."""
        now_s = self._clock.monotonic()
        self._world.show_lamp(self._evse, LAMP_OFF, until_s=now_s, now_s=now_s)


class TwinDisplay(_Facade):
    """The display of an EVSE."""

    async def show(self, screen: Screen, *, lease_s: float) -> None:
        """Show a screen for `lease_s` seconds, or renew; None ("starting") afterwards."""
        now_s = self._clock.monotonic()
        self._world.show_screen(self._evse, screen, until_s=now_s + _lease(self._clock, lease_s), now_s=now_s)

    async def close(self) -> None:
        """Show what a display shows that nobody renews."""
        now_s = self._clock.monotonic()
        self._world.show_screen(self._evse, Screen(faces=(Face(),)), until_s=now_s, now_s=now_s)


def _lease(clock: Clock, lease_s: float) -> float:
    """Return how long a lease lasts by the clock: an agent dies in real time, however fast the twin's time runs."""
    if not lease_s > 0:
        raise ValueError(f"lease_s must be above 0 s, not {lease_s!r}: an output without a lease has no safe state")
    return lease_s * max(1.0, clock.rate) if isinstance(clock, ScaledClock) else lease_s


def _repeat_s(last: BayReading | ChargeReading | MeterReading | None, now_s: float, period_s: float) -> float:
    """Return when to look again: a period after the last reading, or after now where a device keeps silent."""
    if last is None or last.at_s + period_s <= now_s:
        return now_s + period_s
    return last.at_s + period_s


def _differs(one: ChargeReading | MeterReading, other: ChargeReading | MeterReading) -> bool:
    """Tell whether two readings differ in more than their instant."""
    return _said(one) != _said(other)


def _said(reading: ChargeReading | MeterReading) -> tuple[object, ...]:
    match reading:
        case ChargeReading():
            return (reading.vehicle, reading.connector, reading.energised, reading.suspended_by_ev)
        case MeterReading():
            return (reading.register_wh, reading.power_w, reading.soc_percent)
