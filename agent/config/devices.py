"""Devices of the configuration: the twin's description, and a trial build of every device that opens nothing.

Touches the import system, as the registry does. Each factory is called as it will be later, with an order that reads
the options by our reader: so every wrong option is found at once, with its path and the nearest known key, and two
owners of one pin are found before anything is wired wrongly. The devices built here are thrown away.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Any, TypeVar

from agent.config.check_site import check_doubled, conflict
from agent.config.forms import keys_of
from agent.config.problems import Problem, ProblemKind, nearest, shown
from agent.config.reader import Reader
from agent.config.site_types import DIRECT_CURRENT, ConnectorSettings
from agent.config.types import TWIN_DRIVER, Config, DeviceSettings
from drivers.clock import MachineClock
from drivers.ports import DeviceError
from drivers.registry import ENTRY_POINT_GROUP, Order, Port, Workshop, build, names
from drivers.twin.site import TwinSite
from drivers.twin.world import ConnectorSpec, EvseSpec

OptionsT = TypeVar("OptionsT")


class OptionsError(DeviceError):
    """The options were wrong and the reader knows why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOrder(Order):
    """An order whose options are read by the configuration's reader."""

    reader: Reader
    path: str

    def read(self, kind: type[OptionsT]) -> OptionsT:
        """Check the options against their type; OptionsError when the reader found problems."""
        try:
            keys_of(kind)
        except TypeError:  # a stranger's options may be of any type msgspec understands
            return Order.read(self, kind)
        try:
            options = self.reader.table(kind, self.options, self.path)
        except (ValueError, TypeError) as error:
            if self.reader.sound(self.path):
                self.reader.add(Problem(path=self.path, kind=ProblemKind.CONFLICT, value=str(error)))
            raise OptionsError(self.name) from error
        if not self.reader.sound(self.path):
            raise OptionsError(self.name)
        return options


def is_dc(connector: ConnectorSettings) -> bool:
    """Return whether a connector gives direct current: as configured, else by its standard."""
    return connector.current == "dc" or (connector.current == "auto" and connector.standard in DIRECT_CURRENT)


def twin_specs(config: Config) -> tuple[EvseSpec, ...]:
    """Return the EVSEs that have simulated devices, as the twin wants them described."""
    simulated = {device.evse for device in config.device if device.driver == TWIN_DRIVER}
    return tuple(
        EvseSpec(
            evse=evse.id,
            connectors=tuple(
                ConnectorSpec(connector=one.id, standard=one.standard.value, power_w=round(one.max_power_kw * 1000))
                for one in evse.connector
            ),
        )
        for evse in config.evse
        if evse.id in simulated
    )


def order_of(device: DeviceSettings) -> Order:
    """Return the order by which the registry builds a device."""
    return Order(name=device.title, evse=device.evse, options=device.options)


def options_of(port: Port, driver: str) -> type[Any] | None:
    """Return the type of a built-in driver's options, or None for a driver that reads none."""
    asked: list[type[Any]] = []

    class Asking(Order):
        def read(self, kind: type[OptionsT]) -> OptionsT:
            asked.append(kind)
            raise OptionsError(self.name)

    with contextlib.suppress(DeviceError):
        build(port, driver, Asking(name=driver, evse=1), Workshop(clock=MachineClock()))
    return asked[0] if asked else None


def check_devices(config: Config, reader: Reader) -> None:
    """Add to the reader what is wrong with devices: their EVSE, driver, options, and what two of them both own."""
    devices = tuple(enumerate(config.device, start=1))
    known = {evse.id for evse in config.evse} if reader.sound("evse") else None
    for n, device in devices:
        if known is not None and device.evse not in known and reader.sound(f"device[{n}].evse"):
            listed = ", ".join(str(one) for one in sorted(known))
            reader.add(
                Problem(
                    path=f"device[{n}].evse",
                    kind=ProblemKind.NOT_ALLOWED,
                    value=f"EVSE {device.evse}",
                    allowed=f"the id of an [[evse]]: {listed}",
                )
            )
    _check_twin(config, reader)
    _try_all(config, reader)
    # Last, for a device that is one too many may have wrong options as well.
    roles = ((f"device[{n}].port", f"{device.port.value} of EVSE {device.evse}") for n, device in devices)
    check_doubled(reader, roles, "device")
    check_doubled(reader, ((f"device[{n}].name", device.name) for n, device in devices), "device")


def _check_twin(config: Config, reader: Reader) -> None:
    real: Mapping[int, str] = {d.evse: d.title for d in config.device if d.driver != TWIN_DRIVER}
    for n, device in enumerate(config.device, start=1):
        if device.driver == TWIN_DRIVER and device.evse in real and config.twin.control and reader.sound("device"):
            hint = "twin.control never moves a simulated car in front of real hardware: leave one of them out"
            conflict(reader, f"device[{n}].driver", f'"twin" stands beside {real[device.evse]}', hint)


def _try_all(config: Config, reader: Reader) -> None:
    clock = MachineClock()
    specs = twin_specs(config) if reader.sound("evse") else ()
    workshop = Workshop(clock=clock, twin=TwinSite(specs, clock) if specs else None)
    unknown: dict[tuple[Port, str], Problem] = {}  # looked for once: asking all installed packages takes 10 ms
    for n, device in enumerate(config.device, start=1):
        path = f"device[{n}]"
        if (known := unknown.get((device.port, device.driver))) is not None:
            reader.add(replace(known, path=f"{path}.driver"))
            continue
        buildable = device.driver != TWIN_DRIVER or device.evse in {spec.evse for spec in specs}
        if buildable and reader.sound(f"{path}.evse", f"{path}.port", f"{path}.driver"):
            problem = _try(device, path, workshop, reader)
            if problem is not None:
                unknown[device.port, device.driver] = problem
                reader.add(problem)


def _try(device: DeviceSettings, path: str, workshop: Workshop, reader: Reader) -> Problem | None:
    """Build a device and add what is wrong to the reader; return the problem of a driver that nobody knows."""
    order = TrialOrder(
        name=device.title, evse=device.evse, options=device.options, reader=reader, path=f"{path}.options"
    )
    try:
        build(device.port, device.driver, order, workshop)
    except OptionsError:
        return None
    except DeviceError as error:
        offered = names(device.port)
        if device.driver in offered or _is_installed(device):
            conflict(reader, path, str(error), "correct one of them")
            return None
        return Problem(
            path=f"{path}.driver",
            kind=ProblemKind.NOT_ALLOWED,
            value=shown(device.driver),
            allowed=f"for {device.port.value}: {', '.join(offered) or 'what an installed package offers'}",
            nearest=nearest(device.driver, offered),
            hint=str(error).removeprefix(f"{device.title}: "),
        )
    except Exception as error:  # a stranger's factory may raise anything; here it must not hide the other problems
        hint = f"{type(error).__name__}: ask the maker of the driver"
        conflict(reader, path, f"the driver {shown(device.driver)} does not take this", hint)
    return None


def _is_installed(device: DeviceSettings) -> bool:
    return len(entry_points(group=ENTRY_POINT_GROUP, name=f"{device.port.value}.{device.driver}")) == 1
