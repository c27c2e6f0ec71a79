"""The charging location as the core knows it, made of the configuration.

Pure but for the time-zone files that `zoneinfo` reads: local time enters the core as a table of offsets, so that replay
never depends on the machine. Only for a configuration that loaded without problems.
"""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from agent.config.booking_types import BookingSettings, FeeSettings
from agent.config.check_site import label_of
from agent.config.devices import is_dc
from agent.config.opening import parse_opening
from agent.config.policy_types import PolicySettings
from agent.config.site_types import SOCKETS, ConnectorSettings, EvseSettings, PoolSettings
from agent.config.types import Config
from agent.core.layout import (
    DAY_MIN,
    MINUTE_MS,
    BookingTerms,
    ChargingLocation,
    ChargingPool,
    Connector,
    ConnectorId,
    Evse,
    EvseId,
    OpenRange,
    Place,
    Policy,
    PoolId,
)
from agent.core.terms import Fee

YEARS_BACK = 1  # a journal is replayed on the offsets of its own layout; this is for what is shown of yesterday
YEARS_AHEAD = 5  # bookings reach weeks, restarts come at least with each update
YEAR_MIN = 2026  # a clock that says an earlier year is not set yet
YEAR_MAX = 9990  # datetime ends at 9999
HOUR_MS = 60 * MINUTE_MS
_STEP = timedelta(days=1)  # no zone changes its offset twice within a day


def location_of(config: Config, *, utc_ms: int) -> ChargingLocation:
    """Return the location with its policy, and its offsets for the years around an instant in UTC milliseconds."""
    settings = config.location
    return ChargingLocation(
        id=settings.id,
        name=settings.name,
        country_code=settings.country_code,
        party_id=settings.party_id,
        time_zone=settings.time_zone,
        evses=tuple(_evse(evse) for evse in config.evse),
        pools=tuple(_pool(pool) for pool in config.pool),
        policy=policy_of(config.policy),
        offsets=offsets_of(settings.time_zone, utc_ms=utc_ms),
        languages=tuple(settings.languages),
    )


