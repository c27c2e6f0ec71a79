"""Builds the devices of the configuration, EVSE by EVSE. Opens nothing: devices open when they run."""

from typing import Any

from agent.config.devices import order_of
from agent.config.types import Config
from agent.core.layout import EvseId
from agent.devices.evse_inputs import EvseDevices
from drivers.registry import Port, Workshop, build


def built_devices(config: Config, workshop: Workshop) -> list[EvseDevices]:
    """Build the configured devices of every EVSE; DeviceError names the one that cannot be."""
    found: dict[int, dict[Port, Any]] = {evse.id: {} for evse in config.evse}
    for device in config.device:
        found[device.evse][device.port] = build(device.port, device.driver, order_of(device), workshop)
    return [
        EvseDevices(
            evse=EvseId(evse),
            bay_sensor=ports.get(Port.BAY_SENSOR),
            charge_controller=ports.get(Port.CHARGE_CONTROLLER),
            meter=ports.get(Port.METER),
            token_reader=ports.get(Port.TOKEN_READER),
            light=ports.get(Port.STATUS_LIGHT),
            display=ports.get(Port.DISPLAY),
        )
        for evse, ports in found.items()
    ]
