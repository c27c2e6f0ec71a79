"""What the words of a refusal may name: times, lengths, codes, as far as the partner may know them.

Pure. A field that is not known or not the partner's business is left out; the catalogue then has words without it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from agent.core.board import closes_utc_ms, label, opens_utc_ms
from agent.core.inputs import JoinQueue, Refused, Request
from agent.core.layout import MINUTE_MS, ChargingLocation
from agent.core.queue import queue_length
from agent.partners.entries import Scene
from agent.partners.partner import Partner

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def refusal_fields(scene: Scene, request: Request, no: Refused, partner: Partner) -> dict[str, Any]:
    """Return the fields of a refusal's words."""
    fields = _of_join(scene, request) if isinstance(request, JoinQueue) else {}
    about = scene.site.check_ins.get(no.check_in) if no.check_in is not None else None
    if about is not None and partner.owns(about.owner):
        fields |= {"code": about.code, "position": scene.position(about), "count": about.snoozes}
        if no.evse is not None:
            fields["bay"] = label(scene.site, no.evse)
    return {name: value for name, value in fields.items() if value is not None}


def _of_join(scene: Scene, join: JoinQueue) -> dict[str, Any]:
    location = scene.site.location
    pool = location.pool(join.pool) if location else None
    if location is None or pool is None:
        return {}
    newcomer = scene.waits.newcomer.get(pool.id)
    standards = join.wishes.standards
    plugs = [c for e in location.evses if e.id in pool.evses for c in e.connectors]
    strongest = max((c.max_power_w for c in plugs if not standards or c.standard in standards), default=None)
    late = scene.utc_ms + join.quote.p90_min * MINUTE_MS if join.quote and scene.trusted else None
    return {
        "waiting": queue_length(scene.site, pool.id),
        "minutes": newcomer.p50_min if newcomer else None,
        "opens": local_time(location, opens_utc_ms(location, pool, scene.now)),
        "closes": local_time(location, closes_utc_ms(location, pool, scene.now)),
        "leave": local_time(location, join.departure_utc_ms),
        "wait_until": local_time(location, late),
        "wanted_w": join.wishes.min_power_w or None,
        "strongest_w": strongest,
    }


def local_time(location: ChargingLocation, utc_ms: int | None) -> datetime | None:
    """Return an instant as the location's clock on the wall shows it, or None."""
    if utc_ms is None:
        return None
    return _EPOCH + timedelta(milliseconds=utc_ms, minutes=location.offset_min(utc_ms))
