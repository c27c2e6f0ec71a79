"""How the agent ended: counts unclean ends in a row, and says what a start may do after them. Safe mode begins here.

Touches one small file in the state folder. An end is unclean when nobody asked for it: a crash, a kill, the watchdog. A
clean stop, or ten minutes of good running, begins the count anew; so no clock is compared over starts, and a clock that
is wrong changes nothing. Ends by a power cut do not count: the next start is then of another boot, and a mains supply
that flutters is no reason to pause a queue. What is said in a sentence before the agent was ready does not count either
(a taken port, a missing partner's secret): safe mode would not help.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.ports import Clock

log = logging.getLogger("stationmaster")

UNCLEAN_MAX = 3  # in a row: no accident any more
GOOD_S = 600.0  # of running: what comes later is another story
LINK_MUTED_S = 600.0  # in safe mode, before the CSMS is asked again: its frame may be what ends us
TRY_AGAIN_S = 3600.0  # after so long in safe mode the agent tries by itself to work as usual
FILE = "ends.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Start:
    """What a start may do after so many unclean ends in a row: with each that safe mode did not prevent, less."""

    unclean: int = 0

    @property
    def paused(self) -> bool:
        """Whether this is safe mode: the queue rests, no lamp, display, sensor or reader is started."""
        return self.unclean >= UNCLEAN_MAX

    @property
    def link_after_s(self) -> float | None:
        """How long the link to the CSMS waits; None: it is not started at all, for it was no help."""
        if not self.paused:
            return 0.0
        return LINK_MUTED_S if self.unclean == UNCLEAN_MAX else None

    @property
    def hardware(self) -> bool:
        """Whether charge controllers and meters are started: not when safe mode has crashed with and without link."""
        return self.unclean <= UNCLEAN_MAX + 1


class Ends:
    """The count of a state folder. `said` are the errors that a start may end by without being counted."""

    def __init__(self, state_dir: Path, said: tuple[type[BaseException], ...] = (), boot: str | None = None) -> None:
        """`boot` tells one boot of the machine from another; None asks the machine."""
        self._path = state_dir / FILE
        self._said = said
        self._boot = boot_of_machine() if boot is None else boot
        self._before: tuple[int, str | None] = (0, None)
        self._ready = False
        self._again = False

    @contextlib.contextmanager
    def counted(self) -> Iterator[Start]:
        """Count this run as unclean until it ends otherwise; lend what it may do."""
        unclean, boot = self._before = self._read()
        start = Start(unclean + (boot == self._boot))
        self._write(start.unclean, self._boot)
        if start.paused:
            hint = "find in the log what ended the agent, then restart it: a clean stop ends safe mode"
            log.error("mode=safe unclean_ends=%d queue=paused hint=%r", start.unclean, hint)
        try:
            yield start
        except (asyncio.CancelledError, KeyboardInterrupt):
            self._stopped()
            raise
        except BaseException as error:
            if not self._ready and all(isinstance(one, self._said) for one in _leaves(error)):
                self._write(*self._before)
            raise
        self._stopped()

    def ready(self) -> None:
        """Note that the agent has started: whatever ends it from now on counts."""
        self._ready = True

    async def watch(self, start: Start, clock: Clock, restart: Callable[[], None]) -> None:
        """Forget unclean ends once the agent runs well; in safe mode, try as usual after an hour."""
        if not start.paused:
            await clock.until(clock.monotonic() + GOOD_S)
            await asyncio.to_thread(self._write, 0, self._boot)
            return
        await clock.until(clock.monotonic() + TRY_AGAIN_S)
        log.warning("mode=safe state=trying_as_usual")
        self._again = True
        restart()

    def _stopped(self) -> None:
        """A clean stop is somebody's word; one that is our own try counts only if it ends well."""
        self._write(UNCLEAN_MAX - 1 if self._again else 0, None)

    def _read(self) -> tuple[int, str | None]:
        try:
            said = json.loads(self._path.read_bytes())
            unclean, boot = said["unclean"], said["boot"]
            if isinstance(unclean, int) and unclean >= 0 and isinstance(boot, str | None):
                return unclean, boot
            raise ValueError("not a count")
        except FileNotFoundError:
            return 0, None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("ends=unreadable file=%s error=%r", self._path, error)
            return 0, None

    def _write(self, unclean: int, boot: str | None) -> None:
        """Keep the count; `boot` while a run goes on. A disk that does not take it is no reason not to run."""
        beside = self._path.with_suffix(".new")
        try:
            if not unclean and boot is None:
                self._path.unlink(missing_ok=True)
                return
            with beside.open("w", encoding="utf-8") as file:
                json.dump({"unclean": unclean, "boot": boot}, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            log.warning("ends=not_kept file=%s error=%r", self._path, error)


def boot_of_machine() -> str:
    """Return what tells this boot from others: systemd's folder for the run, which no boot keeps, else the kernel's id.

    The unit hides the kernel's (`ProcSubset=pid`), so a random word is kept in the folder.
    """
    folder = os.environ.get("RUNTIME_DIRECTORY", "")
    if not folder:
        with contextlib.suppress(OSError):
            return _BOOT_ID.read_text(encoding="ascii").strip()
        return "unknown"
    path = Path(folder.split(":", maxsplit=1)[0]) / "boot"
    try:
        with path.open("x", encoding="ascii") as file:
            file.write(secrets.token_hex(8))
    except FileExistsError:
        pass
    except OSError as error:
        log.warning("ends=boot_unknown file=%s error=%r", path, error)
        return "unknown"
    return path.read_text(encoding="ascii")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
