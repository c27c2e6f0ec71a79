"""Tells partners what changed: opens a lane for each receiver and wakes it after each turn.

Listens to the runner, sends through what it is given (HTTP, or DataTransfer to the CSMS). Holds no turn up and decides
nothing about the queue; what a lane tells is in `lane.py` and `updates.py`.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from agent.core.layout import CheckInId, EvseId
from agent.core.state import CheckIn
from agent.kernel.inbox import Busy
from agent.kernel.mishaps import place_of
from agent.kernel.runner import Published
from agent.partners.calls import HttpCalls
from agent.partners.carriages import SendTransfer, http_carriage, transfer_carriage
from agent.partners.context import Shared
from agent.partners.entries import Scene
from agent.partners.lane import OUTAGE_LOOK_S, Lane
from agent.partners.partner import Partner
from drivers.ports import Clock

log = logging.getLogger("stationmaster.partners")


class Push:
    """All lanes of a site."""

    def __init__(
        self,
        parts: Shared,
        partners: Sequence[Partner],
        calls: HttpCalls,
        clock: Clock,
        chance: Callable[[], float],
        csms: tuple[Partner, SendTransfer] | None = None,
    ) -> None:
        """`chance` gives numbers from 0 to 1; `csms` is who the CSMS is and how a DataTransfer is sent to it."""
        self._parts = parts
        self._partners = {p.key: p for p in partners}
        self._calls = calls
        self._clock = clock
        self._chance = chance
        self._stirred = asyncio.Event()
        self._running: dict[Lane, asyncio.Task[None]] = {}
        self._lanes: dict[tuple[str, str | None], Lane] = {}
        for partner in partners:
            if partner.receiver_url:
                self._lanes[partner.key, None] = self._http(partner, partner.receiver_url, None)
        if csms is not None:
            who, send = csms
            self._lanes[who.key, None] = Lane(parts, who, transfer_carriage(send), clock, awaits_link=True)
            self._csms: Lane | None = self._lanes[who.key, None]
        else:
            self._csms = None
        parts.answered.append(self._answered)
        parts.context.runner.listen(self._published)

    async def run(self) -> None:
        """Tell partners, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._stirred.clear()
                self._open_lanes()
                for lane in list(self._lanes.values()):
                    if lane not in self._running:
                        self._running[lane] = group.create_task(self._run(lane))
                    lane.stir()
                await self._drop_urls()
                await self._stirred.wait()

    def link_up(self) -> None:
        """The CSMS link is (again) up: QueueState goes first."""
        if self._csms is not None:
            self._csms.restart()

    def was_shown(self, check_in: CheckInId, evse: EvseId) -> bool:
        """Return whether a partner said ACCEPTED to the call of a CheckIn to an EVSE: their app shows it."""
        return any(lane.shown.get(check_in) == evse for lane in self._lanes.values())

    async def _run(self, lane: Lane) -> None:
        """Run a lane. A mistake of ours in it costs one partner its updates for a while, not the site its queue."""
        while True:
            try:
                await lane.run(self._chance)
                break
            except Exception as error:
                kind, place = type(error).__name__, place_of(error)
                log.error("sequere=internal lane=%r error=%s place=%s", lane.partner.name, kind, place)
                await self._clock.until(self._clock.monotonic() + OUTAGE_LOOK_S)
        self._running.pop(lane, None)
        self._lanes = {key: known for key, known in self._lanes.items() if known is not lane}

    def _http(self, partner: Partner, target: str, url: str | None) -> Lane:
        return Lane(self._parts, partner, http_carriage(self._calls, partner, target), self._clock, url=url)

    def _published(self, published: Published) -> None:
        if published.events:
            self._stirred.set()

    def _answered(self, partner_key: str, scene: Scene, check_in: CheckIn) -> None:
        self._open_lane(check_in)
        for (key, _), lane in self._lanes.items():
            if key == partner_key:
                lane.answered(scene, check_in)

    def _open_lanes(self) -> None:
        for check_in in self._parts.context.runner.site.check_ins.values():
            self._open_lane(check_in)

    def _open_lane(self, check_in: CheckIn) -> None:
        """Open the lane of a CheckIn's response_url, if it has one and the lane is not open."""
        url = self._parts.urls.of(check_in.id)
        partner = self._partners.get(check_in.owner or "")
        if url is not None and partner is not None and (partner.key, url) not in self._lanes:
            self._lanes[partner.key, url] = self._http(partner, url, url)

    async def _drop_urls(self) -> None:
        """Forget the addresses of CheckIns that are forgotten."""
        runner = self._parts.context.runner
        writes = self._parts.urls.gone(runner.site)
        if not writes:
            return
        try:
            await runner.store(writes)
        except Busy:
            log.warning("sequere=kept_urls count=%d", len(writes))  # the next start drops them
