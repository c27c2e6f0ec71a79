"""What partners are told on the agent's own: when an update is due, and what it says (`sequere.md` 4).

Renders and compares; sends nothing and decides nothing about the queue. State, not history: the newest is told, what
was in between is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.core.board import label
from agent.core.layout import ChargingLocation, EvseId, PoolId
from agent.core.shown import WaitRange
from agent.core.state import HOLDING, CheckIn, CheckInState, Reason
from agent.partners.context import Shared
from agent.partners.entries import Scene, Told, reason_of
from agent.texts.formats import Language
from agent.texts.waits import WaitForm, wait_text

ENTRY_GAP_MS = 5_000  # at most one update a CheckIn in that time
POOL_GAP_MS = 10_000
FORECAST_GAP_MS = 5 * 60_000  # updates for nothing but a forecast
FORECAST_STEP_MIN = 10  # and only if P90 moved by that much
FORECAST_STEP_SHARE = 0.2

# The words of an update by what it tells first: the step after charging, the status, the reason.
_KEY_AFTER: Mapping[str, str] = {
    "CHARGING_ENDED": "charging_ended",
    "PLEASE_MOVE": "please_move",
    "DEPARTED": "departed",
}
_KEY_STATUS: Mapping[CheckInState, str] = {
    CheckInState.FULFILLED: "session_started",
    CheckInState.ARRIVED: "arrived",
    CheckInState.CHECKED_OUT: "checked_out",
    CheckInState.NO_SHOW: "not_arrived",
    CheckInState.SNOOZED: "snoozed",
    CheckInState.ON_THE_ROAD: "on_the_road",
}
SHOW_PRESENCE = "show_presence"  # what the User has to do before they can be called
_KEY_REASON: Mapping[str, str] = {
    "MISSED_CALL": "missed_call",
    "EVSE_FAULT": "hold_lost",
    "EVSE_BLOCKED": "hold_lost",
    "EVSE_UNAVAILABLE": "hold_lost",
    "SNOOZE_ENDED": "snooze_ended",
    "OPERATOR": "removed_by_operator",
    "CLOSED": "closed",
}


@dataclass(frozen=True, slots=True)
class Last:
    """What was told of a CheckIn last, when, and when its forecast was."""

    told: Told
    at_ms: int
    forecast_at_ms: int


@dataclass(frozen=True, slots=True)
class PoolTold:
    """What was told of a pool last."""

    status: str
    counts: tuple[int, int, int]
    p90_min: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Message:
    """An update ready to send: its name and body."""

    operation: str
    body: dict[str, Any]


def due_ms(last: Last | None, told: Told, now_ms: int) -> int | None:
    """Return when the change from what was told is to be told (now or earlier: at once), or None for no change."""
    if last is None:
        return now_ms
    old = last.told
    if replace(old, wait=None) != replace(told, wait=None):
        return last.at_ms + ENTRY_GAP_MS
    if not _moved(_p90(old.wait), _p90(told.wait)):
        return None
    return max(last.at_ms + ENTRY_GAP_MS, last.forecast_at_ms + FORECAST_GAP_MS if old.wait else 0)


def noted(last: Last | None, told: Told, now_ms: int) -> Last:
    """Return the memory after something was told now."""
    same = last is not None and last.told.wait == told.wait
    return Last(told, now_ms, last.forecast_at_ms if last and same else now_ms)


def update(parts: Shared, scene: Scene, check_in: CheckIn, last: Last | None) -> Message:
    """Return the update about a CheckIn: AssignChargePoint when an EVSE is bound or kept for longer, else the rest."""
    told = parts.entries.told(scene, check_in)
    old = last.told if last else None
    if assigns(parts, scene, check_in, last) is not None:
        return _assign(parts, scene, check_in, old)
    reason = _reason(old, told, check_in)
    rendered = parts.entries.render(scene, check_in, reason=reason)
    message = words_of(parts, scene, check_in, _position_key(check_in, told, reason))
    return Message("PositionUpdate", {"operation": "PositionUpdate", "check_in": rendered, **message})


def assigns(parts: Shared, scene: Scene, check_in: CheckIn, last: Last | None) -> EvseId | None:
    """Return the EVSE that the update about a CheckIn assigns, or None if it tells of something else."""
    told = parts.entries.told(scene, check_in)
    called = told.status is CheckInState.CALLED and _bound(last.told if last else None, told)
    return told.evse if called else None


def pool_told(state: Mapping[str, Any], now_ms: int) -> PoolTold:
    """Return what of a pool's state is worth an update."""
    wait = state.get("wait_minutes")
    counts = (state["queue_length"], state["evses_free"], state["evses_in_service"])
    return PoolTold(state["status"], counts, wait["p90"] if wait else None, now_ms)


def pool_changed(old: PoolTold | None, new: PoolTold) -> bool:
    """Return whether a pool's change is worth an update now; waits alone are told no more often than of a CheckIn."""
    if old is None or (old.status, old.counts) != (new.status, new.counts):
        return True
    return _moved(old.p90_min, new.p90_min) and new.at_ms - old.at_ms >= FORECAST_GAP_MS


