"""A bay sensor read over Modbus TCP: a bit, or a register with a threshold.

Polls one point and reports on change at once, otherwise every 10 s. A failed poll is tried again with back-off; when
the last good reading is older than `stale_s` it reports UNKNOWN and ends with the DeviceError, as `BaySensor.run`
promises: whoever supervises it raises the fault and starts it again. What an occupied bay means is decided elsewhere.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

from drivers.bus.modbus import ADDRESS_MAX, ANSWER_S, PORT, UNIT_MAX, ModbusTcpBus, Point, Table
from drivers.ports import READING_REPEAT_S, BayReading, Clock, DeviceError, Occupancy
from drivers.registry import Order, Workshop
from drivers.resources import modbus_point, tcp_bus

POLL_S = 1.0  # a car needs longer than this to stop in a bay
STALE_S = 5.0  # four missed polls with back-off; a lamp must not say "free" for longer without knowing
BACKOFF_MAX_S = 4.0  # while a device is silent it takes at most this share of its neighbours' turns
SIGN_BIT = 0x8000


class ModbusBayOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Modbus bay sensor in the configuration; `occupied` says which readings mean that something stands there.

    Bits are occupied when "set" or "clear". Registers are occupied when "above" or "below" `threshold`; to become free
    again they must pass it by `hysteresis`. Readings outside `value_min` to `value_max` are failures, not readings.
    """

    host: str
    table: Table
    address: int
    occupied: Literal["set", "clear", "above", "below"]
    unit: int = 1
    port: int = PORT
    threshold: int | None = None
    hysteresis: int = 0
    value_min: int | None = None
    value_max: int | None = None
    signed: bool = False
    poll_s: float = POLL_S
    stale_s: float = STALE_S
    answer_s: float = ANSWER_S

    def __post_init__(self) -> None:
        """Refuse options that contradict each other or reach outside what Modbus can carry."""
        if not self.host:
            raise ValueError("host must name the Modbus device")
        for name, low, high in (("port", 1, 65535), ("unit", 0, UNIT_MAX), ("address", 0, ADDRESS_MAX)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be from {low} to {high}, not {getattr(self, name)}")
        for name, low_s, high_s in (("poll_s", 0.02, 60.0), ("stale_s", 0.1, 600.0), ("answer_s", 0.05, 5.0)):
            if not low_s <= getattr(self, name) <= high_s:
                raise ValueError(f"{name} must be from {low_s:g} to {high_s:g} s, not {getattr(self, name):g}")
        if self.is_bit and (self.threshold is not None or self.hysteresis or self.signed):
            raise ValueError(f"a {self.table.value} is a bit: it has no threshold, hysteresis or sign")
        if self.is_bit != (self.occupied in ("set", "clear")):
            raise ValueError('occupied must be "set" or "clear" for bits, "above" or "below" for registers')
        if not self.is_bit and self.threshold is None:
            raise ValueError("a register needs a threshold")
        if self.hysteresis < 0:
            raise ValueError(f"hysteresis must not be negative: {self.hysteresis}")

    @property
    def is_bit(self) -> bool:
        """Tell whether the point is a bit."""
        return self.table in (Table.COIL, Table.DISCRETE)


class ModbusBaySensor:
    """A bay sensor on a Modbus TCP point."""

    def __init__(self, name: str, options: ModbusBayOptions, bus: ModbusTcpBus, clock: Clock) -> None:
        """Bind a named sensor to its point; nothing is opened before `run`."""
        self._name = name
        self._options = options
        self._bus = bus
        self._clock = clock
        self._point = Point(unit=options.unit, table=options.table, address=options.address)

    async def run(self, report: Callable[[BayReading], None]) -> None:
        """Poll and report until cancelled; UNKNOWN and DeviceError when nothing good came for `stale_s`."""
        last: BayReading | None = None
        good_s = self._clock.monotonic()
        failures = 0
        while True:
            asked_s = self._clock.monotonic()
            try:
                occupancy = judge(self._options, await self._read(), last.occupancy if last is not None else None)
            except DeviceError:
                failures += 1
                now_s = self._clock.monotonic()
                if now_s >= good_s + self._options.stale_s:
                    report(BayReading(occupancy=Occupancy.UNKNOWN, at_s=now_s))
                    raise
                wait_s = min(self._options.poll_s * 2**failures, BACKOFF_MAX_S)
                await self._clock.until(min(now_s + wait_s, good_s + self._options.stale_s))
                continue
            failures = 0
            good_s = self._clock.monotonic()
            if last is None or occupancy is not last.occupancy or good_s >= last.at_s + READING_REPEAT_S:
                last = BayReading(occupancy=occupancy, at_s=good_s)
                report(last)
            await self._clock.until(asked_s + self._options.poll_s)

    async def _read(self) -> int:
        options = self._options
        value = await self._bus.read(self._point, device=self._name)
        if options.signed and value & SIGN_BIT:
            value -= 2 * SIGN_BIT
        too_low = options.value_min is not None and value < options.value_min
        too_high = options.value_max is not None and value > options.value_max
        if too_low or too_high:
            limit = f"least is {options.value_min}" if too_low else f"most is {options.value_max}"
            raise DeviceError(
                f"{self._name}: {self._point} reads {value}, but its {limit}: check the sensor and its wiring"
            )
        return value


def judge(options: ModbusBayOptions, value: int, previous: Occupancy | None) -> Occupancy:
    """Return what a value means; between threshold and hysteresis it means what it meant before."""
    if options.occupied in ("set", "clear"):
        return Occupancy.OCCUPIED if bool(value) == (options.occupied == "set") else Occupancy.FREE
    # Counted away from the threshold, so that one comparison serves both directions.
    threshold = options.threshold or 0
    inside = value - threshold if options.occupied == "above" else threshold - value
    if inside > 0:
        return Occupancy.OCCUPIED
    if previous is Occupancy.OCCUPIED and inside >= -options.hysteresis:
        return Occupancy.OCCUPIED
    return Occupancy.FREE


def build(order: Order, workshop: Workshop) -> ModbusBaySensor:
    """Build a Modbus bay sensor from its options, on the connection it shares with others of the same host."""
    options = order.read(ModbusBayOptions)
    resource = tcp_bus(options.host, options.port, answer_s=options.answer_s)
    point = modbus_point(resource, options.unit, options.table.value, options.address)
    workshop.owners.claim(order.name, resource, point)
    bus = workshop.share(
        ModbusTcpBus, resource.address, lambda: ModbusTcpBus(options.host, options.port, answer_s=options.answer_s)
    )
    return ModbusBaySensor(order.name, options, bus, workshop.clock)
