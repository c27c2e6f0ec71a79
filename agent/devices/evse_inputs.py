"""The inputs of one EVSE: bay sensor, charge controller, meter and token reader, turned into Observations.

Touches the runner's inbox and the table of readings; decides nothing. Meter samples stay in memory, only a checkpoint
of the register every five minutes of energy flow becomes an Observation.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.core.inputs import (
    BaySeen,
    ContactorSeen,
    FaultSeen,
    PluggedIn,
    RegisterRead,
    SuspensionSeen,
    TokenPresented,
    Unplugged,
)
from agent.core.layout import ConnectorId, EvseId
from agent.core.shown import Reading
from agent.devices.bay_filter import STALE_S, BayFilter
from agent.devices.flood import Run, limited
from agent.devices.health import Health
from agent.devices.supervise import supervise
from agent.kernel.authoriser import Authoriser
from agent.kernel.inbox import Conclusion
from agent.kernel.runner import Runner
from agent.kernel.subjects import Subjects
from drivers.ports import (
    BayReading,
    BaySensor,
    ChargeController,
    ChargeReading,
    Clock,
    Display,
    FaultReading,
    Meter,
    MeterReading,
    StatusLight,
    TokenReader,
    TokenReading,
)

CHECKPOINT_S = 300.0  # a power cut loses at most this much of a register
SAME_CARD_S = 2.0  # one card held to the reader is read several times
LAST_REGISTER_S = 2.0  # how long an opened contactor waits for its last register: twice the pace of a meter
ASKING_MAX = 4  # cards of one reader that are judged at once; a fifth within the seconds of an answer is no person
CONTROLLER_LOST = "ChargeControllerLost"  # nothing may start where nobody watches the contactor

log = logging.getLogger("stationmaster.devices")


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseDevices:
    """The devices of one EVSE; what is None is not fitted."""

    evse: EvseId
    bay_sensor: BaySensor | None = None
    charge_controller: ChargeController | None = None
    meter: Meter | None = None
    token_reader: TokenReader | None = None
    light: StatusLight | None = None
    display: Display | None = None


@dataclass(slots=True)
class Readings:
    """The latest meter reading of each EVSE, for views; in memory only."""

    live: dict[EvseId, Reading] = field(default_factory=dict)


class EvseInputs:
    """Translates the readings of one EVSE."""

    def __init__(
        self,
        devices: EvseDevices,
        *,
        runner: Runner,
        clock: Clock,
        health: Health,
        readings: Readings,
        authoriser: Authoriser,
        subjects: Subjects,
    ) -> None:
        self._devices = devices
        self._evse = devices.evse
        self._runner = runner
        self._clock = clock
        self._health = health
        self._readings = readings
        self._authoriser = authoriser
        self._subjects = subjects
        self._filter = BayFilter()
        self._checkpoint_s = 0.0
        self._last_card: TokenReading | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._faults: set[str] = set()  # active now, as the controller said in this run
        self._first = True
        self._energised = False
        self._metered_s = 0.0  # when the meter was last read
        self._held: list[ChargeReading] = []  # from the opening of the contactor until its register was read
        self._giving_up: asyncio.Task[None] | None = None

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """Return the tasks that keep this EVSE's inputs running."""
        fitted = self._devices
        tasks: list[Coroutine[Any, Any, None]] = []
        if fitted.bay_sensor is not None:
            tasks += [self._kept("bay_sensor", fitted.bay_sensor.run, self._bay), self._watch_age()]
        if fitted.charge_controller is not None:
            tasks.append(self._watch_controller(fitted.charge_controller))
        if fitted.meter is not None:
            tasks += [self._kept("meter", fitted.meter.run, self._meter), self._watch_meter()]
        if fitted.token_reader is not None:
            tasks.append(self._kept("token_reader", fitted.token_reader.run, self._token))
        return tasks

    def name(self, part: str) -> str:
        """Return the name of a device in logs and on the console, e.g. bay_sensor-3."""
        return f"{part}-{self._evse}"

    async def _kept(self, part: str, run: Run[T], report: Callable[[T], None]) -> None:
        name = self.name(part)
        if part == "token_reader":  # it says nothing until somebody comes: running is all that can be known
            self._health.heard(name, self._clock.monotonic())
        await supervise(name, lambda: limited(name, run, report, self._clock), self._health, self._clock)

    async def _watch_age(self) -> None:
        """A sensor that falls silent is unknown, not what it said last."""
        while True:
            await self._clock.until(self._clock.monotonic() + STALE_S / 2)
            bay = self._filter.at(self._clock.monotonic())
            self._runner.observe(BaySeen(evse=self._evse, bay=bay))

    async def _watch_meter(self) -> None:
        """What a meter said before it fell silent is not what flows now; its register stands, it never counts down."""
        while True:
            await self._clock.until(self._clock.monotonic() + STALE_S / 2)
            latest = self._readings.live.get(self._evse)
            if latest is not None and self._clock.monotonic() - self._metered_s > STALE_S:
                self._readings.live[self._evse] = Reading(power_w=None, register_wh=latest.register_wh)

    async def _watch_controller(self, controller: ChargeController) -> None:
        """Run the controller; while it is lost the EVSE has a fault, however its driver ended."""
        name = self.name("charge_controller")

        async def watched() -> None:
            self._faults.clear()
            self._first = True
            try:
                await limited(name, controller.run, self._charge, self._clock)
            except Exception:
                self._lost()
                raise
            self._lost()  # a driver's task must not end, and nobody watches the contactor now

        await supervise(name, watched, self._health, self._clock)

    def _lost(self) -> None:
        self._runner.observe(FaultSeen(evse=self._evse, code=CONTROLLER_LOST, active=True))

    def _bay(self, reading: BayReading) -> None:
        self._health.heard(self.name("bay_sensor"), reading.at_s)
        self._runner.observe(BaySeen(evse=self._evse, bay=self._filter.read(reading)))

    def _charge(self, reading: ChargeReading | FaultReading) -> None:
        self._health.heard(self.name("charge_controller"), reading.at_s)
        if isinstance(reading, FaultReading):
            (self._faults.add if reading.active else self._faults.discard)(reading.code)
            self._runner.observe(FaultSeen(evse=self._evse, code=reading.code, active=reading.active))
            return
        if self._first:
            self._first = False
            self._clear_old_faults()
        if self._held or self._must_wait(reading):
            self._hold(reading)
        else:
            self._seen(reading)

    def _must_wait(self, reading: ChargeReading) -> bool:
        """Whether the contactor has opened on power that the meter has not counted to its end yet."""
        latest = self._readings.live.get(self._evse)
        opened = self._energised and not reading.energised
        flowed = latest is not None and latest.power_w is not None and latest.power_w > 0
        return opened and flowed and self._metered_s < reading.at_s

    def _hold(self, reading: ChargeReading) -> None:
        """Keep readings in their order until the meter was read again; energy is off already, only its sum waits."""
        if not self._held:
            self._giving_up = asyncio.ensure_future(self._release_at(reading.at_s + LAST_REGISTER_S))
        self._held.append(reading)

    async def _release_at(self, at_s: float) -> None:
        await self._clock.until(at_s)
        self._release(at_s)

    def _release(self, at_s: float) -> None:
        """Tell what was held, if that began no later than an instant at which the meter was read or given up."""
        if self._held and self._held[0].at_s <= at_s:
            held, self._held = self._held, []
            for reading in held:
                self._seen(reading)

    def _seen(self, reading: ChargeReading) -> None:
        self._energised = reading.energised
        register = self._register()
        if reading.connector is not None:
            self._runner.observe(PluggedIn(evse=self._evse, connector=ConnectorId(reading.connector)))
        self._runner.observe(ContactorSeen(evse=self._evse, energised=reading.energised, register_wh=register))
        self._runner.observe(SuspensionSeen(evse=self._evse, by_ev=reading.suspended_by_ev))
        if reading.connector is None:
            self._runner.observe(Unplugged(evse=self._evse, register_wh=register))

    def _clear_old_faults(self) -> None:
        """A fault of before a restart that the controller does not name any more is over.

        It answers, so it is not lost; that is said always, because the loss may still wait in the inbox.
        """
        for code in (CONTROLLER_LOST, *self._runner.site.evse(self._evse).faults):
            if code not in self._faults:
                self._runner.observe(FaultSeen(evse=self._evse, code=code, active=False))

    def _register(self) -> int | None:
        latest = self._readings.live.get(self._evse)
        return None if latest is None else latest.register_wh

    def _meter(self, reading: MeterReading) -> None:
        self._health.heard(self.name("meter"), reading.at_s)
        self._readings.live[self._evse] = Reading(
            power_w=reading.power_w, register_wh=reading.register_wh, soc_percent=reading.soc_percent
        )
        self._metered_s = reading.at_s
        self._release(reading.at_s)
        if reading.power_w > 0 and reading.at_s - self._checkpoint_s >= CHECKPOINT_S:
            self._checkpoint_s = reading.at_s
            self._runner.observe(RegisterRead(evse=self._evse, register_wh=reading.register_wh))

    def _token(self, reading: TokenReading) -> None:
        self._health.heard(self.name("token_reader"), reading.at_s)
        last = self._last_card
        self._last_card = reading
        if last is not None and last.id_token == reading.id_token and reading.at_s - last.at_s < SAME_CARD_S:
            return
        if len(self._asking) >= ASKING_MAX:
            log.warning("device=%s state=flooded cards_at_once=%d", self.name("token_reader"), len(self._asking))
            return
        task = asyncio.ensure_future(self._presented(reading))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _presented(self, reading: TokenReading) -> None:
        """Present a card; what goes wrong is said without its id, and the next card is read as ever."""
        try:
            await self._present(reading)
        except Exception as error:
            log.error("device=%s card=lost error=%s", self.name("token_reader"), type(error).__name__)

    async def _present(self, reading: TokenReading) -> None:
        judged = await self._authoriser.judge(reading.id_token, reading.kind)
        known = self._subjects.of("token", reading.id_token)
        group = self._subjects.of("group", judged.group) if judged.group else None
        seen = TokenPresented(
            evse=self._evse,
            subject=known.ref,
            verdict=judged.verdict,
            draw=secrets.randbits(32),
            group=group.ref if group else None,
            groups=judged.groups,
        )
        writes = known.writes + (group.writes if group else ())
        await self._runner.tell(seen, lambda _step, _now: Conclusion(None, writes))
