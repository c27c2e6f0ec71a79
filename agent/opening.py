"""What an agent stands on, opened: journal, clocks, twin, presence codes, known cards. Part of the composition root."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from agent.config.devices import twin_specs
from agent.config.types import Config
from agent.core.evolve import APPLY
from agent.core.inputs import Verdict
from agent.journal.codec import Codec
from agent.journal.disk import Synchronous, free_ballast
from agent.journal.errors import StorageFailed
from agent.journal.store import Journal
from agent.kernel.authoriser import ConfiguredTokens, Judged
from agent.kernel.clock import WallClock
from agent.kernel.presence import Presence, PresenceLimits
from agent.simulation.site import Controller, SimulatedSite, Supply
from drivers.ports import Clock
from drivers.registry import Port
from drivers.twin.clock import ScaledClock, TwinWall
from drivers.twin.site import TwinSite

log = logging.getLogger("stationmaster")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the agent was started; `demo` allows the twin's control and a loopback address in QR codes.

    `trust_clock`: the operator says that the machine's clock is right, whatever the last event says.
    `supply` gives a simulated site its power back after a cut at the panel; None where nobody would.
    `synchronous` is "FULL" wherever promises count; "OFF" exists to prove that the power-cut tests would notice.
    """

    config: Config
    state_dir: Path
    demo: bool = False
    trust_clock: bool = False
    supply: Supply | None = None
    synchronous: Synchronous = "FULL"


def open_journal(options: Options) -> Journal:
    """Open the journal of a site; blocks. Raises JournalBusy, StorageFailed, StorageDamaged."""
    try:
        journal = _opened(options)
    except StorageFailed:
        if not free_ballast(options.state_dir):  # on a full disk not even reading works: SQLite needs its side files
            raise
        log.error("disk=full hint='the ballast was given up for this start: free some space now'")
        journal = _opened(options)
    for note in journal.recovery.notes:
        log.warning("journal=recovered note=%r", note)
    for first, last in journal.recovery.lost:
        log.error("journal=damaged lost_events=%d-%d", first, last)
    return journal


def _opened(options: Options) -> Journal:
    settings = options.config.journal
    return Journal.open(
        options.state_dir,
        Codec(APPLY),
        synchronous=options.synchronous,
        second=Path(settings.second_copy) if settings.second_copy else None,
        keep_events=settings.keep_events,
    )


def uses_twin(config: Config) -> bool:
    """Return whether any device is simulated."""
    return any(device.driver == "twin" for device in config.device)


def presence_of(config: Config) -> Presence:
    """Return the presence codes of the site, with the configured limits."""
    settings = config.presence
    limits = PresenceLimits(
        window_s=settings.window_s,
        joins_per_display=settings.joins_per_display,
        wrong_tries=settings.wrong_tries,
    )
    return Presence(sum(1 for d in config.device if d.port == Port.DISPLAY), limits=limits)


def wall_clock(clock: Clock, options: Options, last_utc_ms: int | None) -> WallClock | TwinWall:
    """Return the wall clock, not believed before `last_utc_ms` unless the operator says so; a twin has its own.

    A simulated location whose time has run ahead of ours goes on from there: a restart does not turn it back.
    """
    earliest_ms = None if options.trust_clock else last_utc_ms
    if isinstance(clock, ScaledClock):
        return TwinWall(clock, max(time.time_ns() // 1_000_000, earliest_ms or 0))
    return WallClock(clock.monotonic, options.config.clock.trust, earliest_ms)


def open_twin(options: Options, clock: Clock) -> TwinSite | None:
    """Return the simulated location, as it was left, or None where no device is simulated."""
    if not uses_twin(options.config):
        return None
    twin = TwinSite(twin_specs(options.config), clock, options.state_dir / "twin.json")
    for problem in twin.problems:
        log.warning("twin=restored problem=%r", problem)
    return twin


def open_simulation(
    config: Config, controller: Controller, twin: TwinSite | None, clock: Clock, wall: WallClock | TwinWall
) -> SimulatedSite | None:
    """Return what the twin panel does to the site as a whole: nothing where a real device stands, too."""
    if twin is None or not (config.twin.control and config.simulated):
        return None
    if not (isinstance(clock, ScaledClock) and isinstance(wall, TwinWall)):
        return None
    return SimulatedSite(controller, twin, clock, wall)


def configured_tokens(config: Config) -> ConfiguredTokens:
    """Return the cards known on site, and what holds for others where no CSMS can be asked."""
    settings = config.authorisation
    tokens = {
        token.id.reveal(): Judged(
            verdict=Verdict.ACCEPTED, group=token.group or None, groups=(token.group,) if token.group else ()
        )
        for token in settings.token
    }
    if config.csms.url:
        return ConfiguredTokens(tokens, None)  # the CSMS is asked about the others
    unknown = Verdict.ACCEPTED if settings.unknown == "accept" else Verdict.INVALID
    return ConfiguredTokens(tokens, Judged(verdict=unknown, known=False))
