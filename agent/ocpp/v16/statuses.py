"""Connector statuses of OCPP 1.6: what is shown, what was told, and when the difference is to be told.

Pure. A status is told once per transition, and only after it has been stable for MinimumStatusDuration (9.1.20).
What was not told while off line is not told later: only the state that holds then (4.9: current state, not history).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

RETRY_MS = 60_000  # a status that the Central System did not take is told again after this


class ConnectorStatus(StrEnum):
    """ChargePointStatus of OCPP 1.6, 7.7."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


# OCPP 1.6, 7.7: connector 0 is the station itself.
OF_STATION = (ConnectorStatus.AVAILABLE, ConnectorStatus.UNAVAILABLE, ConnectorStatus.FAULTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a StatusNotification says of a connector. `info` and `vendor_error` are short texts without ids."""

    status: ConnectorStatus
    error: str = "NoError"
    info: str = ""
    vendor_error: str = ""


@dataclass(slots=True, kw_only=True)
class _Connector:
    shown: Status
    since_ms: int
    told: Status | None = None
    on_the_way: Status | None = None
    not_before_ms: int = 0
    forced: bool = False


@dataclass(slots=True)
class StatusBoard:
    """All connectors of a station, 0 included."""

    _connectors: dict[int, _Connector] = field(default_factory=dict)

    def show(self, connector_id: int, status: Status, now_ms: int) -> None:
        """Take what a connector shows now. Raises ValueError for a status that connector 0 cannot have."""
        if connector_id == 0 and status.status not in OF_STATION:
            raise ValueError(f"connector 0 cannot be {status.status}")
        known = self._connectors.get(connector_id)
        if known is None:
            self._connectors[connector_id] = _Connector(shown=status, since_ms=now_ms)
        elif known.shown != status:
            known.shown, known.since_ms, known.not_before_ms = status, now_ms, 0

    def shown(self, connector_id: int) -> Status | None:
        """Return what a connector shows, or None if nothing was ever heard of it."""
        known = self._connectors.get(connector_id)
        return known.shown if known else None

    def due(self, now_ms: int, stable_ms: int) -> tuple[tuple[int, Status], ...]:
        """Return what is to be told now, by connector id, and take it as being on its way."""
        ready = [(one, known) for one, known in sorted(self._connectors.items()) if _at(known, stable_ms, now_ms)]
        for _, known in ready:
            known.on_the_way, known.forced = known.shown, False
        return tuple((one, known.shown) for one, known in ready)

    def wake(self, now_ms: int, stable_ms: int) -> int | None:
        """Return the instant at which something is to be told if nothing else happens."""
        waiting = (_instant(known, stable_ms) for known in self._connectors.values())
        return min((max(at, now_ms) for at in waiting if at is not None), default=None)

    def told(self, connector_id: int, said: str, taken: bool, now_ms: int) -> None:
        """Note how the Central System took the notification of a status: not taken is told again after a while.

        The end of an older notification says nothing about the newer one that is on its way.
        """
        known = self._connectors.get(connector_id)
        if known is None or known.on_the_way is None or known.on_the_way.status.value != said:
            return
        if taken:
            known.told = known.on_the_way
        else:
            known.not_before_ms = now_ms + RETRY_MS
        known.on_the_way = None

    def force(self, connector_id: int | None) -> None:
        """Tell one connector's status, or all, whether it was told or not (TriggerMessage, after a boot)."""
        for one, known in self._connectors.items():
            if connector_id in (None, one):
                known.forced, known.on_the_way = True, None

    def link_lost(self) -> None:
        """What was on its way is not on its way any more, and no retry needs to wait."""
        for known in self._connectors.values():
            known.on_the_way, known.not_before_ms = None, 0


def _instant(known: _Connector, stable_ms: int) -> int | None:
    if known.forced:
        return 0
    if known.shown in (known.told, known.on_the_way):
        return None
    return max(known.since_ms + stable_ms, known.not_before_ms)


def _at(known: _Connector, stable_ms: int, now_ms: int) -> bool:
    at = _instant(known, stable_ms)
    return at is not None and at <= now_ms
