"""The own page of a CheckIn: which state it is in, with what figures, and what its holder can do next.

Pure; decides nothing: an action is offered exactly if `decide` would not refuse it now. States and actions have the
values of the text catalogue's keys (`experience.md` 2.3).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.core import inputs as i
from agent.core.board import closes_utc_ms, label, opens_utc_ms
from agent.core.conduct import plugged_elsewhere
from agent.core.decide import decide
from agent.core.layout import CheckInId, EvseId, Now, Policy, PoolId
from agent.core.queue import in_service, position
from agent.core.shown import NO_READINGS, NO_WAITS, Reading, Readings, WaitRange, Waits, energy_wh, utc_of, wrong_car
from agent.core.state import (
    HOLDING,
    IN_LINE,
    Bay,
    CheckIn,
    CheckInState,
    Hold,
    PastStay,
    Reason,
    Site,
    Stay,
    TokenAnswer,
)

REMIND_FROM_MIN = 15  # `experience.md` 2.5: a shorter wait needs no alarm in the phone's calendar
SNOOZE_MIN = 10  # the shortest choice


class PageState(StrEnum):
    """The states of the own page."""

    WAITING = "waiting"
    NEXT = "next"
    CALLED = "called"
    BAY_CHANGED = "bay_changed"
    ARRIVED = "arrived"
    WRONG_BAY = "wrong_bay"
    BAY_BLOCKED = "bay_blocked"
    REQUEUED = "requeued"
    ENDED = "ended"  # a no-show, expired, or ended by the operator: see `reason`
    SNOOZED = "snoozed"
    AUTHORISE = "authorise"
    NOT_AUTHORISED = "not_authorised"
    CHARGING = "charging"
    PAUSED_BY_CAR = "paused_by_car"
    PAUSED_BY_SITE = "paused_by_site"
    FINISHED = "finished"
    OVERSTAY = "overstay"
    DONE = "done"
    LEFT = "left"
    SITE_FAULT = "site_fault"
    QUEUE_PAUSED = "queue_paused"
    CLOSED = "closed"
    UNKNOWN_LINK = "unknown_link"


class Action(StrEnum):
    """What the holder of a CheckIn can do; the first of a page is primary."""

    REMIND = "remind"  # a calendar file, no Request
    SNOOZE = "snooze"
    CHANGE = "change"
    LEAVE = "leave"
    EXTEND = "extend"
    PLAN = "plan"  # opens on the page, no Request
    WRONG_BAY = "wrong_bay"  # ReportBlocked: the car in the bay is not theirs
    USE_BAY = "use_bay"
    BAY_IS_FREE = "bay_is_free"
    HERE = "here"  # UpdateArrival without a time
    READY = "ready"  # SnoozeCheckIn with 0 minutes
    START_CHARGING = "start_charging"
    STOP_CHARGING = "stop_charging"
    MOVING = "moving"  # said to nobody but the page
    HELP = "help"  # a phone number
    RECEIPT = "receipt"  # a link
    CHECK_IN = "check_in"  # a link
    CHECK_IN_AGAIN = "check_in_again"  # a link
    UNDO = "undo"
    OTHER_PLUGS = "other_plugs"  # a link


_WITHOUT_BAY = frozenset({PageState.WAITING, PageState.NEXT, PageState.SNOOZED, PageState.SITE_FAULT, PageState.LEFT})

_IN_QUEUE = (Action.SNOOZE, Action.CHANGE, Action.LEAVE)
_CALLED = (Action.EXTEND, Action.SNOOZE, Action.LEAVE, Action.PLAN)

ACTIONS: Mapping[PageState, tuple[Action, ...]] = {
    PageState.WAITING: (Action.REMIND, *_IN_QUEUE),
    PageState.NEXT: _IN_QUEUE,
    PageState.CALLED: _CALLED,
    PageState.BAY_CHANGED: _CALLED,
    PageState.ARRIVED: (Action.WRONG_BAY, Action.LEAVE),
    PageState.WRONG_BAY: (Action.USE_BAY, Action.PLAN),
    PageState.BAY_BLOCKED: (Action.BAY_IS_FREE, Action.WRONG_BAY, Action.SNOOZE, Action.LEAVE),
    PageState.REQUEUED: (Action.HERE, Action.SNOOZE, Action.LEAVE),
    PageState.ENDED: (Action.CHECK_IN_AGAIN,),
    PageState.SNOOZED: (Action.READY, Action.LEAVE),
    PageState.AUTHORISE: (Action.START_CHARGING,),
    PageState.NOT_AUTHORISED: (Action.START_CHARGING, Action.HELP),
    PageState.CHARGING: (Action.STOP_CHARGING,),
    PageState.PAUSED_BY_CAR: (Action.STOP_CHARGING,),
    PageState.PAUSED_BY_SITE: (Action.STOP_CHARGING,),
    PageState.FINISHED: (Action.MOVING,),
    PageState.OVERSTAY: (Action.MOVING, Action.HELP),
    PageState.DONE: (Action.RECEIPT,),
    PageState.LEFT: (Action.CHECK_IN_AGAIN, Action.UNDO),
    PageState.SITE_FAULT: (Action.OTHER_PLUGS, Action.LEAVE),
    PageState.QUEUE_PAUSED: (Action.LEAVE, Action.HELP),
    PageState.CLOSED: (),  # booking a time is offered by whoever knows whether the pool can be booked
    PageState.UNKNOWN_LINK: (Action.CHECK_IN,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """An own page. Instants are UTC ms (None: clock untrusted or not known), spans are left at `now`.

    `bay` is the bay the state is about: held, charging at, or lost. `lost_bay` and `lost_reason` tell of the hold lost
    last. `left_ms` is what is left of the hold, the snooze, the time to move, or the chance to undo. `waiting` counts
    who waits for the bay. `sequence` grows with every change of the CheckIn itself.
    """

    state: PageState
    check_in: CheckInId
    sequence: int = 0
    code: str | None = None
    pool: PoolId | None = None
    reason: Reason | None = None
    position: int | None = None
    wait: WaitRange | None = None
    evse: EvseId | None = None
    bay: str | None = None
    lost_bay: str | None = None
    lost_reason: Reason | None = None
    wrong_bay: str | None = None
    left_ms: int | None = None
    until_utc_ms: int | None = None
    clock_stopped: bool = False
    waiting: int = 0
    energy_wh: int | None = None
    power_w: int | None = None
    since_utc_ms: int | None = None
    ended_utc_ms: int | None = None
    closes_utc_ms: int | None = None
    opens_utc_ms: int | None = None
    on_the_road: bool = False
    must_scan: bool = False
    can_undo: bool = False
    actions: tuple[Action, ...] = ()


def page_view(
    site: Site, check_in: CheckInId, now: Now, readings: Readings = NO_READINGS, waits: Waits = NO_WAITS
) -> PageView:
    """Return the own page of a CheckIn; of one that is not known, the page that says so."""
    found, location = site.check_ins.get(check_in), site.location
    if found is None or location is None:
        unknown = PageState.UNKNOWN_LINK
        return PageView(state=unknown, check_in=check_in, actions=ACTIONS[unknown])
    stay, hold = _own_stay(site, found), site.hold_of(check_in)
    reading = readings.get(stay.evse) if stay else None
    state = _state(site, found, hold, stay, reading)
    wait = waits.of.get(check_in) if found.state in IN_LINE and not site.paused else None
    pool = location.pool(found.pool)
    evse, until, past = _evse(found, state), _until_ms(location.policy, found, hold, stay, state), found.past
    actions = tuple(a for a in ACTIONS[state] if _possible(site, found, a, wait, now))
    wrong = None if hold is None else plugged_elsewhere(site, hold)
    ended = past.ended_ms if past else found.ended_ms if stay is None else None
    return PageView(
        state=state,
        check_in=check_in,
        sequence=found.sequence,
        code=found.code,
        pool=found.pool,
        reason=found.reason,
        position=position(site, found),
        wait=wait,
        evse=evse,
        bay=None if evse is None else label(site, evse),
        lost_bay=label(site, found.lost.evse) if found.lost else None,
        lost_reason=found.lost.reason if found.lost else None,
        wrong_bay=None if wrong is None else label(site, wrong),
        left_ms=None if until is None else max(until - now.elapsed_ms, 0),
        until_utc_ms=utc_of(now, until),
        clock_stopped=hold is not None and hold.left_ms is not None,
        waiting=0 if evse is None else sum(1 for c in site.line() if evse in c.accepts),
        energy_wh=energy_wh(stay, reading) if stay else past.energy_wh if past else None,
        power_w=reading.power_w if reading else None,
        since_utc_ms=utc_of(now, _since_ms(stay, past)),
        ended_utc_ms=utc_of(now, ended),
        closes_utc_ms=closes_utc_ms(location, pool, now) if pool else None,
        opens_utc_ms=opens_utc_ms(location, pool, now) if pool else None,
        on_the_road=found.state is CheckInState.ON_THE_ROAD,
        must_scan=found.open and (found.must_scan or found.must_show),
        can_undo=Action.UNDO in actions,
        actions=actions,
    )


# --- the state


def _state(site: Site, check_in: CheckIn, hold: Hold | None, stay: Stay | None, reading: Reading | None) -> PageState:
    if site.paused and check_in.open:
        return PageState.QUEUE_PAUSED
    match check_in.state:
        case CheckInState.FULFILLED:
            return _of_stay(site, check_in, stay, reading)
        case CheckInState.CHECKED_OUT:
            return PageState.LEFT
        case CheckInState.NO_SHOW:
            return PageState.ENDED
        case CheckInState.CANCELED:
            return PageState.CLOSED if check_in.reason is Reason.CLOSED else PageState.ENDED
        case CheckInState.SNOOZED:
            return PageState.SNOOZED
        case CheckInState.CALLED | CheckInState.ARRIVED if hold is not None:
            return _of_hold(site, check_in, hold)
        case _:
            return _of_line(site, check_in)


def _of_line(site: Site, check_in: CheckIn) -> PageState:
    if not any(in_service(site, e) for e in check_in.accepts):
        return PageState.SITE_FAULT
    if check_in.reason is Reason.EVSE_BLOCKED:
        return PageState.BAY_BLOCKED
    lost = check_in.lost
    if check_in.reason is Reason.MISSED_CALL and lost is not None and check_in.changed_ms == lost.at_ms:
        return PageState.REQUEUED  # told until something happens: the next call, or "I'm here"
    return PageState.NEXT if position(site, check_in) == 1 else PageState.WAITING


def _of_hold(site: Site, check_in: CheckIn, hold: Hold) -> PageState:
    if plugged_elsewhere(site, hold) is not None:
        return PageState.WRONG_BAY
    if wrong_car(site, hold):
        return PageState.BAY_BLOCKED
    bay = site.evse(hold.evse)
    here = hold.confirmed or bay.bay is Bay.OCCUPIED or bay.plugged is not None
    if here and _card_refused(site, hold.evse, max(hold.since_ms, bay.bay_since_ms)):
        return PageState.NOT_AUTHORISED
    if bay.plugged is not None:
        return PageState.AUTHORISE
    if here:
        return PageState.ARRIVED
    lost = check_in.lost
    moved = lost is not None and lost.at_ms == hold.since_ms and lost.evse != hold.evse
    return PageState.BAY_CHANGED if moved else PageState.CALLED


def _of_stay(site: Site, check_in: CheckIn, stay: Stay | None, reading: Reading | None) -> PageState:
    if stay is None:
        return PageState.ENDED if check_in.past is None else PageState.DONE
    if stay.finished_ms is not None or stay.end_of_energy is not None:
        return PageState.OVERSTAY if stay.grace_ended else PageState.FINISHED
    if stay.authorised_ms is None:
        refused = _card_refused(site, stay.evse, stay.began_ms)
        return PageState.NOT_AUTHORISED if refused else PageState.AUTHORISE
    if site.evse(stay.evse).plugged is None:
        return PageState.ARRIVED
    if stay.suspended_by_ev:
        return PageState.PAUSED_BY_CAR
    return PageState.PAUSED_BY_SITE if reading is not None and reading.limited else PageState.CHARGING


def _card_refused(site: Site, evse: EvseId, since_ms: int) -> bool:
    last = site.evse(evse).last_token
    return last is not None and last.answer is TokenAnswer.NOT_ACCEPTED and last.at_ms >= since_ms


# --- the figures


def _own_stay(site: Site, check_in: CheckIn) -> Stay | None:
    stay = site.stays.get(check_in.evse) if check_in.evse is not None else None
    return stay if stay is not None and stay.id == check_in.stay else None


def _evse(check_in: CheckIn, state: PageState) -> EvseId | None:
    """Return the EVSE a state is about; in the queue and after most ends it is none, whatever was held before."""
    canceled = check_in.state is CheckInState.CANCELED
    waits = state is PageState.QUEUE_PAUSED and check_in.state not in HOLDING
    return None if canceled or waits or state in _WITHOUT_BAY else check_in.evse


def _until_ms(policy: Policy, check_in: CheckIn, hold: Hold | None, stay: Stay | None, state: PageState) -> int | None:
    if state is PageState.QUEUE_PAUSED:
        return None
    if hold is not None:
        return hold.until_ms
    match state:
        case PageState.SNOOZED:
            return check_in.snoozed_until_ms
        case PageState.REQUEUED:
            return check_in.lost.at_ms if check_in.lost else None
        case PageState.ENDED:
            return check_in.ended_ms
        case PageState.LEFT:
            return None if check_in.ended_ms is None else check_in.ended_ms + policy.undo_ms
        case PageState.FINISHED if stay is not None and stay.finished_ms is not None:
            return stay.finished_ms + policy.move_grace_ms
        case PageState.ARRIVED if stay is not None and stay.authorised_ms is not None:
            return stay.authorised_ms + policy.plug_timeout_ms
        case _:
            return None


def _since_ms(stay: Stay | None, past: PastStay | None) -> int | None:
    return stay.energised_ms if stay else past.energised_ms if past else None


# --- what can be done


def _possible(site: Site, check_in: CheckIn, action: Action, wait: WaitRange | None, now: Now) -> bool:
    """Return whether an action makes sense now: a Request that would not be refused, or a link that leads somewhere."""
    request = _request(check_in, action)
    if request is not None:
        decision = decide(site, request, now)
        idle = action is Action.BAY_IS_FREE and decision == ()  # nobody says any more that it is taken
        return not idle and not isinstance(decision, i.Refused)
    match action:
        case Action.REMIND:
            return now.utc_ms is not None and wait is not None and wait.p10_min >= REMIND_FROM_MIN
        case Action.CHANGE:
            return check_in.open and check_in.state not in HOLDING
        case Action.OTHER_PLUGS:
            return site.location is not None and len(site.location.pools) > 1
        case Action.PLAN:
            return site.location is not None and site.location.has_plan
        case _:
            return True


def _request(check_in: CheckIn, action: Action) -> i.Request | None:
    match action:
        case Action.SNOOZE:
            return i.SnoozeCheckIn(check_in=check_in.id, minutes=SNOOZE_MIN)
        case Action.LEAVE:
            return i.LeaveQueue(check_in=check_in.id)
        case Action.EXTEND:
            return i.ExtendHold(check_in=check_in.id)
        case Action.WRONG_BAY:
            return i.ReportBlocked(check_in=check_in.id)
        case Action.BAY_IS_FREE:
            return i.ReportFree(check_in=check_in.id)
        case Action.USE_BAY:
            return i.UseBay(check_in=check_in.id)
        case Action.START_CHARGING:
            return i.StartAtPage(check_in=check_in.id)
        case Action.STOP_CHARGING:
            return i.StopAtPage(check_in=check_in.id)
        case Action.UNDO:
            return i.UndoLeave(check_in=check_in.id)
        case _:
            return None
