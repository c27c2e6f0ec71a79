"""A twin put together: world, file, control and the devices of each EVSE on one clock.

The one file of the twin that knows all its parts; whoever composes an agent needs only this.
"""

from pathlib import Path

from drivers.ports import Clock
from drivers.twin.clock import ScaledClock
from drivers.twin.control import TwinControl
from drivers.twin.devices import (
    TwinBaySensor,
    TwinChargeController,
    TwinDisplay,
    TwinMeter,
    TwinStatusLight,
    TwinTokenReader,
)
from drivers.twin.persist import WorldFile
from drivers.twin.world import EvseSpec, TwinRefused, World


class TwinSite:
    """A simulated location; `problems` says what of the last run could not be kept."""

    def __init__(self, specs: tuple[EvseSpec, ...], clock: Clock, path: Path | None = None) -> None:
        """Load the world from `path` (None: start empty, save nothing); ValueError for impossible `specs`."""
        self._clock = clock
        self._file = WorldFile(path) if path is not None else None
        loaded = self._file.load(specs) if self._file is not None else None
        self.world = loaded.world if loaded is not None else World(specs)
        self.problems = loaded.problems if loaded is not None else ()
        self.control = TwinControl(self.world, clock)
        if isinstance(clock, ScaledClock):
            clock.listen(self.world.stretch)

    async def run(self) -> None:
        """Keep the world on disk until cancelled; returns at once for a twin without a file."""
        if self._file is not None:
            await self._file.run(self.world, self._clock)

    def bay_sensor(self, evse: int) -> TwinBaySensor:
        """Return the bay sensor of an EVSE; TwinRefused where there is no bay."""
        if not self.world.spec(evse).has_bay:
            raise TwinRefused(f"EVSE {evse} has no bay sensor")
        return TwinBaySensor(self.world, self._clock, evse)

    def charge_controller(self, evse: int) -> TwinChargeController:
        """Return the charge controller of an EVSE."""
        return TwinChargeController(self.world, self._clock, evse)

    def meter(self, evse: int) -> TwinMeter:
        """Return the meter of an EVSE."""
        return TwinMeter(self.world, self._clock, evse)

    def token_reader(self, evse: int) -> TwinTokenReader:
        """Return the token reader of an EVSE."""
        return TwinTokenReader(self.world, self._clock, evse)

    def status_light(self, evse: int) -> TwinStatusLight:
        """Return the lamp of an EVSE."""
        return TwinStatusLight(self.world, self._clock, evse)

    def display(self, evse: int) -> TwinDisplay:
        """Return the display of an EVSE."""
        return TwinDisplay(self.world, self._clock, evse)