def pool_update(
    parts: Shared, scene: Scene, location: ChargingLocation, known: Mapping[PoolId, PoolTold]
) -> tuple[Message, dict[PoolId, PoolTold]] | None:
    """Return the update about the pools that changed, and what it tells of each; None if none did."""
    states = {pool.id: parts.poi.pool_state(scene, pool) for pool in location.pools}
    told = {pool: pool_told(state, scene.now.elapsed_ms) for pool, state in states.items()}
    changed = {pool: new for pool, new in told.items() if pool_changed(known.get(pool), new)}
    if not changed:
        return None
    body = {
        "operation": "PoolUpdate",
        "location_id": location.id,
        "pools": [states[pool] for pool in changed],
        "location_last_updated": parts.poi.location_last_updated(scene, location),
    }
    return Message("PoolUpdate", body), changed


def queue_states(
    parts: Shared,
    scene: Scene,
    location: ChargingLocation,
    own: list[CheckIn],
    length: Callable[[dict[str, Any]], int],
    room: int,
) -> list[Message]:
    """Return everything of a partner in as many parts as fit; `length` measures a body or an entry, `room` a part."""
    rendered = [parts.entries.render(scene, check_in) for check_in in own]
    head = {
        "operation": "QueueState",
        "location_id": location.id,
        "sequence": parts.context.sequences.head(scene.site.sequence),
        "part": 10_000,
        "parts": 10_000,
        "check_ins": [],
        "reservations": [],
        "last_updated": scene.informs(scene.now.elapsed_ms),
    }
    batches: list[list[dict[str, Any]]] = [[]]
    used = empty = length(head)
    for entry in rendered:
        size = length(entry) + 1  # the comma
        if batches[-1] and used + size > room:
            batches.append([])
            used = empty
        batches[-1].append(entry)
        used += size
    count = len(batches)
    return [
        Message("QueueState", {**head, "part": number, "parts": count, "check_ins": batch})
        for number, batch in enumerate(batches, start=1)
    ]


# --- what it says


def _bound(old: Told | None, new: Told) -> bool:
    if old is None or old.evse != new.evse:
        return True
    return old.until_ms is not None and new.until_ms is not None and new.until_ms > old.until_ms


def _assign(parts: Shared, scene: Scene, check_in: CheckIn, old: Told | None) -> Message:
    lost = check_in.lost
    hold = scene.site.hold_of(check_in.id)
    moved = lost is not None and hold is not None and lost.at_ms == hold.since_ms
    key = "bay_changed" if moved else "extended" if old is not None and old.evse is not None else "called"
    reason = (
        lost.reason if lost is not None and moved else Reason.RESTATED if check_in.reason is Reason.RESTATED else None
    )
    stamp = parts.entries.stamp(scene, check_in)
    body = {
        "operation": "AssignChargePoint",
        "check_in_id": parts.entries.id_of(check_in),
        "assignment": parts.entries.assignment(scene, check_in),
        "call_code": check_in.code,
        **({"reason": reason.value} if reason else {}),
        **words_of(parts, scene, check_in, key),
        "sequence": stamp.sequence,
        "last_updated": scene.informs(stamp.at_ms),
    }
    return Message("AssignChargePoint", body)


def _reason(old: Told | None, told: Told, check_in: CheckIn) -> str | None:
    """Return why an update is sent: what changed, not what changed last in the core."""
    if told.after is not None:
        return told.after
    if old is not None and (old.status, old.evse) == (told.status, told.evse):
        if old.position != told.position:
            return "POSITION"
        if old.wait != told.wait:
            return "FORECAST"
    return reason_of(check_in)


def _position_key(check_in: CheckIn, told: Told, reason: str | None) -> str | None:
    if told.after is not None:
        return _KEY_AFTER[told.after]
    if check_in.must_show and check_in.state is CheckInState.ON_THE_ROAD:
        return SHOW_PRESENCE
    if check_in.state in _KEY_STATUS:
        return _KEY_STATUS[check_in.state]
    if reason is not None and reason in _KEY_REASON:
        return _KEY_REASON[reason]
    if check_in.state is CheckInState.WAITING:
        return "next" if told.position == 1 else "position"
    return "called" if check_in.state in HOLDING else None


def words_of(parts: Shared, scene: Scene, check_in: CheckIn, key: str | None) -> dict[str, Any]:
    """Return the words of an update as its `message`, or nothing where there are none."""
    if key is None:
        return {}
    hold = scene.site.hold_of(check_in.id)
    lost = check_in.lost.evse if check_in.lost and check_in.state not in HOLDING else None
    evse = hold.evse if hold else lost if lost is not None else check_in.evse
    wait = scene.wait(check_in)
    words = parts.context.words()

    def fields(language: Language) -> dict[str, Any]:
        return {
            "code": check_in.code,
            "position": scene.position(check_in),
            "bay": None if evse is None else label(scene.site, evse),
            "left_s": None if hold is None else max(hold.until_ms - scene.now.elapsed_ms, 0) // 1000,
            "wait": None
            if wait is None
            else wait_text(wait.p50_min, wait.p90_min, language, catalogue=parts.context.catalogue, form=WaitForm.PAGE),
        }

    told = words.of_update(key, fields)
    return {"message": told} if told else {}


def _p90(wait: WaitRange | None) -> int | None:
    return None if wait is None else wait.p90_min


def _moved(old: int | None, new: int | None) -> bool:
    """Return whether a forecast moved enough to be told; a first one always has."""
    if old is None or new is None:
        return new is not None and old is None
    return abs(new - old) >= max(FORECAST_STEP_MIN, FORECAST_STEP_SHARE * old)
