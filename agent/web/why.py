"""What is known about a refusal, for its words: the code and place of the open CheckIn, hours, powers, times.

Pure. A field that is not known is left out; every reason has words without fields.
"""

from agent.core.board import closes_utc_ms, label, opens_utc_ms
from agent.core.inputs import Refused
from agent.core.layout import MINUTE_MS, ChargingPool, Now, PoolId
from agent.core.queue import position, queue_length
from agent.core.shown import Waits
from agent.core.state import Site, Wishes
from agent.texts.refusals import Reason, refusal_text
from agent.web.words import Words


def why_not(
    words: Words,
    site: Site,
    now: Now,
    refused: Refused,
    *,
    phone: str | None,
) -> str:
    """Return the words of a refusal that concerns an own page."""
    return refusal_text(
        words.catalogue, Reason(refused.reason.value), words.language, **_known(words, site, now, refused, phone)
    )


def why_no_place(
    words: Words,
    site: Site,
    now: Now,
    refused: Refused,
    *,
    pool: str,
    wishes: Wishes,
    departure_utc_ms: int | None,
    waits: Waits,
    phone: str | None,
) -> str:
    """Return the words of a refused check-in, or of a refused change."""
    fields = _known(words, site, now, refused, phone)
    found = site.location.pool(PoolId(pool)) if site.location else None
    if found is not None and site.location is not None:
        fields |= _of_pool(words, site, found, now)
        fields |= {"wanted_w": wishes.min_power_w or None, "strongest_w": _strongest_w(site, found)}
        wait = waits.newcomer.get(found.id)
        if wait is not None and now.utc_ms is not None:
            fields["leave"] = words.local(departure_utc_ms)
            fields["wait_until"] = words.local(now.utc_ms + wait.p90_min * MINUTE_MS)
    told = {name: value for name, value in fields.items() if value is not None}
    return refusal_text(words.catalogue, Reason(refused.reason.value), words.language, **told)


def _known(words: Words, site: Site, now: Now, refused: Refused, phone: str | None) -> dict[str, object]:
    fields: dict[str, object | None] = {"phone": phone}
    check_in = site.check_ins.get(refused.check_in) if refused.check_in is not None else None
    if check_in is not None:
        fields["code"] = check_in.code
        fields["position"] = position(site, check_in)
        fields["count"] = check_in.snoozes or None
    evse = refused.evse if refused.evse is not None else check_in.evse if check_in else None
    if evse is not None:
        fields["bay"] = label(site, evse)
        hold = site.holds.get(evse)
        fields["until"] = words.local(now.at(hold.until_ms).utc_ms) if hold else None
    return {name: value for name, value in fields.items() if value is not None}


def _of_pool(words: Words, site: Site, pool: ChargingPool, now: Now) -> dict[str, object]:
    location = site.location
    if location is None:
        return {}
    fields = {
        "waiting": queue_length(site, pool.id),
        "opens": words.local(opens_utc_ms(location, pool, now)),
        "closes": words.local(closes_utc_ms(location, pool, now)),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _strongest_w(site: Site, pool: ChargingPool) -> int | None:
    layouts = (site.layout_of(evse) for evse in pool.evses)
    return max((found.max_power_w for found in layouts if found is not None), default=None)
