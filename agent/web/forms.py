"""Forms as they arrive: parsed once, bounded, with what is wrong named by its refusal.

Touches the request's body only. Decides what a field means, not whether it is granted.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web

from agent.core.layout import ChargingLocation, Now
from agent.core.state import Wishes
from agent.core.visit import ENERGY_NEED_MAX_WH, Vehicle

BODY_S = 20.0  # to the end of the body; a phone on weak Wi-Fi sends 1 KiB in well under a second
FIELDS_MAX = 30
FIELD_SIGNS_MAX = 300  # an EMAID has 15, an IdToken at most 255
MIN_POWER_KW_MAX = 1000
CODE_DIGITS = 6


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of a form, blanks cut off; raises HTTPException for one that is too large, slow or odd."""
    if request.content_type not in ("application/x-www-form-urlencoded", ""):
        raise web.HTTPUnsupportedMediaType
    if not _is_plain(request):
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(BODY_S):
            posted = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, web.PayloadAccessError, web.RequestPayloadError):
        raise web.HTTPBadRequest from None
    fields = {name: value.strip() for name, value in posted.items() if isinstance(value, str)}
    if len(posted) > FIELDS_MAX or any(len(value) > FIELD_SIGNS_MAX for value in fields.values()):
        raise web.HTTPRequestEntityTooLarge(max_size=FIELD_SIGNS_MAX, actual_size=FIELD_SIGNS_MAX + 1)
    return fields


def _is_plain(request: web.Request) -> bool:
    """Return whether a body is UTF-8 as it is: Python has codecs that make lone surrogates."""
    packed = request.headers.get("Content-Encoding", "identity").lower() != "identity"
    return not packed and (request.charset or "utf-8").lower() in ("utf-8", "utf8", "us-ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinForm:
    """What somebody wants who checks in; what was written but makes no sense is None or left out."""

    pool: str
    digits: str
    scanned: bool
    wishes: Wishes
    more_time: bool
    departure: str
    vehicle: Vehicle
    contract: str
    anyway: bool
    told: Mapping[str, str]


_TOLD = (
    "pool",
    "digits",
    "scanned",
    "accessible",
    "more_time",
    "min_power",
    "departure",
    "soc",
    "energy",
    "contract",
    "anyway",
)


def join_form(fields: Mapping[str, str]) -> JoinForm:
    """Return a check-in form parsed."""
    return JoinForm(
        pool=fields.get("pool", ""),
        digits="".join(c for c in fields.get("digits", "") if c.isascii() and c.isdigit())[:CODE_DIGITS],
        scanned=fields.get("scanned") == "1",
        wishes=Wishes(min_power_w=_power_w(fields.get("min_power", "")), accessible=fields.get("accessible") == "1"),
        more_time=fields.get("more_time") == "1",
        departure=fields.get("departure", ""),
        vehicle=_vehicle(fields.get("soc", ""), fields.get("energy", "")),
        contract=fields.get("contract", ""),
        anyway=fields.get("anyway") == "1",
        told={name: fields[name] for name in _TOLD if fields.get(name)},
    )


def departure_utc_ms(text: str, location: ChargingLocation, now: Now) -> int | None:
    """Return the next instant at which the site's clock shows a time of day, or None without a clock or a time."""
    if now.utc_ms is None:
        return None
    try:
        wanted = datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - a time of day, made an instant below
    except ValueError:
        return None
    offset = timedelta(minutes=location.offset_min(now.utc_ms))
    here = datetime.fromtimestamp(now.utc_ms / 1000, tz=UTC) + offset
    leaves = here.replace(hour=wanted.hour, minute=wanted.minute, second=0, microsecond=0)
    if leaves <= here:
        leaves += timedelta(days=1)
    return round((leaves - offset).timestamp() * 1000)


def _power_w(text: str) -> int:
    kilowatts = _number(text)
    return round(kilowatts * 1000) if 0 < kilowatts <= MIN_POWER_KW_MAX else 0


def _vehicle(soc: str, energy: str) -> Vehicle:
    """Return what was told of the car; what makes no sense counts as not told."""
    percent, need_wh = _number(soc), round(_number(energy) * 1000)
    return Vehicle(
        soc_percent=round(percent) if soc.strip() and 0 <= percent <= 100 else None,
        energy_need_wh=need_wh if 0 < need_wh <= ENERGY_NEED_MAX_WH else None,
    )


def _number(text: str) -> float:
    """Return a number as people write it, with point or comma; -1 for what is none."""
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return -1.0
    return number if math.isfinite(number) else -1.0
