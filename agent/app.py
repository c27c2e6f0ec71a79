"""The composition root: the one file that knows everybody. Opens the journal, replays it, starts the parts, stops them.

Order matters here and nowhere else: the journal before the runner, the runner before anything that observes or shows,
the web server last. An error in any part ends the agent with its reason; whoever started it starts it again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from agent.config.location import digest, location_of
from agent.config.types import Config
from agent.core.inputs import ClockRead, FaultSeen, InputsRead, LayoutRead, Started
from agent.core.layout import EvseId
from agent.csms.v16.build import Csms16
from agent.csms.v16.stores import TRANSACTIONS
from agent.devices.build import built_devices
from agent.devices.energy import EnergyLoop
from agent.devices.evse_inputs import CONTROLLER_LOST, EvseDevices, EvseInputs, Readings
from agent.devices.health import Health
from agent.devices.outputs import Outputs
from agent.devices.screens import Screens
from agent.journal.errors import JournalError
from agent.journal.store import Journal
from agent.kernel.ad_hoc import AdHocStarts
from agent.kernel.authoriser import Authoriser, TokenSource
from agent.kernel.clock import LocationClock, WallClock
from agent.kernel.ends import TRY_AGAIN_S, Ends, Start
from agent.kernel.forecasts import Forecasts
from agent.kernel.forgetting import Forgetting
from agent.kernel.notify import notify
from agent.kernel.outside import Outside
from agent.kernel.replay import replay
from agent.kernel.runner import Runner
from agent.kernel.secrets import KeyUnusableError, SiteKey, load_site_key
from agent.kernel.subjects import Subjects
from agent.kernel.tasks import Stage, Tasks, task_group
from agent.opening import (
    Options,
    configured_tokens,
    open_journal,
    open_simulation,
    open_twin,
    presence_of,
    uses_twin,
    wall_clock,
)
from agent.partnering import Partnering
from agent.partners.partner import PartnerUnusable
from agent.simulation.site import Controller, SimulatedSite
from agent.station import SiteHardware, build_station
from agent.texts.catalogue import Catalogue, load
from agent.texts.formats import Language
from agent.web.context import BoardOptions, SafeMode, WebContext, WebOptions
from agent.web.server import Served, serve
from drivers.clock import MachineClock
from drivers.ports import Clock, DeviceError
from drivers.registry import Port, Workshop
from drivers.twin.clock import ScaledClock
from drivers.twin.site import TwinSite

__all__ = ["CannotServe", "Options", "Running", "running"]

log = logging.getLogger("stationmaster")

CLOCK_WATCH_S = 10.0  # how soon a step of the wall clock, or its becoming trusted, is noticed
INPUTS_LOOK_S = 0.2
WATCHDOG_S = 10.0  # a third of WatchdogSec in the unit


SAFE_MODE_PORTS = (Port.CHARGE_CONTROLLER, Port.METER)  # what a running charge needs; all else may be what crashes


class CannotServe(Exception):  # noqa: N818 - the end of the process, in words
    """The web server cannot work with what is configured."""


SAID = (CannotServe, JournalError, KeyUnusableError, PartnerUnusable, DeviceError, OSError)
"""What keeps an agent from starting with a sentence instead of a stack trace: its text tells people what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running agent, for whoever started it. `restart` is set when it is to start again."""

    runner: Runner
    served: Served
    twin: TwinSite | None
    simulation: SimulatedSite | None
    clock: Clock
    journal: Journal
    restart: asyncio.Event


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[Running]:
    """Run an agent for the length of the block; leaving it stops cleanly. Raises what made a part fail."""
    config = options.config
    clock: Clock = ScaledClock(config.twin.speed) if uses_twin(config) else MachineClock()
    async with contextlib.AsyncExitStack() as stack:
        journal = open_journal(options)
        stack.callback(journal.close)
        ends = Ends(options.state_dir, SAID)
        start = Start() if options.demo else stack.enter_context(ends.counted())  # a demo has nobody to be safe from
        key = load_site_key(options.state_dir / "site.key", head=journal.head)
        parts = _Parts(options, clock, journal, key, start)
        tasks = await stack.enter_async_context(task_group())
        tasks.start(parts.runner.run(), Stage.RUNNER)
        tasks.drain = parts.drain
        await parts.begin()
        parts.start_devices(tasks)
        restart = parts.start_station(tasks)
        served = await _served(parts.web_context(), config)
        stack.push_async_callback(served.close)
        for watch in (*parts.watches(), parts.partnering.work()):
            tasks.start(watch)
        if not options.demo:
            tasks.start(ends.watch(start, clock, restart.set))
        ends.ready()
        notify("READY=1")
        stack.callback(notify, "STOPPING=1")
        log.info(
            "state=running site=%s address=%s:%d head=%d",
            config.location.id,
            config.web.host,
            served.port,
            journal.head,
        )
        yield Running(
            runner=parts.runner,
            served=served,
            twin=parts.twin,
            simulation=parts.simulation,
            clock=clock,
            journal=journal,
            restart=restart,
        )


async def _served(context: WebContext, config: Config) -> Served:
    try:
        return await serve(context, config.web.host, config.web.port)
    except ValueError as error:
        raise CannotServe(str(error)) from error


class _Parts:
    """The parts of an agent, built but not started."""

    def __init__(self, options: Options, clock: Clock, journal: Journal, key: SiteKey, start: Start) -> None:
        self._options = options
        self._start = start
        self._began_s = clock.monotonic()
        self._config = options.config
        self._clock = clock
        self._journal = journal
        self._key = key
        self._wall = wall_clock(clock, options, journal.last_utc_ms())
        self._outside = Outside()
        elapsed = self._elapsed = LocationClock(clock, journal.last_elapsed_ms, self._wall)
        self._boot = journal.last_boot + 1
        site, snapshot_head = replay(journal, tolerant=start.paused)
        self._station = build_station(self._config, journal, key, site)
        projections = () if self._station is None else (self._station.projection,)
        self.runner = Runner(
            site=site,
            clock=elapsed,
            journal=journal,
            boot=self._boot,
            projections=projections,
            snapshot_head=snapshot_head,
        )
        self.twin = open_twin(options, clock)
        self._health = Health()
        self._readings = Readings()
        self._subjects = Subjects(journal, key)
        self._catalogue: Catalogue = load()
        self._devices: dict[EvseId, EvseDevices] = {}
        self._restart = asyncio.Event()
        self._presence = presence_of(self._config)
        self.forecasts = Forecasts(self.runner, clock)
        sources: list[TokenSource] = [configured_tokens(self._config)]
        if self._station is not None:
            self._attach(self._station)
            sources.append(self._station.tokens)
        self._authoriser = Authoriser(sources)
        self.partnering = Partnering(
            self._config,
            runner=self.runner,
            journal=journal,
            catalogue=self._catalogue,
            key=key,
            subjects=self._subjects,
            authoriser=self._authoriser,
            waits=lambda: self.forecasts.waits,
            clock=clock,
            station=self._station,
            outside=self._outside,
        )
        self.simulation = self._simulated()
        ad_hoc = self._config.policy.ad_hoc_id_token
        if ad_hoc is not None:
            AdHocStarts(self.runner, self._authoriser, self._subjects, ad_hoc.reveal())

    def _attach(self, station: Csms16) -> None:
        """Join the station of the CSMS to the runner, whose first projection is the station's."""
        station.attach(
            self.runner,
            place=0,
            clock=self._clock,
            elapsed=self._elapsed,
            rows=self._journal,
            subjects=self._subjects,
            set_clock=self._wall.told if isinstance(self._wall, WallClock) else lambda _: None,
            outside=self._outside,
        )

    def _simulated(self) -> SimulatedSite | None:
        controller = Controller(
            runner=self.runner,
            elapsed=self._elapsed,
            read_clock=self._read_clock,
            outside=self._outside if self._config.csms.url or self._config.partner else None,
            supply=self._options.supply,
        )
        return open_simulation(self._config, controller, self.twin, self._clock, self._wall)

    def start_station(self, tasks: Tasks) -> asyncio.Event:
        """Start the link to the CSMS, if there is one; return the event that a Reset sets."""
        if self._station is not None and self._start.link_after_s is not None:
            hardware = SiteHardware(self.runner, self._devices, self._restart.set)
            run = partial(
                self._station.run,
                subjects=self._subjects,
                authoriser=self._authoriser,
                hardware=hardware,
                vendors=self.partnering.vendors(),
                readings=lambda: self._readings.live,
            )
            tasks.start(self._linked(self._start.link_after_s, run))
        return self._restart

    async def _linked(self, after_s: float, run: Callable[[], Awaitable[None]]) -> None:
        await self._clock.until(self._began_s + after_s)
        await run()

    async def begin(self) -> None:
        """Tell the core that it is a new start, what the configuration says, and what time it is; durable on return."""
        now_ms = self._wall()
        location = location_of(self._config, utc_ms=now_ms if now_ms is not None else time.time_ns() // 1_000_000)
        await self.runner.tell(Started(boot=self._boot, paused=self._start.paused))
        await self.runner.tell(LayoutRead(location=location, digest=digest(location)))
        await self.runner.tell(ClockRead(utc_ms=self._wall()))

    async def drain(self) -> None:
        """Let the runner keep what was seen last, and a snapshot for a quick start."""
        await self.runner.idle()
        await self.runner.keep_snapshot()

    def start_devices(self, tasks: Tasks) -> None:
        """Build the devices of the configuration and start their tasks."""
        workshop = Workshop(clock=self._clock, twin=self.twin)
        screens = Screens(
            self._catalogue,
            languages=tuple(Language(code) for code in self._config.location.languages),
            presence_code=lambda: self._presence.code(time.monotonic()),
            check_in_url=self._check_in_url(),
            waits=lambda: self.forecasts.waits,
            phone=self._config.location.operator_phone or None,
        )
        outputs = Outputs(
            runner=self.runner, clock=self._clock, health=self._health, readings=self._readings, screens=screens
        )
        for devices in built_devices(self._usable(), workshop):
            self._devices[devices.evse] = devices
            inputs = EvseInputs(
                devices,
                runner=self.runner,
                clock=self._clock,
                health=self._health,
                readings=self._readings,
                authoriser=self._authoriser,
                subjects=self._subjects,
            )
            for work in inputs.tasks():
                tasks.start(work, Stage.INPUTS)
            for work in outputs.tasks(devices):
                tasks.start(work)
            if devices.charge_controller is not None:
                loop = EnergyLoop(
                    devices.evse,
                    devices.charge_controller,
                    runner=self.runner,
                    clock=self._clock,
                    health=self._health,
                )
                tasks.start(loop.run())
        if self.twin is not None:
            tasks.start(self.twin.run(), Stage.INPUTS)

    def _usable(self) -> Config:
        """Return the configuration with the devices that this start may use; what nobody watches is a fault."""
        if not self._start.paused:
            return self._config
        kept = tuple(d for d in self._config.device if self._start.hardware and d.port in SAFE_MODE_PORTS)
        for lost in self._config.device:
            if lost.port is Port.CHARGE_CONTROLLER and lost not in kept:
                self.runner.observe(FaultSeen(evse=EvseId(lost.evse), code=CONTROLLER_LOST, active=True))
        return replace(self._config, device=kept)

    def _check_in_url(self) -> Callable[[str], str | None]:
        base = self._config.web.public_url.rstrip("/")
        # Upper case keeps the QR code in its alphanumeric mode, and so in version 1.
        return lambda code: f"{base.upper()}/{code}" if base else None

    def web_context(self) -> WebContext:
        """Return what the web server works with."""
        web, board, location = self._config.web, self._config.board, self._config.location
        return WebContext(
            runner=self.runner,
            journal=self._journal,
            catalogue=self._catalogue,
            presence=self._presence,
            key=self._key,
            subjects=self._subjects,
            authoriser=self._authoriser,
            options=WebOptions(
                public_url=web.public_url,
                allowed_hosts=web.allowed_hosts,
                trusted_proxies=web.trusted_proxies,
                demo=self._options.demo,
                languages=tuple(Language(code) for code in location.languages),
                operator_phone=location.operator_phone or None,
                board=BoardOptions(
                    direct_sun=board.direct_sun, night_min=board.night_min, next=board.next, chime=board.chime
                ),
            ),
            readings=self._readings.live,
            waits=lambda: self.forecasts.waits,
            health=self._health.states,
            twin=self.twin.control if self.twin is not None and self._config.twin.control else None,
            twin_clock=self._clock if isinstance(self._clock, ScaledClock) and self._config.simulated else None,
            simulation=self.simulation,
            monotonic=time.monotonic,
            link=self._link,
            in_app=self.partnering.was_shown,
            safe_mode=self._safe_mode,
            outside=self._outside,
            routes=self.partnering.routes(),
        )

    def _safe_mode(self) -> SafeMode | None:
        if not self._start.paused:
            return None
        left_s = self._began_s + TRY_AGAIN_S - self._clock.monotonic()
        return SafeMode(unclean_ends=self._start.unclean, left_s=max(0, round(left_s)))

    def _link(self) -> str | None:
        if self._outside.is_cut:
            return "down"
        if self._station is None:
            return None
        return "up" if self._station.link.online else "down"

    def watches(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs beside the devices for as long as the agent does."""
        watches = [self.watch_clock(), self.watch_inputs(), self.watchdog(), self.forecasts.run(), self.forget()]
        return watches if self.simulation is None else [*watches, self.simulation.run()]

    async def watch_clock(self) -> None:
        """Notice when the wall clock becomes trusted or steps."""
        while True:
            await asyncio.sleep(CLOCK_WATCH_S)
            self._read_clock()

    def _read_clock(self) -> None:
        self.runner.observe(ClockRead(utc_ms=self._wall()))

    async def watch_inputs(self) -> None:
        """Tell the core when every device has answered or failed once; the core itself waits no longer than it must."""
        while self.runner.site.reconciling_until_ms is not None:
            if self._health.all_heard():
                self.runner.observe(InputsRead())
            await asyncio.sleep(INPUTS_LOOK_S)

    async def forget(self) -> None:
        """Delete who people were, a day after nothing needs them."""
        await Forgetting(self.runner, self._elapsed, self._journal, self._subjects, (TRANSACTIONS,)).run()

    async def watchdog(self) -> None:
        """Tell systemd that turns are taken: a turn, not this task, is the sign of life."""
        while True:
            await self.runner.store(())
            notify("WATCHDOG=1")
            await asyncio.sleep(WATCHDOG_S)
