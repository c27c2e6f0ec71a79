"""EVSEs as they are shown: on the lamp, the bay's display and the console, to the contactor, and as an OCPP status.

Pure; decides nothing, and answers for EVSEs it does not know, so that a lamp never goes dark for an old id. Views of
the queue are in `page.py` and `board.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.core.lamps import LampState
from agent.core.layout import CheckInId, ConnectorId, EvseId, Now, PoolId, StayId
from agent.core.queue import position
from agent.core.shown import (
    NO_READINGS,
    EvseShown,
    Reading,
    Readings,
    energy_wh,
    evse_shown,
    just_left,
    utc_of,
)
from agent.core.state import IN_LINE, Bay, CheckIn, Site, TokenAnswer

TOKEN_NOTICE_MS = 10_000  # `experience.md` 2.1: the display answers a card for 10 s

_LAMP_OF: Mapping[EvseShown, LampState] = {
    EvseShown.FREE: LampState.FREE,
    EvseShown.FREE_UNKNOWN: LampState.FREE_UNKNOWN,
    EvseShown.TAKEN: LampState.YOUR_MOVE,
    EvseShown.QUEUE: LampState.YOUR_MOVE,
    EvseShown.HELD: LampState.HELD,
    EvseShown.ARRIVED: LampState.YOUR_MOVE,
    EvseShown.WRONG_CAR: LampState.WRONG_CAR,
    EvseShown.RESERVED_NOW: LampState.RESERVED,
    EvseShown.AUTHORISE: LampState.YOUR_MOVE,
    EvseShown.PREPARING: LampState.PREPARING,
    EvseShown.CHARGING: LampState.CHARGING,
    EvseShown.PAUSED: LampState.PAUSED,
    EvseShown.FINISHED: LampState.FINISHED,
    EvseShown.PLEASE_MOVE: LampState.PLEASE_MOVE,
    EvseShown.BLOCKED: LampState.PLEASE_MOVE,
    EvseShown.FAULT: LampState.OUT_OF_ORDER,
    EvseShown.DANGER: LampState.DANGER,
    EvseShown.OUT_OF_ORDER: LampState.OUT_OF_ORDER,
    EvseShown.CLOSED: LampState.OUT_OF_ORDER,
    EvseShown.STARTING: LampState.STARTING,
}


def lamp_state(site: Site, evse: EvseId, now: Now, reading: Reading | None = None) -> LampState:
    """Return which row of the lamp table an EVSE shows; `OFF` is never asked for, it is what a dead agent leaves."""
    return _LAMP_OF[evse_shown(site, evse, now, reading)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenNotice:
    """What the reader just answered, to be shown over the bay's state. `code`, `position` and `bay` are those of the
    CheckIn the answer is about; `bay` is the label of the EVSE kept for it."""

    answer: TokenAnswer
    left_ms: int
    code: str | None
    position: int | None
    bay: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvseView:
    """An EVSE for its display, the board and the console.

    `since_ms` is when what is shown began, on the location's clock; `left_ms` what is left of the hold, of the time to
    plug in or to move, or of the ReserveNow. `code` is the call code of who it is kept for or who charges. `waiting`
    counts who is in line for a pool of this EVSE. `energy_wh` is this stay's, `soc_percent` what the car tells of its
    battery: over DC, and as long as the meter speaks.
    """

    evse: EvseId
    label: str
    state: EvseShown
    lamp: LampState
    accessible: bool
    pools: tuple[PoolId, ...]
    max_power_w: int
    waiting: int
    since_ms: int | None
    since_utc_ms: int | None
    left_ms: int | None
    until_utc_ms: int | None
    code: str | None
    check_in: CheckInId | None
    stay: StayId | None
    connector: ConnectorId | None
    power_w: int | None
    soc_percent: int | None
    energy_wh: int | None
    register_start_wh: int | None
    register_wh: int | None
    faults: tuple[str, ...]
    bay: Bay
    notice: TokenNotice | None


def evse_view(site: Site, evse: EvseId, now: Now, readings: Readings = NO_READINGS) -> EvseView:
    """Return an EVSE as it is shown now."""
    layout, state, stay = site.layout_of(evse), site.evse(evse), site.stays.get(evse)
    reading = readings.get(evse)
    shown = evse_shown(site, evse, now, reading)
    pools = site.location.pools_of(evse) if site.location else ()
    pool_ids = tuple(p.id for p in pools)
    holder = _holder(site, evse)
    since, until = _since_ms(site, evse, shown), _until_ms(site, evse, shown)
    hold = site.holds.get(evse)
    return EvseView(
        evse=evse,
        label=layout.label if layout else str(evse),
        state=shown,
        lamp=_LAMP_OF[shown],
        accessible=layout is not None and layout.accessible,
        pools=pool_ids,
        max_power_w=layout.max_power_w if layout else 0,
        waiting=sum(1 for c in site.check_ins.values() if c.state in IN_LINE and c.pool in pool_ids),
        since_ms=since,
        since_utc_ms=utc_of(now, since),
        left_ms=None if until is None else max(until - now.elapsed_ms, 0),
        until_utc_ms=utc_of(now, until),
        code=holder.code if holder else None,
        check_in=holder.id if holder else None,
        stay=stay.id if stay else None,
        connector=state.plugged if state.plugged is not None else hold.connector if hold else None,
        power_w=reading.power_w if reading else None,
        soc_percent=reading.soc_percent if reading else None,
        energy_wh=energy_wh(stay, reading) if stay else None,
        register_start_wh=stay.register_start_wh if stay else None,
        register_wh=reading.register_wh if reading else stay.register_wh if stay else None,
        faults=(*site.faults, *state.faults),
        bay=state.bay,
        notice=_notice(site, evse, now),
    )


def evse_views(site: Site, now: Now, readings: Readings = NO_READINGS) -> tuple[EvseView, ...]:
    """Return all EVSEs of the location as they are shown now, by id."""
    return tuple(evse_view(site, evse, now, readings) for evse in site.evse_ids())


def energy_wanted(site: Site, evse: EvseId) -> bool:
    """Return the level for the contactor of an EVSE.

    A fault opens it at once; an EVSE put out of operation lets a running charge go to its end. After a restart it stays
    open until the inputs are read: the car may have been changed in the dark.
    """
    state, stay = site.evse(evse), site.stays.get(evse)
    able = not state.faults and not site.faults and site.reconciling_until_ms is None
    return able and stay is not None and stay.wants_energy and state.plugged is not None


class EvseStatus(StrEnum):
    """ChargePointStatus of OCPP 1.6, 7.7; OCPP 2.x has fewer words for the same."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


