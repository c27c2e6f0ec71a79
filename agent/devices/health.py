"""Which devices answer: the one table that status, console and log read.

In memory only: after a restart every device has to show itself again. A device that is lost is a fact for people;
whether an EVSE may still be used is decided by the core from what its observations say.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

log = logging.getLogger("stationmaster.devices")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """What is known of one device; instants in seconds of the device clock."""

    name: str
    ok: bool = False
    trouble: str | None = None
    since_s: float = 0.0
    restarts: int = 0


class Health:
    """The state of every device by name."""

    def __init__(self) -> None:
        self._states: dict[str, DeviceState] = {}

    def expect(self, name: str, now_s: float) -> None:
        """Name a device that should answer."""
        self._states.setdefault(name, DeviceState(name=name, since_s=now_s))

    def heard(self, name: str, now_s: float) -> None:
        """Note a reading or a deed that succeeded."""
        old = self._states.get(name, DeviceState(name=name, since_s=now_s))
        if not old.ok and old.trouble is not None:
            log.warning("device=%s state=ok after_s=%.0f", name, now_s - old.since_s)
        since = old.since_s if old.ok else now_s
        self._states[name] = replace(old, ok=True, trouble=None, since_s=since)

    def lost(self, name: str, trouble: str, now_s: float) -> None:
        """Note that a device failed; the text says what to do. The same trouble is logged once."""
        old = self._states.get(name, DeviceState(name=name, since_s=now_s))
        if old.trouble != trouble:
            log.error("device=%s state=lost hint=%r", name, trouble)
        since = now_s if old.ok or old.trouble is None else old.since_s
        self._states[name] = replace(old, ok=False, trouble=trouble, since_s=since, restarts=old.restarts + 1)

    def states(self) -> Mapping[str, DeviceState]:
        """Return all states by name, sorted."""
        return dict(sorted(self._states.items()))

    def all_heard(self) -> bool:
        """Whether every expected device has answered or failed once."""
        return all(s.ok or s.trouble is not None for s in self._states.values())
