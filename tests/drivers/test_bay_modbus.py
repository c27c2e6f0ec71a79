"""The Modbus bay sensor against a real Modbus TCP server on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.bay.modbus import ModbusBayOptions, ModbusBaySensor, judge
from drivers.bus.modbus import ModbusTcpBus, Point, Table
from drivers.clock import MachineClock
from drivers.ports import BayReading, DeviceError, Occupancy
from drivers.registry import Order, Port, Workshop, build

PATIENCE_S = 10.0  # how long a test waits for what must happen; far above what it takes
FREE, OCCUPIED, UNKNOWN = Occupancy.FREE, Occupancy.OCCUPIED, Occupancy.UNKNOWN


class Peer:
    """A Modbus TCP device with ten registers whose unit 1 answers, unit 7 is silent and all others are not there."""

    def __init__(self) -> None:
        self.values = [0] * 10
        self.fails: ExcCodes | None = None
        self.asked = 0
        self.port = 0
        self.workshop = Workshop(clock=MachineClock())
        self.silent_asked = asyncio.Event()
        self._silence = asyncio.Event()
        self._server: ModbusTcpServer | None = None

    async def start(self) -> None:
        cells = [SimData(address=0, count=10, datatype=DataType.REGISTERS)]
        devices = [
            SimDevice(id=1, simdata=cells, action=self._answer),
            SimDevice(id=7, simdata=cells, action=self._say_nothing),
            SimDevice(id=0, simdata=cells, action=self._nobody),
        ]
        self._server = ModbusTcpServer(devices, address=("127.0.0.1", self.port))
        await self._server.serve_forever(background=True)
        transport = self._server.transport
        assert isinstance(transport, asyncio.Server)
        self.port = transport.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._silence.set()
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None

    async def _answer(
        self, _code: int, _start: int, _address: int, _count: int, registers: list[int], _set: object
    ) -> ExcCodes | None:
        self.asked += 1
        registers[:] = self.values
        return self.fails

    async def _say_nothing(self, *_request: object) -> ExcCodes | None:
        self.silent_asked.set()
        await self._silence.wait()
        return None

    async def _nobody(self, *_request: object) -> ExcCodes | None:
        return ExcCodes.GATEWAY_NO_RESPONSE


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.start()
    yield peer
    peer.workshop.close()
    await peer.stop()


def sensor(peer: Peer, **options: object) -> ModbusBaySensor:
    chosen: dict[str, object] = {
        "host": "127.0.0.1",
        "port": peer.port,
        "table": "input",
        "address": 3,
        "occupied": "below",
        "threshold": 150,
        "poll_s": 0.02,
        "stale_s": 0.3,
        "answer_s": 2.0,  # a busy test machine must not look like a silent device
        **options,
    }
    built = build(Port.BAY_SENSOR, "modbus", Order(name="bay-1", evse=1, options=chosen), peer.workshop)
    assert isinstance(built, ModbusBaySensor)
    return built


@asynccontextmanager
async def running(sensor: ModbusBaySensor) -> AsyncIterator[tuple[asyncio.Queue[BayReading], asyncio.Task[None]]]:
    readings: asyncio.Queue[BayReading] = asyncio.Queue()
    task = asyncio.create_task(sensor.run(readings.put_nowait))
    try:
        yield readings, task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, DeviceError):
            await task


async def next_occupancy(readings: asyncio.Queue[BayReading]) -> Occupancy:
    return (await asyncio.wait_for(readings.get(), PATIENCE_S)).occupancy


async def test_a_car_before_an_ultrasonic_sensor_is_seen_come_and_go(peer: Peer) -> None:
    peer.values[3] = 220
    async with running(sensor(peer)) as (readings, _):
        assert await next_occupancy(readings) is FREE
        peer.values[3] = 90
        assert await next_occupancy(readings) is OCCUPIED
        peer.values[3] = 220
        assert await next_occupancy(readings) is FREE


@pytest.mark.parametrize("table", list(Table))
async def test_all_four_tables_can_be_read(peer: Peer, table: Table) -> None:
    peer.values[0] = 1
    bus = ModbusTcpBus("127.0.0.1", peer.port)
    assert await bus.read(Point(unit=1, table=table, address=0), device="bay-1") == 1
    bus.close()


async def test_a_bit_may_mean_occupied_when_clear(peer: Peer) -> None:
    peer.values[0] = 1
    bit = sensor(peer, table="discrete", address=0, occupied="clear", threshold=None)
    async with running(bit) as (readings, _):
        assert await next_occupancy(readings) is FREE
        peer.values[0] = 0
        assert await next_occupancy(readings) is OCCUPIED


async def test_a_killed_device_makes_the_bay_unknown_and_a_restarted_one_is_read_again(peer: Peer) -> None:
    peer.values[3] = 90
    bay = sensor(peer)
    async with running(bay) as (readings, task):
        assert await next_occupancy(readings) is OCCUPIED
        await peer.stop()
        assert await next_occupancy(readings) is UNKNOWN
        with pytest.raises(DeviceError, match=r"^bay-1: (cannot reach|no answer to input 0x0003 of unit 1 at) 127"):
            await asyncio.wait_for(task, PATIENCE_S)
    await peer.start()
    async with running(bay) as (readings, _):
        assert await next_occupancy(readings) is OCCUPIED


async def test_a_restart_shorter_than_the_stale_time_goes_unnoticed(peer: Peer) -> None:
    peer.values[3] = 90
    async with running(sensor(peer, stale_s=60.0)) as (readings, task):
        assert await next_occupancy(readings) is OCCUPIED
        await peer.stop()
        peer.values[3] = 220
        await peer.start()
        assert await next_occupancy(readings) is FREE
        assert not task.done()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": 2}, "bay-1: unit 2 does not answer the gateway: check A/B wiring and unit id"),
        (
            {"unit": 7, "answer_s": 0.1},
            "bay-1: no answer to input 0x0003 of unit 7 at 127.0.0.1:{port} within 0.1 s: check unit id, and wiring",
        ),
        (
            {"address": 4000},
            "bay-1: unit 1 has no input 0x0fa0: check the address in the register map (it counts from 0)",
        ),
        (
            {"value_min": 20, "value_max": 400},
            "bay-1: input 0x0003 reads 65535, but its most is 400: check the sensor and its wiring",
        ),
        ({"signed": True, "value_min": 0}, "bay-1: input 0x0003 reads -1, but its least is 0: check the sensor"),
    ],
)
async def test_what_cannot_be_read_ends_with_what_to_check(
    peer: Peer, options: dict[str, object], message: str
) -> None:
    peer.values[3] = 0xFFFF
    async with running(sensor(peer, **options)) as (readings, task):
        with pytest.raises(DeviceError) as caught:
            await asyncio.wait_for(task, PATIENCE_S)
        assert str(caught.value).startswith(message.format(port=peer.port))
        assert await next_occupancy(readings) is UNKNOWN


async def test_a_device_that_reports_its_own_failure_is_quoted(peer: Peer) -> None:
    peer.fails = ExcCodes.DEVICE_FAILURE
    async with running(sensor(peer)) as (_, task):
        with pytest.raises(DeviceError, match="unit 1 failed while reading input 0x0003: look at the device"):
            await asyncio.wait_for(task, PATIENCE_S)


async def test_a_silent_unit_does_not_keep_its_neighbour_from_being_read(peer: Peer) -> None:
    shared = {"host": "127.0.0.1", "port": peer.port, "table": "input", "occupied": "below", "threshold": 150}
    common = {**shared, "poll_s": 0.02, "answer_s": 0.1, "stale_s": 60.0}
    deaf_order = Order(name="a", evse=1, options={**common, "unit": 7, "address": 1})
    deaf = build(Port.BAY_SENSOR, "modbus", deaf_order, peer.workshop)
    good_order = Order(name="b", evse=2, options={**common, "address": 3})
    good = build(Port.BAY_SENSOR, "modbus", good_order, peer.workshop)
    assert len(peer.workshop.shared) == 1
    async with running(deaf), running(good) as (readings, _):
        assert await next_occupancy(readings) is OCCUPIED
        peer.values[3] = 220
        assert await next_occupancy(readings) is FREE


async def test_back_off_asks_a_failing_device_less_often(peer: Peer) -> None:
    peer.fails = ExcCodes.DEVICE_BUSY
    async with running(sensor(peer, stale_s=0.6)) as (_, task):
        with pytest.raises(DeviceError, match="busy"):
            await asyncio.wait_for(task, PATIENCE_S)
    assert peer.asked <= 7  # 0.02 s doubled each time; at the poll interval it would be 30


async def test_a_cancelled_read_leaves_no_answer_for_the_next_question(peer: Peer) -> None:
    bus = ModbusTcpBus("127.0.0.1", peer.port, answer_s=5.0)
    peer.values[1] = 11
    silent = asyncio.create_task(bus.read(Point(unit=7, table=Table.INPUT, address=0), device="a"))
    await asyncio.wait_for(peer.silent_asked.wait(), PATIENCE_S)
    silent.cancel()
    await asyncio.gather(silent, return_exceptions=True)
    assert await bus.read(Point(unit=1, table=Table.INPUT, address=1), device="b") == 11
    bus.close()


REGISTER = {"host": "gateway", "table": "holding", "address": 1, "occupied": "above", "threshold": 10}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": None}, "a register needs a threshold"),
        ({"occupied": "set"}, 'occupied must be "set" or "clear" for bits'),
        ({"table": "coil", "occupied": "set"}, "a coil is a bit: it has no threshold"),
        ({"unit": 300}, "unit must be from 0 to 255, not 300"),
        ({"adress": 4}, "unknown field `adress`"),
        ({"poll_s": 0}, "poll_s must be from 0.02 to 60 s, not 0"),
        ({"address": "one"}, r"Expected `int`, got `str` - at `\$.address`"),
        ({"hysteresis": -1}, "hysteresis must not be negative"),
        ({"host": ""}, "host must name"),
    ],
)
def test_wrong_options_are_refused_by_device_and_name(change: dict[str, object], message: str) -> None:
    order = Order(name="bay-4", evse=4, options={**REGISTER, **change})
    with pytest.raises(DeviceError, match=f"^bay-4: option .*{message}"):
        build(Port.BAY_SENSOR, "modbus", order, Workshop(clock=MachineClock()))


@given(
    values=st.lists(st.integers(0, 400), min_size=1),
    threshold=st.integers(50, 350),
    hysteresis=st.integers(0, 50),
    above=st.booleans(),
)
def test_hysteresis_keeps_a_wavering_reading_from_fluttering(
    values: list[int], threshold: int, hysteresis: int, above: bool
) -> None:
    options = ModbusBayOptions(
        host="h",
        table=Table.INPUT,
        address=0,
        occupied="above" if above else "below",
        threshold=threshold,
        hysteresis=hysteresis,
    )
    previous: Occupancy | None = None
    for value in values:
        now = judge(options, value, previous)
        beyond = value - threshold if above else threshold - value
        if beyond > 0:
            assert now is OCCUPIED
        elif beyond < -hysteresis:
            assert now is FREE
        elif previous is not None:
            assert now is previous
        previous = now
