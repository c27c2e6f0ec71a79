"""The twin's world on disk: cars stay parked while the controller's power is off.

Touches one JSON file, replaced atomically and never waited for: it is written without fsync, because the twin stands in
for nature and nature does not block the agent's loop. What a cut can cost is the last instants of a world nobody
parked a real car in; a file that cannot be read leaves empty bays, is put aside and is said. Saved are bays, cars,
plugs, registers, faults and sensor modes; never contactor, lamp or screen, which a power cut opens and darkens.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from drivers.ports import Clock
from drivers.twin.car import Car
from drivers.twin.state import EvseState, SensorMode
from drivers.twin.world import CODE_LENGTH_MAX, EvseSpec, TwinRefused, World

VERSION = 1  # of the file; another version is treated like a damaged one
CHECKPOINT_S = 10.0  # of the world's clock while energy flows: what a kill may take from a register
FILE_BYTES_MAX = 1 << 20  # 200 EVSEs take 100 KiB; more is not ours

log = logging.getLogger(__name__)


class _SavedEvse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    evse: int
    occupied: bool
    car: Car | None
    plugged: int | None
    register_wh: float
    faults: tuple[str, ...]
    sensor: SensorMode


class _SavedWorld(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: int
    evses: tuple[_SavedEvse, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A world as it was left, and what could not be kept (one sentence each, for log and panel)."""

    world: World
    problems: tuple[str, ...]


class WorldFile:
    """The file a world lives in between two runs."""

    def __init__(self, path: Path) -> None:
        """Bind to a file; nothing is read or written yet."""
        self._path = path
        self._last = b""
        self.problem: str | None = None  # why the last save failed

    def load(self, specs: tuple[EvseSpec, ...]) -> Loaded:
        """Return the saved world for these EVSEs: empty bays where nothing was saved, with problems said."""
        try:
            with self._path.open("rb") as file:
                raw = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return Loaded(world=World(specs), problems=())
        except OSError as error:
            return Loaded(world=World(specs), problems=(f"twin: cannot read {self._path}: {error}: bays start empty",))
        try:
            saved = _decoded(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            return Loaded(world=World(specs), problems=(self._put_aside(str(error)),))
        return _restored(saved, specs)

    def save(self, world: World, now_s: float) -> None:
        """Replace the file if the world has changed; a failure is kept in `problem` and logged once, never raised."""
        raw = _encoded(world, now_s)
        if raw == self._last:
            return
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(raw)
            fresh.replace(self._path)
        except OSError as error:
            if self.problem is None:
                log.warning(
                    "twin=unsaved path=%s error=%r hint='cars will be gone after a restart'", self._path, str(error)
                )
            self.problem = str(error)
            return
        self._last = raw
        self.problem = None

    def follow(self, world: World) -> Callable[[], None]:
        """Save on each deed from now on; return what ends it."""
        return world.listen(lambda happening: self.save(world, happening.at_s))

    async def run(self, world: World, clock: Clock) -> None:
        """Save on each deed, and every 10 s of the clock while energy flows, until cancelled."""
        stop = self.follow(world)
        try:
            while True:
                now_s = clock.monotonic()
                self.save(world, now_s)
                await clock.until(now_s + CHECKPOINT_S)
        finally:
            stop()

    def _put_aside(self, why: str) -> str:
        aside = self._path.with_name(self._path.name + ".damaged")
        try:
            self._path.replace(aside)
            kept = f"kept as {aside.name}"
        except OSError as error:
            kept = f"and could not be put aside: {error}"
        return f"twin: {self._path} is damaged ({why}), {kept}: bays start empty and registers at 0"


def _encoded(world: World, now_s: float) -> bytes:
    states = ((evse, world.look(evse, now_s)) for evse in world.specs)
    saved = _SavedWorld(
        version=VERSION,
        evses=tuple(
            _SavedEvse(
                evse=evse,
                occupied=state.occupied,
                car=state.car,
                plugged=state.plugged,
                register_wh=state.register_wh,
                faults=state.faults,
                sensor=state.sensor,
            )
            for evse, state in states
        ),
    )
    return msgspec.json.format(msgspec.json.encode(saved), indent=1)


def _decoded(raw: bytes) -> _SavedWorld:
    if len(raw) > FILE_BYTES_MAX:
        raise ValueError(f"longer than {FILE_BYTES_MAX} bytes")
    saved = msgspec.json.decode(raw, type=_SavedWorld)
    if saved.version != VERSION:
        raise ValueError(f"version {saved.version}, not {VERSION}")
    for evse in saved.evses:
        if not (math.isfinite(evse.register_wh) and evse.register_wh >= 0):
            raise ValueError(f"register of EVSE {evse.evse} is {evse.register_wh}")
        if any(not 0 < len(code) <= CODE_LENGTH_MAX for code in evse.faults):
            raise ValueError(f"fault codes of EVSE {evse.evse}")
    return saved


def _restored(saved: _SavedWorld, specs: tuple[EvseSpec, ...]) -> Loaded:
    known = {spec.evse: spec for spec in specs}
    states: dict[int, EvseState] = {}
    problems: list[str] = []
    for evse in saved.evses:
        if evse.evse not in known:
            problems.append(f"twin: EVSE {evse.evse} is not in the layout any more: its car and register are gone")
            continue
        plugged = evse.plugged if _fits(evse, known[evse.evse]) else None
        if plugged != evse.plugged:
            problems.append(f"twin: the plug at EVSE {evse.evse} does not fit the layout any more: it is out")
        states[evse.evse] = EvseState(
            occupied=evse.occupied or plugged is not None,
            car=evse.car,
            plugged=plugged,
            register_wh=evse.register_wh,
            faults=tuple(sorted(set(evse.faults))),
            sensor=evse.sensor if known[evse.evse].has_bay else SensorMode.HONEST,
        )
    return Loaded(world=World(specs, states), problems=tuple(problems))


def _fits(saved: _SavedEvse, spec: EvseSpec) -> bool:
    if saved.plugged is None or saved.car is None:
        return False
    try:
        return saved.car.takes(spec.named(saved.plugged).standard)
    except TwinRefused:
        return False
