"""Names to drivers: built in, third parties, and libraries that are not installed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.optional import load
from drivers.ports import DeviceError
from drivers.registry import Order, Port, Workshop, build, names
from drivers.twin.clock import ManualClock
from drivers.twin.devices import TwinBaySensor
from drivers.twin.site import TwinSite
from drivers.twin.world import ConnectorSpec, EvseSpec

SPECS = (EvseSpec(evse=1, connectors=(ConnectorSpec(connector=1, standard="IEC_62196_T2", power_w=22_000),)),)
ORDER = Order(name="bay-1", evse=1)

THIRD_PARTY = """
class Sensor:
    def __init__(self, name):
        self.name = name

def build(order, workshop):
    return Sensor(order.name)
"""


def workshop() -> Workshop:
    clock = ManualClock()
    return Workshop(clock=clock, twin=TwinSite(SPECS, clock))


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package with entry points, as pip would leave it."""
    (tmp_path / "acme_bays.py").write_text(THIRD_PARTY)
    (tmp_path / "acme_broken.py").write_text("raise RuntimeError('no licence')")
    info = tmp_path / "acme_bays-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-bays\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[stationmaster.drivers]\nbay_sensor.acme = acme_bays:build\nbay_sensor.bad = acme_broken:build\n"
        "bay_sensor.twin = acme_bays:build\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("acme_bays", None)


def test_every_port_has_a_twin() -> None:
    built = {port: build(port, "twin", ORDER, workshop()) for port in Port}
    assert len({type(device) for device in built.values()}) == len(Port)
    assert all("twin" in names(port) for port in Port)


def test_a_twin_device_needs_a_twin_an_evse_of_it_and_no_options() -> None:
    with pytest.raises(DeviceError, match="bay-1: there is no twin at this location"):
        build(Port.BAY_SENSOR, "twin", ORDER, Workshop(clock=ManualClock()))
    with pytest.raises(DeviceError, match="bay-9: there is no EVSE 9 in this twin; it has 1"):
        build(Port.BAY_SENSOR, "twin", Order(name="bay-9", evse=9), workshop())
    with pytest.raises(DeviceError, match=r"bay-1: option .*unknown field `pin`"):
        build(Port.BAY_SENSOR, "twin", Order(name="bay-1", evse=1, options={"pin": 4}), workshop())


def test_an_unknown_driver_is_refused_with_those_that_exist() -> None:
    with pytest.raises(
        DeviceError,
        match="bay-1: no installed package offers the driver 'loop' for bay_sensor: use gpio, modbus, twin, or",
    ):
        build(Port.BAY_SENSOR, "loop", ORDER, workshop())


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_driver_is_loaded_only_when_named() -> None:
    assert isinstance(build(Port.BAY_SENSOR, "twin", ORDER, workshop()), TwinBaySensor)  # built-in names stay ours
    assert "acme_bays" not in sys.modules
    assert build(Port.BAY_SENSOR, "acme", ORDER, workshop()).name == "bay-1"
    assert "acme_bays" in sys.modules


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_driver_that_breaks_on_import_is_a_device_error() -> None:
    with pytest.raises(DeviceError, match="bay-1: the driver 'bad' does not load: no licence: ask its maker"):
        build(Port.BAY_SENSOR, "bad", ORDER, workshop())


def test_a_missing_library_says_what_to_install() -> None:
    with pytest.raises(
        DeviceError, match=r"^bay-1: cannot load .*: install it with: pip install stationmaster\[modbus\]"
    ):
        load("pymodbus_that_is_not_there.client", extra="modbus", device="bay-1")


class Bus:
    """Something shared that counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_what_devices_share_is_made_once_and_closed_once() -> None:
    shop = Workshop(clock=ManualClock())
    bus = shop.share(Bus, "bus", Bus)
    assert shop.share(Bus, "bus", Bus) is bus
    assert shop.share(Bus, "other", Bus) is not bus
    shop.close()
    assert bus.closed == 1


def test_loading_the_registry_loads_no_optional_library() -> None:
    code = (
        "import sys, drivers.registry, drivers.bay.modbus, drivers.bay.gpio, drivers.light.gpio;"
        "print([m for m in ('pymodbus', 'gpiozero', 'serial', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
