"""One receiver of updates: what it was told, what is due, and the tries to tell it.

State is not queued: a lane remembers what it told, compares it with what is, and says the difference; what cannot be
told is given up, and the whole state mends it when the receiver can be reached again (`sequere.md` 1, offline, and 4).
In memory only: after a restart all is told anew.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import msgspec

from agent.config.link_types import Right
from agent.core.layout import CheckInId, EvseId, PoolId
from agent.core.state import CheckIn, Reason
from agent.partners.calls import Delivered, Outcome
from agent.partners.carriages import Carriage
from agent.partners.context import Shared
from agent.partners.entries import Scene
from agent.partners.partner import Partner
from agent.partners.updates import (
    POOL_GAP_MS,
    Last,
    Message,
    PoolTold,
    assigns,
    due_ms,
    noted,
    pool_update,
    queue_states,
    update,
)
from drivers.clock import until_set
from drivers.ports import Clock

log = logging.getLogger("stationmaster.partners")

TRIES_AFTER_S = (0.0, 1.0, 5.0, 25.0)  # `sequere.md` 4
TRIES_SPREAD = 0.2
OUTAGE_LOOK_S = 60.0  # how often a partner that cannot be reached is tried again, with the whole state
LOOK_S = 30.0  # forecasts move without an event
DAILY_MS = 24 * 3_600_000

_RECEIPTS = frozenset({"ACCEPTED", "UNDELIVERABLE", "UNKNOWN", "REJECTED", "UNREADABLE"})
_RENEWED = Delivered(Outcome.AGAIN, problem="the link is new")  # whoever was waiting for a try begins anew


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be told: a CheckIn, or (None) pools."""

    check_in: CheckInId | None


