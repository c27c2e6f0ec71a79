"""What the Central System of OCPP 1.6 wants, put to core and hardware, and their answers in its words.

Decides only the wording: whether something may be is the core's decision. Commands that could harm are bounded here
(`threats-and-faults.md` 3.3): resets per hour, no unlocking while energy flows. EVSE ids are 1.6's connector ids.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from agent.core import inputs as i
from agent.core.layout import EvseId
from agent.core.shown import NO_READINGS, Readings
from agent.core.state import EndOfEnergy, Site
from agent.core.views import evse_status
from agent.csms.v16.backlog import Backlog
from agent.csms.v16.delivery import Delivery
from agent.csms.v16.sampling import Sampling
from agent.kernel.authoriser import Authoriser, Judged
from agent.kernel.inbox import Busy, Conclusion
from agent.kernel.runner import Runner
from agent.kernel.subjects import Known, Subjects
from agent.ocpp.frames import Payload
from agent.ocpp.instants import render_instant
from agent.ocpp.v16 import deeds as d
from agent.ocpp.v16 import types as t
from agent.ocpp.v16.authorisation import KeyOf
from agent.ocpp.v16.keys import KeyTable
from agent.ocpp.v16.statuses import ConnectorStatus, Status
from agent.ocpp.v16.transactions import TxState, sampled_values

log = logging.getLogger("stationmaster.csms")

RESETS_PER_HOUR_MAX = 6  # a CSMS that loops must not keep a site dark
HOUR_MS = 3_600_000
DE_ENERGISE_WITHIN_S = 10.0  # a contactor opens within half a second; DC needs some more to ramp down

# ChargePointErrorCode of OCPP 1.6, 7.6. Other faults are OtherError with their own name as vendorErrorCode.
ERROR_CODES = frozenset({
    "ConnectorLockFailure", "EVCommunicationError", "GroundFailure", "HighTemperature", "InternalError",
    "OverCurrentFailure", "OverVoltage", "PowerMeterFailure", "PowerSwitchFailure", "ReaderFailure", "ResetFailure",
    "UnderVoltage", "WeakSignal",
})  # fmt: skip

Follow = Callable[[], Awaitable[None]]
Vendor = Callable[[str | None, str | None], Awaitable[tuple[str, str | None]]]
"""Answers a DataTransfer: (messageId, data) to (status, data)."""


class Hardware(Protocol):
    """What a command does to the box."""

    async def unlock(self, evse: EvseId) -> bool | None:
        """Release the plug; return whether it is free, None where there is no lock."""

    async def restart(self, hard: bool) -> None:
        """Restart the agent, or the box."""

    async def de_energised(self, evse: EvseId, within_s: float) -> bool:
        """Return whether the contactor is open within a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """Whom and what the desk works with."""

    runner: Runner
    subjects: Subjects
    authoriser: Authoriser
    hardware: Hardware
    delivery: Delivery
    key_of: KeyOf
    keys: Callable[[], KeyTable]
    readings: Callable[[], Readings]
    vendors: Mapping[str, Vendor]
    sampling: Sampling
    backlog: Backlog
    transactions: Callable[[], TxState]
    owed_counts: Callable[[], dict[str, int]]  # blocks


