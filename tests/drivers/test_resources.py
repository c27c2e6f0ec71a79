"""Who owns what: pins are exclusive, buses are shared by those who agree."""

import pytest

from drivers.ports import DeviceError
from drivers.resources import Owners, gpio_line, i2c_device, modbus_point, serial_bus, tcp_bus


def test_two_owners_of_one_pin_are_refused_by_name() -> None:
    owners = Owners()
    owners.claim("bay-1", gpio_line(17))
    with pytest.raises(DeviceError, match=r"^lamp-2: GPIO17 belongs to bay-1: use another, or remove one$"):
        owners.claim("lamp-2", gpio_line(27), gpio_line(17))
    owners.claim("lamp-2", gpio_line(27))  # the refused claim took nothing


def test_one_device_cannot_use_a_pin_twice() -> None:
    with pytest.raises(DeviceError, match="lamp-1: names one resource twice: GPIO5, GPIO5"):
        Owners().claim("lamp-1", gpio_line(5), gpio_line(5))


def test_a_bus_is_shared_and_its_registers_are_not() -> None:
    owners = Owners()
    bus = tcp_bus("10.0.0.5", 502, answer_s=0.5)
    owners.claim("bay-1", bus, modbus_point(bus, 1, "input", 0))
    owners.claim("bay-2", bus, modbus_point(bus, 2, "input", 0))
    with pytest.raises(DeviceError, match=r"bay-3: modbus-tcp://10.0.0.5:502 unit 2 input 0x0000 belongs to bay-2"):
        owners.claim("bay-3", bus, modbus_point(bus, 2, "input", 0))
    assert owners.owners_of(bus.address) == ("bay-1", "bay-2")


def test_two_speeds_on_one_serial_line_are_refused() -> None:
    owners = Owners()
    owners.claim("meter-1", serial_bus("/dev/ttyUSB0", baud=9600, parity="N", stop_bits=1))
    owners.claim("meter-2", serial_bus("/dev/ttyUSB0", baud=9600, parity="N", stop_bits=1))
    with pytest.raises(DeviceError, match="with 9600 baud N1, not 19200 baud E1: give both the same settings"):
        owners.claim("meter-3", serial_bus("/dev/ttyUSB0", baud=19200, parity="E", stop_bits=1))


def test_what_is_released_is_free_again() -> None:
    owners = Owners()
    owners.claim("display-1", i2c_device(1, 0x3C))
    owners.release("display-1")
    owners.release("nobody")
    owners.claim("display-2", i2c_device(1, 0x3C))
    assert owners.owners_of("i2c-1 0x3c") == ("display-2",)
