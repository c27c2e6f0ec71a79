"""The location as partners read it: pools with their state, EVSEs with their OCPI status (`sequere.md` 6.3).

Renders, decides nothing. Numbers only: no call code, no CheckIn, nobody.
"""

from collections.abc import Mapping
from typing import Any

from agent.core.board import pool_view
from agent.core.layout import DAY_MIN, ChargingLocation, ChargingPool, Connector, Evse, EvseId, Policy
from agent.core.shown import EvseShown, evse_shown
from agent.partners.entries import LABEL_MAX, Scene, wait_minutes
from agent.partners.sequences import Sequences, Stamp

REGULAR_HOURS_MAX = 28  # schema `hours`
ONE_PHASE_MAX_W = 7_400  # 32 A at 230 V: AC beyond it has three phases

_STATUS: Mapping[EvseShown, str] = {
    EvseShown.FREE: "AVAILABLE",
    EvseShown.FREE_UNKNOWN: "AVAILABLE",
    EvseShown.TAKEN: "BLOCKED",
    EvseShown.QUEUE: "BLOCKED",
    EvseShown.HELD: "RESERVED",
    EvseShown.ARRIVED: "RESERVED",
    EvseShown.WRONG_CAR: "RESERVED",
    EvseShown.RESERVED_NOW: "RESERVED",
    EvseShown.AUTHORISE: "BLOCKED",  # RESERVED while it is held: see `_status`
    EvseShown.PREPARING: "CHARGING",
    EvseShown.CHARGING: "CHARGING",
    EvseShown.PAUSED: "CHARGING",
    EvseShown.FINISHED: "CHARGING",  # OCPI: in use
    EvseShown.PLEASE_MOVE: "CHARGING",
    EvseShown.BLOCKED: "BLOCKED",
    EvseShown.FAULT: "OUTOFORDER",
    EvseShown.DANGER: "OUTOFORDER",
    EvseShown.OUT_OF_ORDER: "INOPERATIVE",
    EvseShown.CLOSED: "INOPERATIVE",
    EvseShown.STARTING: "UNKNOWN",
}


class Poi:
    """Renders a location; remembers since when each part of it is as it is."""

    def __init__(self, sequences: Sequences) -> None:
        self._sequences = sequences

    def location(self, scene: Scene, location: ChargingLocation) -> dict[str, Any]:
        """Return the location with its pools, their states, and its EVSEs."""
        evses = [self._evse(scene, evse) for evse in location.evses]
        always = all(not pool.opening for pool in location.pools)
        return {
            "country_code": location.country_code,
            "party_id": location.party_id,
            "id": location.id,
            "name": location.name,
            "time_zone": location.time_zone,
            **({"opening_times": {"twentyfourseven": True}} if always else {}),
            "charging_pools": [self._pool(scene, location.policy, pool) for pool in location.pools],
            "evses": evses,
            "last_updated": self.location_last_updated(scene, location),
        }

    def location_last_updated(self, scene: Scene, location: ChargingLocation) -> str:
        """Return when anything but the pools' states changed last."""
        stamps = (self._static(scene), *(self._evse_stamp(scene, evse.id) for evse in location.evses))
        return scene.informs(max(stamp.at_ms for stamp in stamps))

    def pool_state(self, scene: Scene, pool: ChargingPool) -> dict[str, Any]:
        """Return what changes in a pool (6.3 PoolState)."""
        view = pool_view(scene.site, pool.id, scene.now, scene.waits)
        state: dict[str, Any] = {
            "pool_id": pool.id,
            "status": view.status.value,
            "queue_length": view.queue_length,
            "evses_free": view.evses_free,
            "evses_in_service": view.evses_in_service,
            **({"wait_minutes": wait_minutes(view.wait)} if view.wait else {}),
            "reservation_required": False,
        }
        stamp = self._stamp(scene, f"pool/{pool.id}", repr(state))
        return {**state, "sequence": stamp.sequence, "last_updated": scene.informs(stamp.at_ms)}

    def _pool(self, scene: Scene, policy: Policy, pool: ChargingPool) -> dict[str, Any]:
        hours = _hours(pool)
        return {
            "pool_id": pool.id,
            "name": [{"language": language, "text": text} for language, text in pool.names],
            "evse_uids": [str(evse) for evse in pool.evses],
            **({"opening_times": hours} if hours else {}),
            "queue_terms": _queue_terms(policy),
            "state": self.pool_state(scene, pool),
            "last_updated": scene.informs(self._static(scene).at_ms),
        }

    def _evse(self, scene: Scene, evse: Evse) -> dict[str, Any]:
        return {
            "uid": str(evse.id),
            **({"evse_id": evse.evse_id_emi3} if evse.evse_id_emi3 else {}),
            "status": _status(scene, evse.id),
            "physical_reference": evse.label[:LABEL_MAX],
            "vehicle_types": list(vehicle_types(evse)),
            "connectors": [_connector(connector) for connector in evse.connectors],
            "last_updated": scene.informs(self._evse_stamp(scene, evse.id).at_ms),
        }

    def _evse_stamp(self, scene: Scene, evse: EvseId) -> Stamp:
        return self._stamp(scene, f"evse/{evse}", _status(scene, evse))

    def _static(self, scene: Scene) -> Stamp:
        return self._stamp(scene, "location", scene.site.digest)

    def _stamp(self, scene: Scene, about: str, content: str) -> Stamp:
        return self._sequences.stamp(about, content, scene.site.sequence, scene.now.elapsed_ms)


