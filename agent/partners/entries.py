"""CheckIns as partners see them: their ids, their life, their EVSE (`sequere.md` 6.1).

Renders, decides nothing. No subject, no device and nobody else's entry ever gets into an object.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.core.layout import CheckInId, ConnectorId, EvseId, Now, arrival_window_ms
from agent.core.queue import positions
from agent.core.shown import WaitRange, Waits
from agent.core.state import HOLDING, CheckIn, CheckInState, Reason, Site
from agent.kernel.secrets import SiteKey
from agent.partners.messages import render_utc
from agent.partners.sequences import Sequences, Stamp

PREFIX = "c"
LABEL_MAX = 16  # OCPI physical_reference
NAMES_SPARE = 64  # names of forgotten CheckIns that are kept for company, so that tidying up is rare
QUOTE_KEPT_MS = 60_000  # until the first forecast, what was quoted at check-in is what is known

_REASONS: Mapping[Reason, str] = {Reason.POOL_REMOVED: "CLOSED"}  # 6.1: a withdrawn pool is told like a closed one


class Scene:
    """A site at an instant, with what rendering needs beside it. `offset_ms` turns elapsed into UTC milliseconds."""

    def __init__(self, site: Site, now: Now, waits: Waits, untrusted_utc_ms: int) -> None:
        """Take a site; `untrusted_utc_ms` stands in for the time of day where one is required and none is trusted."""
        self.site = site
        self.now = now
        self.waits = waits
        self.trusted = now.utc_ms is not None
        self.utc_ms = untrusted_utc_ms if now.utc_ms is None else now.utc_ms
        self._positions: dict[CheckInId, int] | None = None

    def informs(self, elapsed_ms: int) -> str:
        """Return an instant for a field that only informs, such as last_updated."""
        return render_utc(max(self.utc_ms + elapsed_ms - self.now.elapsed_ms, 0))

    def binds(self, elapsed_ms: int | None) -> str | None:
        """Return an instant that somebody acts upon; None while the clock is untrusted."""
        return None if elapsed_ms is None or not self.trusted else self.informs(elapsed_ms)

    def position(self, check_in: CheckIn) -> int | None:
        """Return the position from 1, or None for who is not in line."""
        if self._positions is None:
            self._positions = dict(positions(self.site))
        return self._positions.get(check_in.id)

    def wait(self, check_in: CheckIn) -> WaitRange | None:
        """Return the forecast for somebody in line; right after check-in, what was quoted."""
        if check_in.id in self.waits.of:
            return self.waits.of[check_in.id]
        quote = check_in.quote
        if quote is None or self.now.elapsed_ms - check_in.since_ms > QUOTE_KEPT_MS:
            return None
        return WaitRange(p10_min=quote.p10_min, p50_min=quote.p50_min, p90_min=quote.p90_min)


@dataclass(frozen=True, slots=True)
class Told:
    """What of a CheckIn is worth an update: compared with what was told before, see `updates.py`."""

    status: CheckInState
    position: int | None
    wait: WaitRange | None
    evse: EvseId | None
    until_ms: int | None
    after: str | None  # CHARGING_ENDED, PLEASE_MOVE or DEPARTED, once the CheckIn is FULFILLED


class Entries:
    """Names CheckIns for partners and renders them."""

    def __init__(self, key: SiteKey, sequences: Sequences) -> None:
        self._key = key
        self._sequences = sequences
        self._id_of: dict[CheckInId, str] = {}
        self._of_id: dict[str, CheckInId] = {}

    def id_of(self, check_in: CheckIn) -> str:
        """Return the id under which partners know a CheckIn."""
        known = self._id_of.get(check_in.id)
        if known is None:
            known = self._key.partner_id(PREFIX, check_in.id)
            self._id_of[check_in.id] = known
            self._of_id[known.casefold()] = check_in.id
        return known

    def find(self, site: Site, given: str) -> CheckIn | None:
        """Return the CheckIn of an id, whoever made it, or None."""
        for check_in in site.check_ins.values():
            self.id_of(check_in)
        number = self._of_id.get(given.casefold())
        return None if number is None else site.check_ins.get(number)

    def told(self, scene: Scene, check_in: CheckIn) -> Told:
        """Return what an update would tell."""
        held = scene.site.hold_of(check_in.id) if check_in.state in HOLDING else None
        return Told(
            status=check_in.state,
            position=scene.position(check_in),
            wait=scene.wait(check_in) if scene.position(check_in) else None,
            evse=held.evse if held else None,
            until_ms=held.until_ms if held else None,
            after=_after(scene.site, check_in),
        )

    def stamp(self, scene: Scene, check_in: CheckIn) -> Stamp:
        """Return the number and instant of what is told of a CheckIn now."""
        if len(self._id_of) > 2 * len(scene.site.check_ins) + NAMES_SPARE:
            self._forget(scene.site)
        content = (check_in.sequence, self.told(scene, check_in))
        about = self.id_of(check_in)
        last = check_in.changed_ms if scene.position(check_in) is None else scene.now.elapsed_ms
        return self._sequences.stamp(about, content, scene.site.sequence, last)

    def render(
        self, scene: Scene, check_in: CheckIn, *, reason: str | None = None, provisional: bool = False
    ) -> dict[str, Any]:
        """Return the object of a CheckIn (6.1); `reason` is why it is told, else that of its last change."""
        stamp, told, location = self.stamp(scene, check_in), self.told(scene, check_in), scene.site.location
        found: dict[str, Any] = {
            "check_in_id": self.id_of(check_in),
            "location_id": location.id if location else "",
            "pool_id": check_in.pool,
            "status": check_in.state.value,
            "call_code": check_in.code,
            "position": told.position,
            "wait_minutes": None if told.wait is None else wait_minutes(told.wait),
            "assignment": self.assignment(scene, check_in),
            "snoozed_until": scene.binds(check_in.snoozed_until_ms),
            "reason": reason or told.after or reason_of(check_in),
            "provisional": True if provisional else None,
            "sequence": stamp.sequence,
            "last_updated": scene.informs(stamp.at_ms),
        }
        return {name: value for name, value in found.items() if value is not None}

    def assignment(self, scene: Scene, check_in: CheckIn) -> dict[str, Any] | None:
        """Return the EVSE of somebody called, arrived or fulfilled, or None."""
        hold = scene.site.hold_of(check_in.id)
        if hold is not None:
            if scene.site.paused and scene.site.location is not None:  # the window begins anew when the queue goes on
                window_ms = arrival_window_ms(scene.site.location.policy, check_in.more_time)
                return _assignment(scene, hold.evse, hold.connector, window_ms // 1000, None)
            left_ms = max(hold.until_ms - scene.now.elapsed_ms, 0)
            return _assignment(scene, hold.evse, hold.connector, left_ms // 1000, hold.until_ms)
        if check_in.state is CheckInState.FULFILLED and check_in.evse is not None:
            stay = scene.site.stays.get(check_in.evse)
            own = stay is not None and stay.id == check_in.stay
            return _assignment(scene, check_in.evse, stay.connector if stay and own else None, 0, None)
        return None

    def _forget(self, site: Site) -> None:
        for number in [n for n in self._id_of if n not in site.check_ins]:
            del self._of_id[self._id_of.pop(number).casefold()]
        self._sequences.keep(frozenset(self._id_of.values()), f"{PREFIX}-")


def wait_minutes(wait: WaitRange) -> dict[str, int]:
    """Return a wait range in SeQueRe's words."""
    return {"p10": wait.p10_min, "p50": wait.p50_min, "p90": wait.p90_min}