def digest(location: ChargingLocation) -> str:
    """Return the SHA-256 of a location in hexadecimal: equal if and only if nothing of it changed."""
    text = json.dumps(dataclasses.asdict(location), sort_keys=True, default=_plain, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def policy_of(settings: PolicySettings) -> Policy:
    """Return the core's policy: minutes, seconds and hours become milliseconds."""
    return Policy(
        arrival_window_ms=_ms(settings.arrival_window_min, MINUTE_MS),
        long_arrival_window_ms=_ms(settings.long_arrival_window_min, MINUTE_MS),
        extension_ms=_ms(settings.extension_min, MINUTE_MS),
        arrival_pause_ms=_ms(settings.arrival_pause_min, MINUTE_MS),
        misses_allowed=settings.misses_allowed,
        requeue_behind=settings.requeue_behind,
        snooze_limit=settings.snooze_limit,
        snooze_max_min=settings.snooze_max_min,
        undo_ms=_ms(settings.undo_s, 1000),
        plug_timeout_ms=_ms(settings.plug_timeout_min, MINUTE_MS),
        blocked_grace_ms=_ms(settings.blocked_grace_min, MINUTE_MS),
        pause_to_finished_ms=_ms(settings.pause_to_finished_min, MINUTE_MS),
        move_grace_ms=_ms(settings.move_grace_min, MINUTE_MS),
        reconcile_ms=_ms(settings.reconcile_s, 1000),
        longest_wait_ms=_ms(settings.longest_wait_h, HOUR_MS),
        keep_ended_ms=_ms(settings.keep_ended_h, HOUR_MS),
        cohort_no_shows=settings.cohort_no_shows,
        unproven_no_shows=settings.unproven_no_shows,
        unproven_span_ms=_ms(settings.unproven_span_min, MINUTE_MS),
        walk_in_risk_percent=settings.walk_in_risk_percent,
        ad_hoc_start=settings.ad_hoc_start,
        partner_presence=settings.partner_presence,
        accept_on_plug=settings.accept_on_plug,
    )


def offsets_of(time_zone: str, *, utc_ms: int) -> tuple[tuple[int, int], ...]:
    """Return (from_utc_ms, minutes east of UTC) for whole years: the year before an instant to five years after it.

    Whole years, so that a restart tomorrow gives the same table; the first offset holds from the beginning of time.
    """
    year = min(max(datetime.fromtimestamp(max(utc_ms, 0) / 1000, UTC).year, YEAR_MIN), YEAR_MAX - YEARS_AHEAD)
    zone = ZoneInfo(time_zone)
    at, end = datetime(year - YEARS_BACK, 1, 1, tzinfo=UTC), datetime(year + YEARS_AHEAD + 1, 1, 1, tzinfo=UTC)
    table = [(0, _offset_min(zone, at))]
    while at < end:
        after = at + _STEP
        if (offset := _offset_min(zone, after)) != table[-1][1]:
            table.append((_first_ms(zone, at, after, offset), offset))
        at = after
    return tuple(table)


def _first_ms(zone: ZoneInfo, before: datetime, after: datetime, offset_min: int) -> int:
    """Return the first minute at which an offset holds that does not hold at `before` and does at `after`, in ms."""
    while after - before > timedelta(minutes=1):
        middle = before + timedelta(minutes=(after - before) // timedelta(minutes=2))
        if _offset_min(zone, middle) == offset_min:
            after = middle
        else:
            before = middle
    return int(after.timestamp()) * 1000


def _offset_min(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset() or timedelta(0)
    return offset // timedelta(minutes=1)


def _evse(settings: EvseSettings) -> Evse:
    return Evse(
        id=EvseId(settings.id),
        label=label_of(settings),
        connectors=tuple(_connector(connector) for connector in settings.connector),
        accessible=settings.accessible,
        evse_id_emi3=settings.evse_id or None,
        place=None if settings.place is None else Place(row=settings.place.row, column=settings.place.column),
    )


def _connector(settings: ConnectorSettings) -> Connector:
    cable = settings.cable == "cable" or (settings.cable == "auto" and settings.standard not in SOCKETS)
    return Connector(
        id=ConnectorId(settings.id),
        standard=settings.standard.value,
        max_power_w=round(settings.max_power_kw * 1000),
        dc=is_dc(settings),
        cable=cable,
    )


def _pool(settings: PoolSettings) -> ChargingPool:
    names = (("en", settings.name.en), ("de", settings.name.de or settings.name.en))
    return ChargingPool(
        id=PoolId(settings.id),
        names=names,
        evses=tuple(EvseId(evse) for evse in settings.evses),
        opening=_ranges(settings.opening),
        token_groups=tuple(settings.token_groups),
        queue_limit=settings.queue_limit,
        price=settings.price or None,
        booking=_terms(settings.booking) if settings.booking else None,
    )


def _terms(settings: BookingSettings) -> BookingTerms:
    return BookingTerms(
        min_advance_min=settings.min_advance_min,
        max_advance_min=settings.max_advance_days * DAY_MIN,
        shortest_min=settings.shortest_min,
        longest_min=settings.longest_min,
        increment_min=settings.increment_min,
        share_max_percent=settings.share_max_percent,
        bind_before_min=settings.bind_before_min,
        late_stop_min=settings.late_stop_min,
        no_show_min=settings.no_show_min,
        change_until_min=settings.change_until_min,
        cancel_until_min=settings.cancel_until_min,
        required=_ranges(settings.required),
        fees=tuple(_fee(f) for f in settings.fee),
    )


def _fee(settings: FeeSettings) -> Fee:
    return Fee(
        kind=settings.kind,
        before_taxes=round(settings.amount * 100),
        currency=settings.currency,
        tax_permille=round(settings.tax_percent * 10),
    )


def _ranges(hours: tuple[str, ...]) -> tuple[OpenRange, ...]:
    ranges = [r for one in hours for r in parse_opening(one)]
    return tuple(sorted(ranges, key=lambda r: (r.weekday, r.begin_min, r.end_min)))


def _ms(span: float, unit_ms: int) -> int:
    return round(span * unit_ms)


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else str(value)
