"""What every view is made of: live readings, waits, and the one classification of a bay that all outputs share.

Pure; decides nothing. Lamp, display, board, console and OCPP status differ in words only because each is a table over
`EvseShown`; two of them can never contradict each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from agent.core.hours import is_open
from agent.core.layout import CheckInId, EvseId, Now, PoolId
from agent.core.queue import rivals
from agent.core.state import Bay, Hold, Site, Stay, TokenAnswer

# Faults that mean "keep off", by the standard component (OCPP 2.x appendices) that raises them.
DANGER_FAULTS = frozenset({"EmergencyStopSensor", "TiltSensor", "FloodSensor"})

# What a reader answers to somebody whose car should not stand here. NOT_ACCEPTED is not among them: it may well be the
# holder with a card that does not work.
TURNED_AWAY = frozenset(
    {
        TokenAnswer.JOINED,
        TokenAnswer.IN_LINE,
        TokenAnswer.ASK_LEAVE,
        TokenAnswer.LEFT,
        TokenAnswer.OTHER_BAY,
        TokenAnswer.HELD_FOR_OTHER,
        TokenAnswer.NOT_NOW,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is measured at an EVSE right now; never part of the state. `limited` tells that the site's power, not the
    car, holds the charge back. `power_w` is None while the meter is silent: its last register still stands."""

    power_w: int | None
    register_wh: int | None = None
    limited: bool = False
    soc_percent: int | None = None


Readings = Mapping[EvseId, Reading]
NO_READINGS: Readings = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRange:
    """A wait in minutes from now, 0 to 1440 (= or more): hardly before P10, likely P50, up to about P90."""

    p10_min: int
    p50_min: int
    p90_min: int

    def __post_init__(self) -> None:
        """Refuse a range that is not ascending or not within a day."""
        if not 0 <= self.p10_min <= self.p50_min <= self.p90_min <= LONGEST_WAIT_MIN:
            raise ValueError(f"wait {self.p10_min}, {self.p50_min}, {self.p90_min} min: must ascend within 0..1440")


LONGEST_WAIT_MIN = 1440  # `sequere.md` 6.1: 1440 = or more


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """The latest forecast: for each CheckIn in line, and for a newcomer to each pool without wishes.

    None: no EVSE that fits is in service. A key that is missing: not forecast yet.
    """

    of: Mapping[CheckInId, WaitRange | None] = field(default_factory=dict)
    newcomer: Mapping[PoolId, WaitRange | None] = field(default_factory=dict)


NO_WAITS = Waits()


class EvseShown(StrEnum):
    """What a bay shows to whoever stands before it."""

    FREE = "free"
    FREE_UNKNOWN = "free_unknown"  # free as far as we know; no bay sensor tells
    TAKEN = "taken"  # a car, no plug, nobody waits
    QUEUE = "queue"  # a car, no plug, people wait for this bay
    HELD = "held"
    ARRIVED = "arrived"  # the holder, or who showed a card, is to plug in
    WRONG_CAR = "wrong_car"  # somebody else stands where an EVSE is kept
    RESERVED_NOW = "reserved_now"
    AUTHORISE = "authorise"  # plugged in, card or page awaited
    PREPARING = "preparing"
    CHARGING = "charging"
    PAUSED = "paused"
    FINISHED = "finished"
    PLEASE_MOVE = "please_move"
    BLOCKED = "blocked"
    FAULT = "fault"
    DANGER = "danger"
    OUT_OF_ORDER = "out_of_order"
    CLOSED = "closed"
    STARTING = "starting"


def evse_shown(site: Site, evse: EvseId, now: Now, reading: Reading | None = None) -> EvseShown:
    """Return what a bay shows. An EVSE that is not in the layout is out of order."""
    state = site.evse(evse)
    active = (*site.faults, *state.faults)
    if not DANGER_FAULTS.isdisjoint(active):
        return EvseShown.DANGER
    if site.location is None or site.reconciling_until_ms is not None:
        return EvseShown.STARTING
    if site.layout_of(evse) is None:
        return EvseShown.OUT_OF_ORDER
    if active:
        return EvseShown.FAULT
    stay = site.stays.get(evse)
    if stay is not None and stay.authorised_ms is not None:
        return _of_stay(site, stay, reading)  # goes on to its end, also when the EVSE is put out of operation
    if not state.operative:
        return EvseShown.OUT_OF_ORDER
    hold = site.holds.get(evse)
    if hold is not None:
        return _of_hold(site, hold)
    if stay is not None:
        return _of_guest(site, stay, now)
    return _of_empty(site, evse, now)


