"""Modbus TCP: one connection to a device or gateway, shared by all that read through it, one request at a time.

Follows the Modbus Application Protocol V1.1b3 (reads 0x01 to 0x04, exceptions of section 7) through pymodbus. Touches
one socket. It neither polls nor waits to try again: every read connects if need be, and whatever goes wrong closes the
connection, so that a late answer can never be taken for the next one. Registers are 16 bit, addresses start at 0.
"""

import asyncio
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from drivers.optional import load
from drivers.ports import DeviceError

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient

ANSWER_S = 0.5  # a serial unit behind a gateway answers within 0.3 s; longer would starve its neighbours
PORT = 502  # the registered Modbus port
UNIT_MAX = 255  # 248 to 255 are reserved on serial lines, but TCP devices often answer to 255
ADDRESS_MAX = 0xFFFF

EXCEPTIONS = {
    0x01: "does not offer {point}: check which table the register map names",
    0x02: "has no {point}: check the address in the register map (it counts from 0)",
    0x03: "refuses to read {point}: check the register map",
    0x04: "failed while reading {point}: look at the device",
    0x06: "is busy: poll it less often",
    0x0A: "cannot be reached through the gateway: check the gateway's own settings",
    0x0B: "does not answer the gateway: check A/B wiring and unit id",
}
"""Modbus exception codes as a technician needs them."""


class Table(StrEnum):
    """The four tables of a Modbus device."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One bit or register: unit, table and address from 0."""

    unit: int
    table: Table
    address: int

    def __post_init__(self) -> None:
        """Refuse numbers that no frame can carry."""
        if not 0 <= self.unit <= UNIT_MAX or not 0 <= self.address <= ADDRESS_MAX:
            raise ValueError(f"unit must be 0 to {UNIT_MAX} and address 0 to {ADDRESS_MAX}, not {self}")

    def __str__(self) -> str:
        """Name the point as in errors: `holding 0x0034`."""
        return f"{self.table.value} 0x{self.address:04x}"


class ModbusTcpBus:
    """A Modbus TCP connection that is made when needed and shared by readers."""

    def __init__(self, host: str, port: int = PORT, *, answer_s: float = ANSWER_S) -> None:
        """Name the peer; nothing is opened yet. `answer_s` bounds connecting and each answer."""
        self._host = host
        self._port = port
        self._answer_s = answer_s
        self._client: AsyncModbusTcpClient | None = None
        self._turn = asyncio.Lock()

    async def read(self, point: Point, *, device: str) -> int:
        """Return a bit (0, 1) or register (0 to 65535); DeviceError names `device`, the point and what to check."""
        modbus: Any = load("pymodbus.exceptions", extra="modbus", device=device)
        async with self._turn:
            client = await self._connected(device)
            try:
                answer = await self._ask(client, point)
            except (modbus.ModbusException, OSError) as error:
                self.close()
                raise DeviceError(
                    f"{device}: no answer to {point} of unit {point.unit} at {self._host}:{self._port} within "
                    f"{self._answer_s:g} s: check unit id, and wiring behind the gateway"
                ) from error
            except BaseException:
                self.close()  # cancelled half-way: the answer would meet the next question
                raise
        return _value(answer, point, device)

    def close(self) -> None:
        """Close the connection; the next read opens it again."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _connected(self, device: str) -> "AsyncModbusTcpClient":
        if self._client is not None and self._client.connected:
            return self._client
        self.close()
        # pymodbus logs each failure as well; one fact is one log line, and it is the DeviceError.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        library: Any = load("pymodbus.client", extra="modbus", device=device)
        client: AsyncModbusTcpClient = library.AsyncModbusTcpClient(
            self._host, port=self._port, timeout=self._answer_s, retries=0, reconnect_delay=0
        )
        if not await client.connect():
            client.close()
            raise DeviceError(
                f"{device}: cannot reach {self._host}:{self._port} within {self._answer_s:g} s: "
                "check address, network cable and power"
            )
        self._client = client
        return client

    @staticmethod
    async def _ask(client: "AsyncModbusTcpClient", point: Point) -> Any:
        reads = {
            Table.COIL: client.read_coils,
            Table.DISCRETE: client.read_discrete_inputs,
            Table.HOLDING: client.read_holding_registers,
            Table.INPUT: client.read_input_registers,
        }
        return await reads[point.table](point.address, count=1, device_id=point.unit)


def _value(answer: Any, point: Point, device: str) -> int:
    if answer.isError():
        text = EXCEPTIONS.get(answer.exception_code, f"answers {{point}} with exception {answer.exception_code}")
        raise DeviceError(f"{device}: unit {point.unit} {text.format(point=point)}")
    values = answer.bits if point.table in (Table.COIL, Table.DISCRETE) else answer.registers
    if not values:
        raise DeviceError(f"{device}: unit {point.unit} answers {point} with nothing: check the register map")
    return int(values[0])