def vehicle_types(evse: Evse) -> tuple[str, ...]:
    """Return the OCPI VehicleTypes that a bay is known to suit: the layout knows passenger cars and accessible bays."""
    return ("PERSONAL_VEHICLE", "DISABLED") if evse.accessible else ("PERSONAL_VEHICLE",)


def _status(scene: Scene, evse: EvseId) -> str:
    shown = evse_shown(scene.site, evse, scene.now)
    if shown is EvseShown.AUTHORISE and evse in scene.site.holds:
        return "RESERVED"
    if shown is EvseShown.FINISHED and evse not in scene.site.stays:
        return "BLOCKED"  # unplugged, and still there
    return _STATUS[shown]


def _connector(connector: Connector) -> dict[str, Any]:
    alternating = "AC_1_PHASE" if connector.max_power_w <= ONE_PHASE_MAX_W else "AC_3_PHASE"
    return {
        "id": str(connector.id),
        "standard": connector.standard,
        "format": "CABLE" if connector.cable else "SOCKET",
        "power_type": "DC" if connector.dc else alternating,
        "max_electric_power": connector.max_power_w,
    }


def _hours(pool: ChargingPool) -> dict[str, Any] | None:
    """Return OCPI Hours in local time; None for a pool that is always open, or has more ranges than they can tell."""
    if not pool.opening or len(pool.opening) > REGULAR_HOURS_MAX:
        return None
    ranges = [
        {"weekday": r.weekday + 1, "period_begin": _clock(r.begin_min), "period_end": _clock(r.end_min)}
        for r in pool.opening
    ]
    return {"twentyfourseven": False, "regular_hours": ranges}


def _clock(minute: int) -> str:
    minute = min(minute, DAY_MIN - 1)  # OCPI has no 24:00
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _queue_terms(policy: Policy) -> dict[str, int | str]:
    """Return what a User agrees to by joining (`sequere.md` 6.3)."""
    return {
        "arrival_window_seconds": policy.arrival_window_ms // 1000,
        "long_arrival_window_seconds": policy.long_arrival_window_ms // 1000,
        "extension_seconds": policy.extension_ms // 1000,
        "snooze_limit": policy.snooze_limit,
        "requeue_behind": policy.requeue_behind,
        "partner_presence": policy.partner_presence.value,
    }
