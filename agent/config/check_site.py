"""What one key alone cannot tell about the site: doubled ids, pools that name no EVSE, hours, time zone, policy.

Pure but for the time-zone files that `zoneinfo` looks up. Draws no conclusions from values that were wrong by
themselves: each mistake is told once.
"""

import re
import zoneinfo
from collections.abc import Callable, Iterable

from agent.config.booking_types import BookingSettings
from agent.config.opening import parse_opening
from agent.config.policy_types import PolicySettings
from agent.config.problems import Problem, ProblemKind, Severity, nearest, shown
from agent.config.reader import Reader
from agent.config.site_types import EvseSettings, PoolSettings
from agent.config.types import Config
from agent.core.codes import DIGITS, LETTERS
from agent.core.layout import DAY_MIN, AdHocStart

_CALL_CODE = re.compile(rf"\A[{LETTERS}][{DIGITS}]{{1,3}}\Z", re.IGNORECASE)


def check_site(config: Config, reader: Reader) -> None:
    """Add to the reader what does not fit together in location, EVSEs, pools and policy."""
    _check_time_zone(config, reader)
    _check_languages(config, reader)
    _check_evses(config, reader)
    _check_pools(config, reader)
    _check_policy(config.policy, config, reader)


def check_doubled(
    reader: Reader, entries: Iterable[tuple[str, str]], what: str, *, same: Callable[[str], str] = str.casefold
) -> None:
    """Add a problem for each entry (path, text) that says the same as an earlier one."""
    first: dict[str, str] = {}
    for path, text in entries:
        if not reader.sound(path) or not text:
            continue
        earlier = first.setdefault(same(text), path)
        if earlier != path:
            conflict(reader, path, f"{shown(text)} is also {earlier}", f"give each {what} its own")


def conflict(reader: Reader, path: str, value: str, hint: str, severity: Severity = Severity.ERROR) -> None:
    """Add a problem between values that are fine by themselves; a warning spoils nothing."""
    problem = Problem(path=path, kind=ProblemKind.CONFLICT, value=value, hint=hint, severity=severity)
    if severity is Severity.WARNING:
        reader.warn(problem)
    else:
        reader.add(problem)


def label_of(evse: EvseSettings) -> str:
    """Return the name of a bay: its label, or the id of its EVSE."""
    return evse.label or str(evse.id)


def _check_time_zone(config: Config, reader: Reader) -> None:
    path = "location.time_zone"
    name = config.location.time_zone
    if not reader.sound(path):
        return
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        reader.add(
            Problem(
                path=path,
                kind=ProblemKind.NOT_ALLOWED,
                value=shown(name),
                allowed='an IANA name such as "Europe/Berlin"',
                nearest=nearest(name, zoneinfo.available_timezones()),
            )
        )


def _check_languages(config: Config, reader: Reader) -> None:
    languages = enumerate(config.location.languages, start=1)
    check_doubled(reader, ((f"location.languages[{n}]", language) for n, language in languages), "entry")


def _check_evses(config: Config, reader: Reader) -> None:
    evses = tuple(enumerate(config.evse, start=1))
    check_doubled(reader, ((f"evse[{n}].id", str(evse.id)) for n, evse in evses), "EVSE")
    check_doubled(
        reader, ((f"evse[{n}].label" if evse.label else f"evse[{n}].id", label_of(evse)) for n, evse in evses), "bay"
    )
    check_doubled(reader, ((f"evse[{n}].evse_id", evse.evse_id) for n, evse in evses), "EVSE")
    for n, evse in evses:
        connectors = enumerate(evse.connector, start=1)
        check_doubled(reader, ((f"evse[{n}].connector[{c}].id", str(one.id)) for c, one in connectors), "connector")
        if _CALL_CODE.match(evse.label):
            hint = 'people would read it as somebody\'s call code; "go to bay K7" helps nobody'
            conflict(reader, f"evse[{n}].label", f"{shown(evse.label)} looks like a call code", hint, Severity.WARNING)
    _check_places(config, reader)
    ids = sorted(evse.id for evse in config.evse)
    if reader.sound("evse") and config.csms.url and ids != list(range(1, len(ids) + 1)):
        hint = f"OCPP wants the ids 1 to {len(ids)} for {len(ids)} EVSEs; use label for what is painted on the bay"
        conflict(reader, "evse", "the ids have gaps", hint, Severity.WARNING)


def _check_places(config: Config, reader: Reader) -> None:
    """No two bays in one place, and the places of all or of none: half a plan is shown to nobody."""
    placed = tuple((f"evse[{n}].place", evse.place) for n, evse in enumerate(config.evse, start=1))
    said = ((path, f"row {one.row}, column {one.column}") for path, one in placed if one is not None)
    check_doubled(reader, said, "bay")
    missing = [path for path, one in placed if one is None]
    if missing and len(missing) < len(placed) and reader.sound("evse"):
        hint = "pages show no plan before every bay has one"
        conflict(reader, missing[0], "other bays have a place", hint, Severity.WARNING)