def evse_status(site: Site, evse: EvseId, reading: Reading | None = None) -> EvseStatus:
    """Return the OCPP 1.6 status of an EVSE; a held one is Reserved, also with a car of unknown right in its bay."""
    state, stay = site.evse(evse), site.stays.get(evse)
    if state.faults or site.faults:
        return EvseStatus.FAULTED
    if stay is not None and stay.wants_energy:
        return _running_status(site, evse, reading)
    if not state.operative or site.layout_of(evse) is None:
        return EvseStatus.UNAVAILABLE
    if evse in site.holds or evse in site.reserved:
        return EvseStatus.RESERVED
    if stay is not None:
        return EvseStatus.PREPARING if stay.end_of_energy is None else EvseStatus.FINISHING
    if state.bay is Bay.OCCUPIED:
        return EvseStatus.FINISHING if just_left(site, evse) else EvseStatus.PREPARING
    return EvseStatus.AVAILABLE


def _running_status(site: Site, evse: EvseId, reading: Reading | None) -> EvseStatus:
    stay, state = site.stays[evse], site.evse(evse)
    if stay.suspended_by_ev:
        return EvseStatus.SUSPENDED_EV
    if not state.energised:
        return EvseStatus.PREPARING if stay.energised_ms is None else EvseStatus.SUSPENDED_EVSE
    return EvseStatus.SUSPENDED_EVSE if reading is not None and reading.limited else EvseStatus.CHARGING


def _holder(site: Site, evse: EvseId) -> CheckIn | None:
    hold, stay = site.holds.get(evse), site.stays.get(evse)
    check_in = hold.check_in if hold else stay.check_in if stay else None
    return None if check_in is None else site.check_ins.get(check_in)


def _since_ms(site: Site, evse: EvseId, shown: EvseShown) -> int | None:
    """Return when what is shown began, where the state knows it."""
    state, stay, hold = site.evse(evse), site.stays.get(evse), site.holds.get(evse)
    match shown:
        case EvseShown.FREE | EvseShown.FREE_UNKNOWN:
            return max(state.free_since_ms, state.bay_since_ms)
        case EvseShown.HELD:
            return hold.since_ms if hold else None
        case EvseShown.CHARGING:
            return stay.energised_ms if stay else None
        case EvseShown.PAUSED if stay and stay.suspended_ms is not None:
            return stay.suspended_ms
        case EvseShown.FINISHED | EvseShown.PLEASE_MOVE if stay and stay.finished_ms is not None:
            return stay.finished_ms
        case EvseShown.TAKEN | EvseShown.QUEUE | EvseShown.FINISHED | EvseShown.BLOCKED:
            return state.bay_since_ms
        case _:
            return stay.began_ms if stay else None


def _until_ms(site: Site, evse: EvseId, shown: EvseShown) -> int | None:
    """Return when what is shown will end by itself, if it has an end that people should know."""
    stay, hold, reserve = site.stays.get(evse), site.holds.get(evse), site.reserved.get(evse)
    if hold is not None:
        return None if site.paused else hold.until_ms  # the window begins anew when the queue goes on
    if shown is EvseShown.RESERVED_NOW and reserve is not None:
        return reserve.until_ms
    if stay is None or site.location is None or site.paused:
        return None
    policy = site.location.policy
    if shown is EvseShown.FINISHED and stay.finished_ms is not None:
        return stay.finished_ms + policy.move_grace_ms
    if shown is EvseShown.ARRIVED and stay.authorised_ms is not None:
        return stay.authorised_ms + policy.plug_timeout_ms
    return None


def _notice(site: Site, evse: EvseId, now: Now) -> TokenNotice | None:
    last = site.evse(evse).last_token
    if last is None or now.elapsed_ms - last.at_ms >= TOKEN_NOTICE_MS:
        return None
    check_in = site.check_ins.get(last.check_in) if last.check_in is not None else None
    hold = site.hold_of(check_in.id) if check_in else None
    held = site.layout_of(hold.evse) if hold else None
    return TokenNotice(
        answer=last.answer,
        left_ms=TOKEN_NOTICE_MS - (now.elapsed_ms - last.at_ms),
        code=check_in.code if check_in else None,
        position=position(site, check_in) if check_in else None,
        bay=held.label if held else None,
    )