class SiteDesk:
    """The desk of a site."""

    def __init__(self, counter: Counter) -> None:
        self._c = counter
        self._resets: deque[int] = deque()

    async def answer(self, wanted: d.Wanted) -> tuple[Payload, Follow | None]:
        """Return the answer, and what is to be done once it was sent."""
        try:
            return await self._answer(wanted)
        except Busy:
            return {"status": "Rejected"}, None

    async def sample(self) -> None:
        """Take the readings that are due; let those be kept that have waited too long."""
        c, now = self._c, self._c.runner.now()
        c.sampling.take(c.transactions(), c.readings(), now.elapsed_ms, c.runner.site.boot)
        await c.backlog.look(c.owed_counts, now.elapsed_ms)
        for connector_id in c.sampling.overdue(now.elapsed_ms):
            register_wh = c.readings()[EvseId(connector_id)].register_wh
            if register_wh is not None:
                c.runner.observe(i.RegisterRead(evse=EvseId(connector_id), register_wh=register_wh))

    def sample_at(self) -> int | None:
        """Return the elapsed instant of the next reading, or None."""
        return self._c.sampling.wake(self._c.transactions(), self._c.runner.now().elapsed_ms)

    async def meter(self, connector_id: int | None) -> tuple[Payload, ...]:
        """Return MeterValues payloads of now, for TriggerMessage; without a trusted clock or a meter, none."""
        now = self._c.runner.now()
        readings = self._c.readings()
        wanted = [evse for evse in sorted(readings) if connector_id in (None, evse)]
        if now.utc_ms is None:
            return ()
        timestamp = render_instant(now.utc_ms)
        payloads: list[Payload] = []
        for evse in wanted:
            reading, stay = readings[evse], self._c.runner.site.stays.get(evse)
            bound = self._c.delivery.transaction_id(stay.id) if stay else None
            values = sampled_values("Trigger", reading.register_wh, reading.power_w, reading.soc_percent)
            payloads.append(
                {
                    "connectorId": evse,
                    **({} if bound is None else {"transactionId": bound}),
                    "meterValue": [{"timestamp": timestamp, "sampledValue": values}],
                }
            )
        return tuple(payloads)

    async def _answer(self, wanted: d.Wanted) -> tuple[Payload, Follow | None]:
        match wanted:
            case t.RemoteStartTransaction():
                return _status(await self._remote_start(wanted)), None
            case t.RemoteStopTransaction():
                return _status(await self._remote_stop(wanted)), None
            case t.ReserveNow():
                return _status(await self._reserve(wanted)), None
            case t.CancelReservation():
                refused = await self._asked(i.CancelReserveNow(id=wanted.reservation_id))
                return _status("Accepted" if refused is None else "Rejected"), None
            case t.ChangeAvailability():
                return _status(await self._availability(wanted)), None
            case t.UnlockConnector():
                return _status(await self._unlock(EvseId(wanted.connector_id))), None
            case t.Reset():
                return self._reset(wanted)
            case t.DataTransfer():
                return await self._vendor(wanted), None
            case _:
                assert_never(wanted)

    async def _asked(self, request: i.Request, *known: Known) -> i.Refused | None:
        """Put a Request to the core, with the rows of the ids in it, and return the refusal, if any."""
        writes = tuple(write for one in known for write in one.writes)
        answer = await self._c.runner.ask(request, lambda _step, _now: Conclusion(None, writes))
        return answer.step.refused if answer.step else None

    async def _remote_start(self, wanted: t.RemoteStartTransaction) -> str:
        if self._c.backlog.full:
            return "Rejected"
        known = self._c.subjects.of("token", wanted.id_tag)
        judged = Judged(verdict=i.Verdict.ACCEPTED)
        if self._c.keys().flag("AuthorizeRemoteTxRequests"):  # 9.1.3: as if the card had been presented here
            judged = await self._c.authoriser.judge(wanted.id_tag, "Central")
        request = i.RemoteStart(
            subject=known.ref,
            verdict=judged.verdict,
            group=judged.group,
            evse=None if wanted.connector_id is None else EvseId(wanted.connector_id),
        )
        return "Accepted" if await self._asked(request, known) is None else "Rejected"

    async def _remote_stop(self, wanted: t.RemoteStopTransaction) -> str:
        stay_id = self._c.delivery.stay_of(wanted.transaction_id)
        stays = self._c.runner.site.stays
        evse = next((evse for evse, stay in sorted(stays.items()) if stay.id == stay_id), None)
        if evse is None:
            return "Rejected"
        refused = await self._asked(i.StopStay(evse=evse, why=EndOfEnergy.REMOTE))
        return "Accepted" if refused is None else "Rejected"

    async def _reserve(self, wanted: t.ReserveNow) -> str:
        evse = EvseId(wanted.connector_id)
        known = self._c.subjects.of("token", wanted.id_tag)
        group = None if wanted.parent_id_tag is None else self._c.key_of(wanted.parent_id_tag)
        request = i.MakeReserveNow(
            id=wanted.reservation_id,
            evse=evse,
            subject=known.ref,
            group=group,
            until_utc_ms=wanted.expiry_utc_ms,
        )
        refused = await self._asked(request, known)
        if refused is None:
            return "Accepted"
        site = self._c.runner.site
        if refused.reason is i.Refusal.NONE_IN_SERVICE:
            return "Faulted" if site.evse(evse).faults or site.faults else "Unavailable"
        taken = (i.Refusal.EVSE_OCCUPIED, i.Refusal.KEPT_FOR_BOOKING)
        return "Occupied" if refused.reason in taken else "Rejected"

    async def _availability(self, wanted: t.ChangeAvailability) -> str:
        evse = EvseId(wanted.connector_id) if wanted.connector_id else None
        operative = wanted.kind is t.AvailabilityType.OPERATIVE
        refused = await self._asked(i.SetAvailability(evse=evse, operative=operative))
        if refused is not None:
            return "Rejected"
        stays = self._c.runner.site.stays
        running = [one for one, stay in stays.items() if stay.wants_energy and evse in (None, one)]
        return "Scheduled" if running and not operative else "Accepted"  # 5.2: after the transaction

    async def _unlock(self, evse: EvseId) -> str:
        """End a running transaction first (5.18), and never release a plug that carries energy."""
        stay = self._c.runner.site.stays.get(evse)
        if stay is not None and stay.wants_energy:
            await self._asked(i.StopStay(evse=evse, why=EndOfEnergy.UNLOCK))
        if not await self._c.hardware.de_energised(evse, DE_ENERGISE_WITHIN_S):
            return "UnlockFailed"
        free = await self._c.hardware.unlock(evse)
        if free is None:
            return "NotSupported"
        return "Unlocked" if free else "UnlockFailed"

    def _reset(self, wanted: t.Reset) -> tuple[Payload, Follow | None]:
        now_ms = self._c.runner.now().elapsed_ms
        while self._resets and now_ms - self._resets[0] >= HOUR_MS:
            self._resets.popleft()
        if len(self._resets) >= RESETS_PER_HOUR_MAX:
            log.warning("reset=refused reason='more than %d in an hour'", RESETS_PER_HOUR_MAX)
            return _status("Rejected"), None
        self._resets.append(now_ms)
        return _status("Accepted"), lambda: self._restart(wanted.hard)

    async def _restart(self, hard: bool) -> None:
        """Stop what charges, with the reason, and restart (5.14). A hard reset loses no more: all is in the journal."""
        why = EndOfEnergy.HARD_RESET if hard else EndOfEnergy.SOFT_RESET
        for evse, stay in sorted(self._c.runner.site.stays.items()):
            if stay.wants_energy:
                await self._asked(i.StopStay(evse=evse, why=why))
                await self._c.hardware.de_energised(evse, DE_ENERGISE_WITHIN_S)
        await self._c.hardware.restart(hard)

    async def _vendor(self, wanted: t.DataTransfer) -> Payload:
        vendor = self._c.vendors.get(wanted.vendor_id)
        if vendor is None:
            return _status("UnknownVendorId")
        status, data = await vendor(wanted.message_id, wanted.data)
        return {"status": status, **({} if data is None else {"data": data})}


def statuses(site: Site, readings: Readings = NO_READINGS) -> dict[int, Status]:
    """Return what every connector shows, and connector 0 for the station itself."""
    shown = {
        int(evse): _shown(evse_status(site, evse, readings.get(evse)).value, site.evse(evse).faults or site.faults)
        for evse in site.evse_ids()
    }
    operative = any(site.evse(evse).operative for evse in site.evse_ids())
    whole = "Faulted" if site.faults else "Available" if operative else "Unavailable"
    return {0: _shown(whole, site.faults), **shown}


def _shown(status: str, faults: tuple[str, ...]) -> Status:
    if not faults:
        return Status(status=ConnectorStatus(status))
    code = faults[0]
    if code in ERROR_CODES:
        return Status(status=ConnectorStatus(status), error=code)
    return Status(status=ConnectorStatus(status), error="OtherError", vendor_error=code)


def _status(status: str) -> Payload:
    return {"status": status}