def _check_pools(config: Config, reader: Reader) -> None:
    pools = tuple(enumerate(config.pool, start=1))
    check_doubled(reader, ((f"pool[{n}].id", pool.id) for n, pool in pools), "pool")
    labels = {label_of(evse).casefold(): f"evse[{n}]" for n, evse in enumerate(config.evse, start=1)}
    for n, pool in pools:
        path = f"pool[{n}]"
        _check_members(config, pool, path, reader)
        for index, hours in enumerate(pool.opening, start=1):
            _check_hours(hours, f"{path}.opening[{index}]", reader)
        if pool.booking is not None:
            _check_booking(pool.booking, f"{path}.booking", reader)
        bay = labels.get(pool.id.casefold())
        if bay is not None and reader.sound(f"{path}.id", "evse"):
            conflict(reader, f"{path}.id", f"{shown(pool.id)} is also the name of the bay of {bay}", "rename one")
    served = {evse for pool in config.pool for evse in pool.evses}
    for n, evse in enumerate(config.evse, start=1):
        if evse.id not in served and reader.sound("pool", f"evse[{n}].id"):
            hint = "nobody can queue for it: add its id to the evses of a pool"
            conflict(reader, f"evse[{n}]", f"EVSE {evse.id} is in no pool", hint, Severity.WARNING)


def _check_members(config: Config, pool: PoolSettings, path: str, reader: Reader) -> None:
    members = tuple((f"{path}.evses[{index}]", evse) for index, evse in enumerate(pool.evses, start=1))
    check_doubled(reader, ((member, str(evse)) for member, evse in members), "entry")
    known = {evse.id for evse in config.evse}
    if not known or not all(reader.sound(f"evse[{n}].id") for n, _ in enumerate(config.evse, start=1)):
        return
    for member, evse in members:
        if evse not in known and reader.sound(member):
            listed = ", ".join(str(one) for one in sorted(known))
            reader.add(
                Problem(
                    path=member,
                    kind=ProblemKind.NOT_ALLOWED,
                    value=f"EVSE {shown(evse)}",
                    allowed=f"the id of an [[evse]]: {listed}",
                )
            )


def _check_booking(booking: BookingSettings, path: str, reader: Reader) -> None:
    """Lengths that fit into one another; one fee of each kind."""
    for index, hours in enumerate(booking.required, start=1):
        _check_hours(hours, f"{path}.required[{index}]", reader)
    if not reader.sound(path):
        return
    if not booking.increment_min <= booking.shortest_min <= booking.longest_min:
        what = f"{booking.increment_min}, {booking.shortest_min} and {booking.longest_min} min do not ascend"
        conflict(reader, f"{path}.shortest_min", what, "use increment_min <= shortest_min <= longest_min")
    if booking.min_advance_min >= booking.max_advance_days * DAY_MIN:
        hint = "use less than max_advance_days"
        conflict(reader, f"{path}.min_advance_min", f"{booking.min_advance_min} min leave no time to book", hint)
    kinds = ((f"{path}.fee[{n}].kind", fee.kind.value) for n, fee in enumerate(booking.fee, start=1))
    check_doubled(reader, kinds, "fee")


def _check_hours(hours: str, path: str, reader: Reader) -> None:
    if not reader.sound(path):
        return
    try:
        parse_opening(hours)
    except ValueError as error:
        reader.add(Problem(path=path, kind=ProblemKind.NOT_ALLOWED, value=shown(hours), hint=str(error)))


def _check_policy(policy: PolicySettings, config: Config, reader: Reader) -> None:
    if policy.long_arrival_window_min < policy.arrival_window_min and reader.sound("policy"):
        hint = f"people who need more time get less: use at least {policy.arrival_window_min:g}"
        what = f"{policy.long_arrival_window_min:g} min is shorter than arrival_window_min"
        conflict(reader, "policy.long_arrival_window_min", what, hint)
    if not reader.sound("policy.ad_hoc_start"):
        return
    ad_hoc = policy.ad_hoc_start
    if policy.accept_on_plug and ad_hoc is not AdHocStart.FREE:
        hint = 'set ad_hoc_start = "free", or leave it out'
        conflict(reader, "policy.accept_on_plug", "starts energy for everybody", hint)
    if ad_hoc is AdHocStart.CSMS:
        if policy.ad_hoc_id_token is None and reader.sound("policy.ad_hoc_id_token"):
            conflict(reader, "policy.ad_hoc_start", '"csms" needs an IdToken', "set ad_hoc_id_token")
        if not config.csms.url and reader.sound("csms"):
            conflict(reader, "policy.ad_hoc_start", '"csms" needs a CSMS', "set url in [csms]")
