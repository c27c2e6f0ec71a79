"""The same program with another configuration: a real bay sensor on a real Modbus server, everything else simulated."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.app import Options, running
from agent.config.load import demo_text, load
from agent.config.types import Config, DeviceSettings
from agent.core.layout import EvseId
from agent.core.state import Bay
from drivers.registry import Port

PATIENCE_S = 10.0
NEAR_CM, FAR_CM = 40, 250


class Sensor:
    """An ultrasonic sensor's holding register 16: the distance in cm."""

    def __init__(self) -> None:
        self.distance_cm = FAR_CM
        self.port = 0

    async def _answer(
        self, _code: int, _start: int, _address: int, _count: int, registers: list[int], _set: object
    ) -> ExcCodes | None:
        registers[:] = [self.distance_cm] * len(registers)
        return None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer on loopback until the block ends."""
        cells = [SimData(address=0, count=20, datatype=DataType.REGISTERS)]
        server = ModbusTcpServer([SimDevice(id=3, simdata=cells, action=self._answer)], address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        assert isinstance(server.transport, asyncio.Server)
        self.port = server.transport.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            await server.shutdown()  # type: ignore[no-untyped-call]


def _configuration(port: int) -> Config:
    config = load(demo_text())
    assert isinstance(config, Config)
    sensor = DeviceSettings(
        evse=3,
        port=Port.BAY_SENSOR,
        driver="modbus",
        options={
            "host": "127.0.0.1",
            "port": port,
            "unit": 3,
            "table": "holding",
            "address": 16,
            "occupied": "below",
            "threshold": 120,
            "poll_s": 0.1,
        },
    )
    others = tuple(d for d in config.device if (d.evse, d.port) != (3, Port.BAY_SENSOR))
    return replace(config, device=(*others, sensor), web=replace(config.web, port=0, public_url="http://10.42.0.1"))


async def _eventually(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():  # noqa: ASYNC110 - the peer is another program
            await asyncio.sleep(0)


async def test_a_car_before_a_real_sensor_occupies_its_bay(tmp_path: Path) -> None:
    sensor = Sensor()
    async with sensor.serving():
        options = Options(config=_configuration(sensor.port), state_dir=tmp_path)
        async with running(options) as agent:
            await _eventually(lambda: agent.runner.site.evse(EvseId(3)).bay is Bay.FREE)
            sensor.distance_cm = NEAR_CM
            await _eventually(lambda: agent.runner.site.evse(EvseId(3)).bay is Bay.OCCUPIED)
            sensor.distance_cm = FAR_CM
            await _eventually(lambda: agent.runner.site.evse(EvseId(3)).bay is Bay.FREE)
            assert agent.runner.site.evse(EvseId(2)).bay is Bay.FREE