def reason_of(check_in: CheckIn) -> str | None:
    """Return why a CheckIn changed last, in the words of UpdateReason."""
    return None if check_in.reason is None else _REASONS.get(check_in.reason, check_in.reason.value)


def _after(site: Site, check_in: CheckIn) -> str | None:
    """Return how far the stay of a fulfilled CheckIn has come (`sequere.md` 11, decisions)."""
    if check_in.state is not CheckInState.FULFILLED:
        return None
    if check_in.past is not None:
        return "DEPARTED"
    stay = site.stays.get(check_in.evse) if check_in.evse is not None else None
    if stay is None or stay.id != check_in.stay or stay.finished_ms is None:
        return None
    return "PLEASE_MOVE" if stay.grace_ended else "CHARGING_ENDED"


def _assignment(
    scene: Scene,
    evse: EvseId,
    connector: ConnectorId | None,
    left_s: int,
    until_ms: int | None,
) -> dict[str, Any]:
    """Return an Assignment; without `end_date_time`: a departure that was told is visit data and is not passed on."""
    layout = scene.site.layout_of(evse)
    found: dict[str, Any] = {
        "evse_uid": str(evse),
        "evse_id": layout.evse_id_emi3 if layout else None,
        "connector_id": None if connector is None else str(connector),
        "physical_reference": layout.label[:LABEL_MAX] if layout else None,
        "hold_seconds": left_s,
        "hold_until": scene.binds(until_ms),
    }
    return {name: value for name, value in found.items() if value is not None}
