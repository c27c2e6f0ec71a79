"""The station as its CSMS sees it, put together: settings from the configuration, deeds on the hardware.

Part of the composition root; used by `app.py` alone. OCPP 1.6 today.
"""

import asyncio
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from agent.config.types import Config
from agent.core.layout import EvseId
from agent.core.state import Site
from agent.csms.connection import Endpoint
from agent.csms.v16.build import AD_HOC_ID_TOKEN, Csms16, Settings
from agent.devices.evse_inputs import EvseDevices
from agent.journal.store import Journal
from agent.kernel.runner import Published, Runner
from agent.kernel.secrets import SiteKey
from agent.ocpp.v16.station import Box
from drivers.ports import DeviceError

VENDOR = "Stationmaster"
MODEL = "Site agent"


def station_settings(config: Config) -> Settings | None:
    """Return what the OCPP 1.6 station is, or None for a site without CSMS; OSError for an unreadable password."""
    csms = config.csms
    if not csms.url:
        return None
    ad_hoc = config.policy.ad_hoc_id_token
    return Settings(
        endpoint=Endpoint(url=csms.url, identity=csms.identity or config.location.id),
        box=Box(vendor=VENDOR, model=MODEL, serial=config.location.id[:25], firmware=_version()),
        connectors=len(config.evse),
        plug_timeout_s=round(config.policy.plug_timeout_min * 60),
        password=_password(config),
        first_keys={name: _text(value) for name, value in csms.keys.items()},
        ad_hoc_id_token=AD_HOC_ID_TOKEN if ad_hoc is None else ad_hoc.reveal(),
    )


def build_station(config: Config, journal: Journal, key: SiteKey, site: Site) -> Csms16 | None:
    """Build the station of a site that has a CSMS; blocks while it reads what is stored."""
    settings = station_settings(config)
    return None if settings is None else Csms16(settings, journal, key, site)


def _password(config: Config) -> bytes | None:
    if config.csms.password_file:
        return Path(config.csms.password_file).read_text(encoding="utf-8").strip().encode()
    return None if config.csms.password is None else config.csms.password.reveal().encode()


def _text(value: object) -> str:
    """Return a configured value as OCPP 1.6 writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _version() -> str:
    try:
        return version("stationmaster")
    except PackageNotFoundError:
        return ""


class SiteHardware:
    """What a CSMS's commands do to the box: unlock, restart, and waiting for an open contactor."""

    def __init__(self, runner: Runner, devices: Mapping[EvseId, EvseDevices], restart: Callable[[], None]) -> None:
        self._runner = runner
        self._devices = devices
        self._restart = restart
        self._moved = asyncio.Event()
        runner.listen(self._published)

    def _published(self, published: Published) -> None:
        if published.events:
            self._moved.set()

    async def unlock(self, evse: EvseId) -> bool | None:
        """Release the plug of an EVSE; None where nothing is fitted that could."""
        fitted = self._devices.get(evse)
        if fitted is None or fitted.charge_controller is None:
            return None
        connector = self._runner.site.evse(evse).plugged
        layout = self._runner.site.layout_of(evse)
        if connector is None and layout is not None:
            connector = layout.connectors[0].id
        try:
            return await fitted.charge_controller.unlock(connector or 1)
        except DeviceError:
            return False

    async def restart(self, hard: bool) -> None:
        """Restart the agent. The box itself is not ours to restart, so a hard reset restarts the agent too."""
        del hard
        self._restart()

    async def de_energised(self, evse: EvseId, within_s: float) -> bool:
        """Return whether the contactor of an EVSE is open within some real seconds."""
        try:
            async with asyncio.timeout(within_s):
                while self._runner.site.evse(evse).energised:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True
