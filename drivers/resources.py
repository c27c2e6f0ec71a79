"""Who owns which pin, bus and unit: two owners of one thing are refused before anything is wired wrongly.

Pure bookkeeping; opens nothing. A pin, a register or an I2C address belongs to one device. A bus is shared by devices
that agree on its settings: two speeds on one serial line are refused too.
"""

from dataclasses import dataclass, field

from drivers.ports import DeviceError

PIN_MAX = 53  # BCM2711 and RP1 banks; the header carries 2 to 27
RESOURCES_MAX = 2000  # 200 EVSEs with ten lines each; more is a runaway configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A thing a device needs, by its address; `settings` is what sharers must agree on, None for one owner only."""

    address: str
    settings: str | None = None


@dataclass(slots=True)
class Owners:
    """The owners of all resources of one controller."""

    _owners: dict[Resource, list[str]] = field(default_factory=dict)

    def claim(self, owner: str, *resources: Resource) -> None:
        """Give resources to an owner, all or none; DeviceError names the other owner and what to do."""
        for resource in resources:
            self._check(owner, resource)
        if len(set(resources)) != len(resources):
            raise DeviceError(f"{owner}: names one resource twice: {_listed(resources)}: give each use its own")
        if len(self._owners) + len(resources) > RESOURCES_MAX:
            raise DeviceError(f"{owner}: more than {RESOURCES_MAX} resources on one controller: split the site")
        for resource in resources:
            self._owners.setdefault(resource, []).append(owner)

    def release(self, owner: str) -> None:
        """Take everything from an owner; one that owns nothing is fine."""
        for resource in tuple(self._owners):
            left = [other for other in self._owners[resource] if other != owner]
            if left:
                self._owners[resource] = left
            else:
                del self._owners[resource]

    def owners_of(self, address: str) -> tuple[str, ...]:
        """Return who owns an address, in order of claiming."""
        return tuple(name for resource, names in self._owners.items() if resource.address == address for name in names)

    def _check(self, owner: str, resource: Resource) -> None:
        for held, names in self._owners.items():
            if held.address != resource.address:
                continue
            if held.settings is None or resource.settings is None:
                raise DeviceError(f"{owner}: {resource.address} belongs to {names[0]}: use another, or remove one")
            if held.settings != resource.settings:
                raise DeviceError(
                    f"{owner}: {resource.address} is used by {names[0]} with {held.settings}, not {resource.settings}: "
                    "give both the same settings"
                )


def check_pin(option: str, pin: int) -> None:
    """Refuse a pin that no bank has: ValueError names the option."""
    if not 0 <= pin <= PIN_MAX:
        raise ValueError(f"{option} must be a BCM number from 0 to {PIN_MAX}, not {pin}")


def gpio_line(pin: int) -> Resource:
    """Return a GPIO line by its BCM number."""
    return Resource(address=f"GPIO{pin}")


def tcp_bus(host: str, port: int, *, answer_s: float) -> Resource:
    """Return a Modbus TCP gateway or device; shared by devices that wait equally long for an answer."""
    return Resource(address=f"modbus-tcp://{host}:{port}", settings=f"answer_s {answer_s:g}")


def serial_bus(path: str, *, baud: int, parity: str, stop_bits: int) -> Resource:
    """Return a serial line; shared by devices with the same settings."""
    return Resource(address=path, settings=f"{baud} baud {parity}{stop_bits}")


def modbus_point(bus: Resource, unit: int, table: str, address: int) -> Resource:
    """Return one register or bit of one unit on a bus."""
    return Resource(address=f"{bus.address} unit {unit} {table} 0x{address:04x}")


def i2c_device(bus: int, address: int) -> Resource:
    """Return a device on an I2C bus."""
    return Resource(address=f"i2c-{bus} 0x{address:02x}")


def _listed(resources: tuple[Resource, ...]) -> str:
    return ", ".join(resource.address for resource in resources)