def _of_stay(site: Site, stay: Stay, reading: Reading | None) -> EvseShown:
    if stay.finished_ms is not None or stay.end_of_energy is not None:
        return EvseShown.PLEASE_MOVE if stay.grace_ended else EvseShown.FINISHED
    state = site.evse(stay.evse)
    if state.plugged is None:
        return EvseShown.ARRIVED
    if stay.energised_ms is None or stay.permitted_ms is None:
        return EvseShown.PREPARING
    held_back = stay.suspended_by_ev or not state.energised or (reading is not None and reading.limited)
    return EvseShown.PAUSED if held_back else EvseShown.CHARGING


def _of_hold(site: Site, hold: Hold) -> EvseShown:
    if wrong_car(site, hold):
        return EvseShown.WRONG_CAR
    if site.evse(hold.evse).plugged is not None:
        return EvseShown.AUTHORISE
    here = hold.confirmed or site.evse(hold.evse).bay is Bay.OCCUPIED
    return EvseShown.ARRIVED if here else EvseShown.HELD


def _of_guest(site: Site, stay: Stay, now: Now) -> EvseShown:
    """Return what is shown to who plugged in without a hold: turned away, it is time to move for who waits."""
    last = site.evse(stay.evse).last_token
    if last is None or last.answer not in TURNED_AWAY or last.at_ms < stay.began_ms or stay.check_in is not None:
        return EvseShown.AUTHORISE
    if stay.evse in site.reserved:
        return EvseShown.WRONG_CAR
    own = site.check_ins.get(last.check_in) if last.check_in is not None else None
    return EvseShown.BLOCKED if rivals(site, stay.evse, now, before=own) else EvseShown.AUTHORISE


def _of_empty(site: Site, evse: EvseId, now: Now) -> EvseShown:
    state = site.evse(evse)
    if state.blocked:
        return EvseShown.BLOCKED
    if evse in site.reserved:
        return EvseShown.TAKEN if state.bay is Bay.OCCUPIED else EvseShown.RESERVED_NOW
    if state.bay is Bay.OCCUPIED:
        if just_left(site, evse):
            return EvseShown.FINISHED
        return EvseShown.QUEUE if rivals(site, evse, now) else EvseShown.TAKEN
    if is_closed(site, evse, now):
        return EvseShown.CLOSED
    return EvseShown.FREE if state.bay is Bay.FREE else EvseShown.FREE_UNKNOWN


def wrong_car(site: Site, hold: Hold) -> bool:
    """Return whether the car in a held bay is known to be somebody else's: its card was turned away, no one says
    otherwise."""
    state = site.evse(hold.evse)
    here = state.plugged is not None or state.bay is Bay.OCCUPIED
    last = state.last_token
    away = last is not None and last.answer in TURNED_AWAY and last.at_ms >= max(hold.since_ms, state.bay_since_ms)
    return here and away and not hold.confirmed


def just_left(site: Site, evse: EvseId) -> bool:
    """Return whether the car in the bay is the one that has unplugged there."""
    state = site.evse(evse)
    return state.bay is Bay.OCCUPIED and state.plugged is None and state.bay_since_ms == state.free_since_ms > 0


def is_closed(site: Site, evse: EvseId, now: Now) -> bool:
    """Return whether every pool of an EVSE is closed; an EVSE without a pool never is."""
    location = site.location
    pools = location.pools_of(evse) if location else ()
    return bool(location and pools) and not any(is_open(location, p, now.utc_ms) for p in pools if location)


def energy_wh(stay: Stay, reading: Reading | None) -> int | None:
    """Return the energy of a stay so far in Wh, by the latest register there is, or None without a meter."""
    register = reading.register_wh if reading is not None and reading.register_wh is not None else stay.register_wh
    if register is None or stay.register_start_wh is None:
        return None
    return max(register - stay.register_start_wh, 0)


def utc_of(now: Now, elapsed_ms: int | None) -> int | None:
    """Return an instant of the location's clock as UTC ms, or None while the wall clock is untrusted."""
    return None if elapsed_ms is None else now.at(elapsed_ms).utc_ms