class Lane:
    """One receiver: the partner's own, or the response_url of some CheckIns."""

    def __init__(
        self,
        parts: Shared,
        partner: Partner,
        carriage: Carriage,
        clock: Clock,
        *,
        url: str | None = None,
        awaits_link: bool = False,
    ) -> None:
        """`url` is the response_url this lane is for; None for the receiver, which also hears of pools and states.

        With `awaits_link` nothing is sent before `restart` tells that there is a link.
        """
        self.partner = partner
        self.url = url
        self.shown: dict[CheckInId, EvseId] = {}  # the bay that the app has shown, by its receipt for the call
        self._parts = parts
        self._carriage = carriage
        self._clock = clock
        self._stirred = asyncio.Event()
        self._last: dict[CheckInId, Last] = {}
        self._pools: dict[PoolId, PoolTold] = {}
        self._pools_at_ms = -POOL_GAP_MS
        self._state_at_ms: int | None = None  # when the whole state was told; None: it must be, first of all
        self._quiet_until_s = 0.0
        self._stopped = awaits_link
        self._renewed = asyncio.Event()

    def stir(self) -> None:
        """Look whether something is due."""
        self._stirred.set()

    def restart(self) -> None:
        """The link is new: everything is told anew, also to a side that did not know our words before."""
        self._stopped = False
        self._state_at_ms = None
        self._quiet_until_s = 0.0
        self._renewed.set()
        self.stir()

    def answered(self, scene: Scene, check_in: CheckIn) -> None:
        """Note that the partner was just told of a CheckIn in an answer."""
        if self._concerns(check_in):
            self._remember(scene, [check_in])

    def is_wanted(self) -> bool:
        """Whether the lane has something to tell, now or later."""
        check_ins = self._parts.context.runner.site.check_ins.values()
        return self.url is None or any(self._concerns(c) for c in check_ins)

    async def run(self, chance: Callable[[], float]) -> None:
        """Tell what is due, until cancelled or not wanted any more."""
        while self.is_wanted():
            self._stirred.clear()
            wake_s = await self._tell(chance)
            await until_set(self._stirred, self._clock, wake_s)

    async def _tell(self, chance: Callable[[], float]) -> float:
        """Send what is due, one after the other; return the instant to look again."""
        while True:
            self._renewed.clear()
            now_s = self._clock.monotonic()
            scene = self._parts.context.scene()
            if self._stopped or scene.site.location is None:
                return now_s + LOOK_S
            if now_s < self._quiet_until_s:
                return self._quiet_until_s
            self._forget(scene)
            if self._whole_is_due(scene):
                sent = await self._tell_whole(scene, chance)
            else:
                waiting = self._due(scene)
                if not isinstance(waiting, _Due):
                    return min(now_s + waiting, now_s + LOOK_S)
                sent = await self._tell_one(waiting, chance)
            if not sent:
                self._gave_up()

    def _gave_up(self) -> None:
        """Drop what could not be told: the whole state mends it, as soon as the partner can be reached.

        A response_url gets no state: what it was told last is kept, and what is true by then is told as a change.
        """
        if self.url is None:
            self._state_at_ms = None
            self._last.clear()
            self._pools.clear()
        self._quiet_until_s = self._clock.monotonic() + OUTAGE_LOOK_S

    # --- what is due

    def _concerns(self, check_in: CheckIn) -> bool:
        own_url = self._parts.urls.of(check_in.id) if check_in.owner == self.partner.key else None
        if self.url is not None:
            return check_in.owner == self.partner.key and own_url == self.url
        return self.partner.owns(check_in.owner) and own_url is None

    def _forget(self, scene: Scene) -> None:
        for gone in [c for c in self._last if c not in scene.site.check_ins]:
            self._last.pop(gone)
            self.shown.pop(gone, None)

    def _whole_is_due(self, scene: Scene) -> bool:
        at_ms = self._state_at_ms
        if self.url is not None or Right.QUEUE not in self.partner.rights:
            return False
        return at_ms is None or scene.now.elapsed_ms - at_ms >= DAILY_MS

    def _due(self, scene: Scene) -> "_Due | float":
        """Return the first update that is due, or the seconds until the next will be."""
        now_ms = scene.now.elapsed_ms
        soonest = now_ms + round(LOOK_S * 1000)
        for _, check_in in sorted(scene.site.check_ins.items()):
            if not self._concerns(check_in):
                continue
            last = self._last.get(check_in.id)
            if last is None and not check_in.open:  # ended before we began: what becomes of its stay is a change
                self._remember(scene, [check_in])
                continue
            at_ms = due_ms(last, self._parts.entries.told(scene, check_in), now_ms)
            if at_ms is not None and at_ms <= now_ms:
                return _Due(check_in.id)
            soonest = soonest if at_ms is None else min(soonest, at_ms)
        if self._tells_pools() and self._pool_message(scene) is not None:
            if now_ms >= self._pools_at_ms + POOL_GAP_MS:
                return _Due(None)
            soonest = min(soonest, self._pools_at_ms + POOL_GAP_MS)
        return (soonest - now_ms) / 1000

    def _tells_pools(self) -> bool:
        return self.url is None and self.partner.push_pools and Right.READ in self.partner.rights

    def _pool_message(self, scene: Scene) -> tuple[Message, dict[PoolId, PoolTold]] | None:
        location = scene.site.location
        return pool_update(self._parts, scene, location, self._pools) if location else None

    # --- telling it

    async def _tell_whole(self, scene: Scene, chance: Callable[[], float]) -> bool:
        """Send QueueState; return whether the partner has it, or never will."""
        location = scene.site.location
        if location is None:
            return True
        sites = sorted(scene.site.check_ins.items())
        own = [c for _, c in sites if self.partner.owns(c.owner)]
        parts = queue_states(self._parts, scene, location, own, self._carriage.length, self._carriage.room)
        for message in parts:
            delivered = await self._try(partial(_same, message), chance)
            if delivered is None or delivered is _RENEWED:
                return delivered is not None
        if self._renewed.is_set():
            return True  # the link is new, and its other side got nothing of this
        self._state_at_ms = scene.now.elapsed_ms
        # After a restart who was called is told so once more by itself: the app may only show what calls for action.
        self._remember(scene, (c for c in own if self._concerns(c) and c.reason is not Reason.RESTATED))
        log.info("sequere=state partner=%r check_ins=%d parts=%d", self.partner.name, len(own), len(parts))
        return True

    async def _tell_one(self, due: "_Due", chance: Callable[[], float]) -> bool:
        told: list[tuple[Scene, CheckIn | None, dict[PoolId, PoolTold]]] = []

        def newest() -> Message | None:
            """Render what is true at this try; None when there is nothing to tell any more."""
            scene = self._parts.context.scene()
            told.clear()
            if due.check_in is None:
                found = self._pool_message(scene)
                if found is None:
                    return None
                told.append((scene, None, found[1]))
                return found[0]
            check_in = scene.site.check_ins.get(due.check_in)
            if check_in is None:
                return None
            told.append((scene, check_in, {}))
            return update(self._parts, scene, check_in, self._last.get(check_in.id))

        delivered = await self._try(newest, chance)
        if delivered is None or delivered is _RENEWED:
            return delivered is not None
        for scene, check_in, pools in told:
            if check_in is None:
                self._pools |= pools
                self._pools_at_ms = scene.now.elapsed_ms
            else:
                self._note_shown(scene, check_in, delivered)
                self._remember(scene, [check_in])
        return True

    def _note_shown(self, scene: Scene, check_in: CheckIn, delivered: Delivered) -> None:
        """Note whether the app shows the bay of a call; of any other update its receipt tells nothing."""
        evse = assigns(self._parts, scene, check_in, self._last.get(check_in.id))
        if evse is None:
            return
        self.shown.pop(check_in.id, None)
        if delivered.receipt == "ACCEPTED":
            self.shown[check_in.id] = evse

    async def _try(self, newest: Callable[[], Message | None], chance: Callable[[], float]) -> Delivered | None:
        """Send a message, four times at most; None if it was given up."""
        operation = ""
        for after_s in TRIES_AFTER_S:
            spread = 1 + TRIES_SPREAD * (2 * chance() - 1)
            await until_set(self._renewed, self._clock, self._clock.monotonic() + after_s * spread)
            if self._renewed.is_set():
                return _RENEWED
            message = newest()
            if message is None:
                return Delivered(Outcome.FINAL)
            operation = message.operation
            delivered = await self._carriage.post(operation, msgspec.json.encode(message.body))
            self._log(operation, delivered)
            if delivered.outcome is Outcome.STOP and not self._renewed.is_set():
                self._stopped = True
            if delivered.outcome is not Outcome.AGAIN:
                return delivered
        log.warning("sequere=given_up partner=%r operation=%s", self.partner.name, operation)
        return None

    def _remember(self, scene: Scene, check_ins: Iterable[CheckIn]) -> None:
        for check_in in check_ins:
            told = self._parts.entries.told(scene, check_in)
            self._last[check_in.id] = noted(self._last.get(check_in.id), told, scene.now.elapsed_ms)

    def _log(self, operation: str, delivered: Delivered) -> None:
        log.info(
            "sequere=told partner=%r operation=%s outcome=%s receipt=%s problem=%r",
            self.partner.name,
            operation,
            delivered.outcome.value,
            delivered.receipt if delivered.receipt in _RECEIPTS else "other" if delivered.receipt else "none",
            delivered.problem,
        )


def _same(message: Message) -> Message:
    return message
