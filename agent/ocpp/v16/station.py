"""A station of OCPP 1.6 without sockets: registration, heartbeat, statuses, and what the Central System asks.

Pure and sans-I/O: what happened goes in with the time, deeds come out for the shell to do in order; `wake` says when to
be called if nothing else happens. Decides what belongs to the protocol: who may speak before registration, keys, local
list, cache. What concerns stays, holds and hardware becomes a Want, which the shell puts to the core or a driver and
answers through `reply`. Follows OCPP 1.6 edition 2 chapters 4 and 5 with errata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, assert_never

from agent.ocpp.effects import Answered, Lost, NotSent, Outcome, Refused, TimedOut, Unreadable
from agent.ocpp.frames import Call, Payload
from agent.ocpp.rpc import Lane
from agent.ocpp.v16 import types as t
from agent.ocpp.v16.authorisation import Cache, KeyOf, LocalList, UpdateStatus
from agent.ocpp.v16.deeds import Deed, Deeds, Fail, Keep, Meter, Open, Reconnect, Reply, SetClock, Tell, Want, Wanted
from agent.ocpp.v16.keys import ChangeStatus, KeyTable
from agent.ocpp.v16.messages import own_request, own_response, parse_request, parse_response
from agent.ocpp.v16.schema import Fault
from agent.ocpp.v16.statuses import Status, StatusBoard

BOOT_RETRY_S = 60  # where the Central System names no interval (4.2: a station chooses one that does not flood)
BOOT_INTERVAL_MIN_S = 1
DAY_MS = 24 * 3_600_000  # at least one Heartbeat a day sets the clock (OCPP-J 1.6, 5.3)
TEXT_20, TEXT_25, TEXT_50 = 20, 25, 50  # CiString limits of BootNotification and StatusNotification


class Registration(Enum):
    """How the station stands with the Central System."""

    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"


REGISTRATIONS: Mapping[t.RegistrationStatus, Registration] = {
    t.RegistrationStatus.ACCEPTED: Registration.ACCEPTED,
    t.RegistrationStatus.PENDING: Registration.PENDING,
    t.RegistrationStatus.REJECTED: Registration.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What BootNotification says of the box."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""


@dataclass(slots=True, kw_only=True)
class Station:
    """One station. `key_of` makes the keyed hash of an id tag under which list and cache know it."""

    box: Box
    connectors: int
    key_of: KeyOf
    keys: KeyTable
    local: LocalList = field(default_factory=LocalList)
    cache: Cache = field(default_factory=Cache)
    registration: Registration = Registration.UNKNOWN
    board: StatusBoard = field(default_factory=StatusBoard)
    _linked: bool = False
    _boot_at_ms: int | None = None  # when BootNotification is to be sent; None while it is on its way or needless
    _heard_ms: int = 0  # the last exchange with the Central System
    _time_told_ms: int = 0  # the last answer that told the time
    _conflicts: set[str] = field(default_factory=set, repr=False)  # entries of the list that were found contradicted
    _conflict_due: bool = False  # one of them is still to be told

    # --- inputs -----------------------------------------------------------------------------------------------------

    def linked(self, now_ms: int) -> Deeds:
        """A connection is up. No BootNotification if the station was accepted before (OCPP-J 1.6, 5.4)."""
        self._linked, self._heard_ms = True, now_ms
        if self.registration is Registration.ACCEPTED:
            return (Open(flowing=True), *self.tick(now_ms))
        self._boot_at_ms = max(self._boot_at_ms or 0, now_ms)
        return self.tick(now_ms)

    def unlinked(self) -> Deeds:
        """The connection is gone."""
        self._linked = False
        if self.registration is not Registration.ACCEPTED and self._boot_at_ms is None:
            self._boot_at_ms = 0
        self.board.link_lost()
        return (Open(flowing=False),)

    def show(self, connector_id: int, status: Status, now_ms: int) -> Deeds:
        """A connector shows another status. Raises ValueError for one that connector 0 cannot have."""
        self.board.show(connector_id, status, now_ms)
        return self.tick(now_ms)

    def tick(self, now_ms: int) -> Deeds:
        """Time has passed."""
        if not self._linked:
            return ()
        deeds: list[Deed] = []
        if self._boot_at_ms is not None and self._boot_at_ms <= now_ms:
            deeds.append(self._boot())
        if self.registration is Registration.ACCEPTED:
            deeds += [_status_told(one, status) for one, status in self.board.due(now_ms, self._stable_ms)]
            deeds += self._conflict_told()
            if self._heartbeat_at_ms <= now_ms:
                self._heard_ms = self._time_told_ms = now_ms  # the next one is due an interval from here
                deeds.append(_heartbeat())
        return tuple(deeds)

    @property
    def wake(self) -> int | None:
        """The instant (elapsed ms) at which to call `tick` if nothing else happens."""
        if not self._linked:
            return None
        instants = [self._boot_at_ms]
        if self.registration is Registration.ACCEPTED:
            instants += [self._heartbeat_at_ms, self.board.wake(0, self._stable_ms)]
        return min((at for at in instants if at is not None), default=None)

    def completed(self, call: Call, outcome: Outcome, now_ms: int) -> Deeds:
        """A request of ours has ended; also those of the live and transaction lanes are to be told here."""
        said = parse_response(call.action, outcome.payload) if isinstance(outcome, Answered) else None
        if isinstance(outcome, Answered | Refused | Unreadable):
            self._heard_ms = now_ms
        if call.action == "BootNotification":
            return self._registered(said, now_ms)
        if call.action == "StatusNotification":
            # A CALLERROR would come again at once and for ever: it counts as told.
            taken = isinstance(outcome, Answered | Refused)
            self.board.told(int(call.payload["connectorId"]), str(call.payload["status"]), taken, now_ms)
        if isinstance(said, t.TimeTold):
            self._time_told_ms = now_ms
            return (SetClock(utc_ms=said.utc_ms), *self.tick(now_ms))
        return self.tick(now_ms)

    def noted(self, id_tag: str, info: t.IdTagInfo, now_ms: int) -> Deeds:
        """The Central System said something about an id (Authorize, Start-, StopTransaction): cache it (3.5.1).

        Where the local list says otherwise, `tick` tells so (3.5.2), once for each entry of a list.
        """
        if self.keys.flag("LocalAuthListEnabled") and self.local.contradicted(self.key_of(id_tag), info):
            self._conflict_due = self._conflict_due or self.key_of(id_tag) not in self._conflicts
            self._conflicts.add(self.key_of(id_tag))
        if not self.keys.flag("AuthorizationCacheEnabled"):
            return ()
        self.cache = self.cache.noted(self.key_of(id_tag), info, self.local, now_ms)
        return (Keep(what=self.cache),)

    def reply(self, message_id: str, action: str, payload: Payload) -> Reply:
        """Return the answer to a Want. Raises OwnPayloadError if it violates the standard."""
        return Reply(message_id=message_id, payload=own_response(action, payload))

    def asked(self, call: Call, now_ms: int) -> Deeds:
        """The Central System asks something (an action that is built)."""
        self._heard_ms = now_ms
        if self.registration is Registration.REJECTED:
            return ()  # 4.2: a rejected station does not answer
        request = parse_request(call.action, call.payload)
        if isinstance(request, Fault):
            return (Fail(message_id=call.message_id, fault=request),)
        return self._answered(call, request, now_ms)

    # --- registration -----------------------------------------------------------------------------------------------

    def _boot(self) -> Tell:
        self._boot_at_ms = None
        said = {
            "chargePointVendor": self.box.vendor[:TEXT_20],
            "chargePointModel": self.box.model[:TEXT_20],
            "chargePointSerialNumber": self.box.serial[:TEXT_25],
            "firmwareVersion": self.box.firmware[:TEXT_50],
        }
        payload = own_request("BootNotification", {name: text for name, text in said.items() if text})
        return Tell(action="BootNotification", payload=payload, lane=Lane.LIVE)

    def _registered(self, said: t.Response | Fault | None, now_ms: int) -> Deeds:
        if not isinstance(said, t.Registered):
            self._boot_at_ms = now_ms + BOOT_RETRY_S * 1000
            return ()
        before, self.registration = self.registration, REGISTRATIONS[said.status]
        self._time_told_ms = now_ms
        deeds: list[Deed] = [SetClock(utc_ms=said.utc_ms)]
        if self.registration is not Registration.ACCEPTED:
            wait_s = max(said.interval_s or BOOT_RETRY_S, BOOT_INTERVAL_MIN_S)
            self._boot_at_ms = now_ms + wait_s * 1000
            return (*deeds, Open(flowing=False))
        if said.interval_s > 0:
            _, self.keys = self.keys.change("HeartbeatInterval", str(said.interval_s))
            deeds.append(Keep(what=self.keys))
        if before is not Registration.ACCEPTED:
            self.board.force(None)  # 4.2: after acceptance, the status of every connector
        return (*deeds, Open(flowing=True), *self.tick(now_ms))

    @property
    def _stable_ms(self) -> int:
        return self.keys.number("MinimumStatusDuration") * 1000

    @property
    def _heartbeat_at_ms(self) -> int:
        interval_ms = self.keys.number("HeartbeatInterval") * 1000
        daily_ms = self._time_told_ms + DAY_MS
        return min(self._heard_ms + interval_ms, daily_ms) if interval_ms else daily_ms

    # --- what the Central System asks -------------------------------------------------------------------------------

    def _answered(self, call: Call, request: t.Request, now_ms: int) -> Deeds:
        def reply(**payload: Any) -> Reply:
            return self.reply(call.message_id, call.action, payload)

        match request:
            case t.GetConfiguration():
                return (reply(**self._told_keys(request)),)
            case t.ChangeConfiguration():
                return self._changed(request, reply(status=ChangeStatus.REJECTED.value), call, now_ms)
            case t.SendLocalList():
                return self._listed(request, call)
            case t.GetLocalListVersion():
                enabled = self.keys.flag("LocalAuthListEnabled")
                return (reply(listVersion=self.local.told_version if enabled else -1),)
            case t.ClearCache():
                if not self.keys.flag("AuthorizationCacheEnabled"):
                    return (reply(status="Rejected"),)
                self.cache = Cache()
                return (Keep(what=self.cache), reply(status="Accepted"))
            case t.TriggerMessage():
                return self._triggered(request, call.message_id, now_ms)
            case _:
                refusal = self._refused_early(request)
                return (reply(status=refusal),) if refusal else (Want(message_id=call.message_id, wanted=request),)

    def _listed(self, request: t.SendLocalList, call: Call) -> Deeds:
        """Take an update of the list; ids that are on it are not in the cache (3.5.3)."""
        status, self.local = self.local.updated(request, self.keys, self.key_of)
        said = self.reply(call.message_id, call.action, {"status": status.value})
        if status is not UpdateStatus.ACCEPTED:
            return (said,)
        self._conflicts.clear()
        before, self.cache = self.cache, self.cache.without(self.local)
        forgotten: Deeds = () if self.cache is before else (Keep(what=self.cache),)
        return (Keep(what=self.local), *forgotten, said)

    def _conflict_told(self) -> Deeds:
        station = self.board.shown(0)
        if not self._conflict_due or station is None:
            return ()
        self._conflict_due = False
        payload = {"connectorId": 0, "status": station.status.value, "errorCode": "LocalListConflict"}
        told = own_request("StatusNotification", payload)
        return (Tell(action="StatusNotification", payload=told, lane=Lane.STATE, key="local list conflict"),)

    def _told_keys(self, request: t.GetConfiguration) -> dict[str, Any]:
        told, unknown = self.keys.get(request.keys)
        listed = [
            {"key": one.name, "readonly": one.readonly, **({} if one.value is None else {"value": one.value})}
            for one in told
        ]
        return {"configurationKey": listed, **({"unknownKey": list(unknown)} if unknown else {})}

    def _changed(self, request: t.ChangeConfiguration, rejected: Reply, call: Call, now_ms: int) -> Deeds:
        status, table = self.keys.change(request.key, request.value)
        if table is self.keys and status is ChangeStatus.REJECTED:
            return (rejected,)
        self.keys = table
        said = self.reply(call.message_id, call.action, {"status": status.value})
        if status is ChangeStatus.NOT_SUPPORTED:
            return (said,)
        more: Deeds = (Reconnect(),) if request.key.lower() == "authorizationkey" else ()
        return (Keep(what=self.keys), said, *more, *self.tick(now_ms))

    def _triggered(self, request: t.TriggerMessage, message_id: str, now_ms: int) -> Deeds:
        """TriggerMessage, 5.17: first the answer, then the message, also before the station is accepted."""
        connector_id = request.connector_id
        follow: Deeds
        if connector_id is not None and connector_id > self.connectors:
            return (self.reply(message_id, "TriggerMessage", {"status": "Rejected"}),)
        match request.requested:
            case t.MessageTrigger.BOOT_NOTIFICATION:
                follow = (self._boot(),)
            case t.MessageTrigger.HEARTBEAT:
                follow = (_heartbeat(),)
            case t.MessageTrigger.STATUS_NOTIFICATION:
                self.board.force(connector_id)
                follow = tuple(_status_told(one, told) for one, told in self.board.due(now_ms, self._stable_ms))
            case t.MessageTrigger.METER_VALUES:
                follow = (Meter(connector_id=connector_id),)
            case t.MessageTrigger.DIAGNOSTICS_STATUS_NOTIFICATION | t.MessageTrigger.FIRMWARE_STATUS_NOTIFICATION:
                return (self.reply(message_id, "TriggerMessage", {"status": "NotImplemented"}),)
            case _:
                assert_never(request.requested)
        return (self.reply(message_id, "TriggerMessage", {"status": "Accepted"}), *follow)

    def _refused_early(self, request: Wanted) -> str | None:
        """Return the refusal that needs no question to anybody: what does not exist, and before registration (4.2)."""
        registered = self.registration is Registration.ACCEPTED
        match request:
            case t.RemoteStartTransaction(connector_id=connector_id):
                return None if registered and (connector_id or 1) <= self.connectors else "Rejected"
            case t.RemoteStopTransaction():
                return None if registered else "Rejected"
            case t.ReserveNow(connector_id=connector_id):
                zero = connector_id == 0 and not self.keys.flag("ReserveConnectorZeroSupported")
                return "Rejected" if zero or connector_id > self.connectors else None
            case t.ChangeAvailability(connector_id=connector_id):
                return "Rejected" if connector_id > self.connectors else None
            case t.UnlockConnector(connector_id=connector_id):
                return "NotSupported" if connector_id > self.connectors else None
            case t.CancelReservation() | t.DataTransfer() | t.Reset():
                return None
            case _:
                assert_never(request)


def failed(outcome: Outcome) -> bool:
    """Return whether a call ended with a failure to process it: CALLERROR, nonsense or time-out (J erratum 3.3)."""
    match outcome:
        case Refused() | Unreadable() | TimedOut():
            return True
        case Answered() | Lost() | NotSent():
            return False
        case _:
            assert_never(outcome)


def _heartbeat() -> Tell:
    return Tell(action="Heartbeat", payload={}, lane=Lane.STATE, key="heartbeat")


def _status_told(connector_id: int, status: Status) -> Tell:
    said = {"info": status.info[:TEXT_50], "vendorErrorCode": status.vendor_error[:TEXT_50]}
    payload = {
        "connectorId": connector_id,
        "status": status.status.value,
        "errorCode": status.error,
        **{name: text for name, text in said.items() if text},
    }
    return Tell(
        action="StatusNotification",
        payload=own_request("StatusNotification", payload),
        lane=Lane.STATE,
        key=f"status {connector_id}",
    )
