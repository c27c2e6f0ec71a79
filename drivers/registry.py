"""Names to drivers: `driver = "modbus"` in the configuration becomes a device behind a port.

Touches the import system: a driver's module is imported when the first device of it is built, and a third party's only
if it is named. Built-in names cannot be replaced by a package that happens to be installed. Options are checked by the
driver that takes them; whatever is wrong is a `DeviceError` that names the device and the option.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from drivers.ports import Clock, DeviceError
from drivers.resources import Owners

if TYPE_CHECKING:
    from drivers.twin.site import TwinSite

ENTRY_POINT_GROUP = "stationmaster.drivers"

OptionsT = TypeVar("OptionsT")


class Closable(Protocol):
    """What devices may share: something that holds a connection and lets go of it."""

    def close(self) -> None:
        """Let go; the next use opens again."""


SharedT = TypeVar("SharedT", bound=Closable)


class Port(StrEnum):
    """The ports a driver can stand behind; each is a protocol of `drivers.ports`."""

    BAY_SENSOR = "bay_sensor"
    CHARGE_CONTROLLER = "charge_controller"
    DISPLAY = "display"
    METER = "meter"
    STATUS_LIGHT = "status_light"
    TOKEN_READER = "token_reader"


@dataclass(slots=True)
class Workshop:
    """What devices are built with: the clock, who owns what, the twin if there is one, and what devices share."""

    clock: Clock
    owners: Owners = field(default_factory=Owners)
    twin: "TwinSite | None" = None
    pin_factory: object | None = None  # of gpiozero; None is its own choice for the machine
    shared: dict[tuple[type[Any], str], Any] = field(default_factory=dict)

    def share(self, kind: type[SharedT], key: str, make: Callable[[], SharedT]) -> SharedT:
        """Return the one object of a kind with this key, made on first use: e.g. one connection to a bus."""
        if (kind, key) not in self.shared:
            self.shared[kind, key] = make()
        held: SharedT = self.shared[kind, key]
        return held

    def close(self) -> None:
        """Close everything shared, once no device runs any more."""
        for held in self.shared.values():
            held.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A device to build: its name in logs and errors, the EVSE it serves, and its options from the configuration."""

    name: str
    evse: int
    options: Mapping[str, object] = field(default_factory=dict)

    def read(self, kind: type[OptionsT]) -> OptionsT:
        """Check the options against their type; DeviceError names the option that is wrong."""
        try:
            return msgspec.convert(dict(self.options), type=kind, strict=True)
        except msgspec.ValidationError as error:
            raise DeviceError(f"{self.name}: option {error}: correct it in the configuration") from error


Factory = Callable[[Order, Workshop], Any]
"""Builds a device; it must implement the port it is registered for, and open nothing before it is run or used."""

BUILT_IN: dict[tuple[Port, str], str] = {
    (Port.BAY_SENSOR, "gpio"): "drivers.bay.gpio:build",
    (Port.BAY_SENSOR, "modbus"): "drivers.bay.modbus:build",
    (Port.DISPLAY, "oled"): "drivers.display.oled:build",
    (Port.STATUS_LIGHT, "gpio"): "drivers.light.gpio:build",
    (Port.BAY_SENSOR, "twin"): "drivers.twin.build:bay_sensor",
    (Port.CHARGE_CONTROLLER, "twin"): "drivers.twin.build:charge_controller",
    (Port.DISPLAY, "twin"): "drivers.twin.build:display",
    (Port.METER, "twin"): "drivers.twin.build:meter",
    (Port.STATUS_LIGHT, "twin"): "drivers.twin.build:status_light",
    (Port.TOKEN_READER, "twin"): "drivers.twin.build:token_reader",
}


def build(port: Port, driver: str, order: Order, workshop: Workshop) -> Any:
    """Build a device of a named driver behind a port; DeviceError when name, options or resources do not fit."""
    return _factory(port, driver, order.name)(order, workshop)


def names(port: Port) -> tuple[str, ...]:
    """Return the built-in driver names of a port, sorted."""
    return tuple(sorted(name for built_in, name in BUILT_IN if built_in is port))


def _factory(port: Port, driver: str, device: str) -> Factory:
    if (path := BUILT_IN.get((port, driver))) is not None:
        module, _, attribute = path.partition(":")
        built_in: Factory = getattr(importlib.import_module(module), attribute)
        return built_in
    return _third_party(port, driver, device)


def _third_party(port: Port, driver: str, device: str) -> Factory:
    """Load `<port>.<driver>` from the entry-point group; DeviceError when nobody, or more than one, offers it."""
    found = tuple(entry_points(group=ENTRY_POINT_GROUP, name=f"{port.value}.{driver}"))
    if len(found) != 1:
        offered = "no installed package offers" if not found else f"{len(found)} installed packages offer"
        raise DeviceError(
            f"{device}: {offered} the driver {driver!r} for {port.value}: "
            f"use {', '.join(names(port))}, or install one package with the entry point {port.value}.{driver}"
        )
    try:
        factory: Factory = found[0].load()
    except Exception as error:  # a stranger's module may raise anything when imported
        raise DeviceError(f"{device}: the driver {driver!r} does not load: {error}: ask its maker") from error
    return factory
