"""The factories of the twin's devices for the registry; the world itself is composed by whoever makes the Workshop."""

from typing import Any

import msgspec

from drivers.ports import DeviceError
from drivers.registry import Order, Workshop
from drivers.twin.devices import (
    TwinBaySensor,
    TwinChargeController,
    TwinDisplay,
    TwinMeter,
    TwinStatusLight,
    TwinTokenReader,
)
from drivers.twin.site import TwinSite
from drivers.twin.world import TwinRefused


class NoOptions(msgspec.Struct, forbid_unknown_fields=True):
    """The twin's devices have none: its EVSEs are described once, for the whole twin."""


def bay_sensor(order: Order, workshop: Workshop) -> TwinBaySensor:
    """Build the simulated bay sensor of an EVSE."""
    made: TwinBaySensor = _made("bay_sensor", order, workshop)
    return made


def charge_controller(order: Order, workshop: Workshop) -> TwinChargeController:
    """Build the simulated charge controller of an EVSE."""
    made: TwinChargeController = _made("charge_controller", order, workshop)
    return made


def display(order: Order, workshop: Workshop) -> TwinDisplay:
    """Build the simulated display of an EVSE."""
    made: TwinDisplay = _made("display", order, workshop)
    return made


def meter(order: Order, workshop: Workshop) -> TwinMeter:
    """Build the simulated meter of an EVSE."""
    made: TwinMeter = _made("meter", order, workshop)
    return made


def status_light(order: Order, workshop: Workshop) -> TwinStatusLight:
    """Build the simulated lamp of an EVSE."""
    made: TwinStatusLight = _made("status_light", order, workshop)
    return made


def token_reader(order: Order, workshop: Workshop) -> TwinTokenReader:
    """Build the simulated token reader of an EVSE."""
    made: TwinTokenReader = _made("token_reader", order, workshop)
    return made


def _made(device: str, order: Order, workshop: Workshop) -> Any:
    order.read(NoOptions)
    if workshop.twin is None:
        raise DeviceError(f"{order.name}: there is no twin at this location: describe one, or name a real driver")
    try:
        return getattr(TwinSite, device)(workshop.twin, order.evse)
    except TwinRefused as refused:
        raise DeviceError(f"{order.name}: {refused.reason}") from refused
