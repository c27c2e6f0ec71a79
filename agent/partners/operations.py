"""The one registry of operations: a name and a body in, an envelope out, whatever the carriage.

Decides who may ask what, how often, and whether it was asked before; the work itself is in `queue_operations.py` and
`reads.py`. Never logs a body, an id of a User, or a secret. Follows `sequere.md` 1, 2 and 5.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.config.link_types import Right
from agent.kernel.inbox import Busy
from agent.kernel.mishaps import place_of
from agent.partners import messages as m
from agent.partners.context import Shared
from agent.partners.partner import Partner
from agent.partners.queue_operations import QueueOperations
from agent.partners.rates import RATE_OF, Called, Rates
from agent.partners.reads import Reads
from agent.partners.receipts import Asked, Full, Receipts, Reused, is_stale
from agent.partners.results import UNKNOWN_OPERATION, Reply, bare, refused
from agent.partners.strict_json import without_nulls

log = logging.getLogger("stationmaster.partners")

Change = Callable[[Partner, Any, Asked], Awaitable[Reply]]
Look = Callable[[Partner, Any], Reply]

BUSY_LOG_S = 10.0  # of one partner: a flood of calls is one line in that time

# Operations that come with bookings and the power plan, and the right each would need.
SWITCHED_OFF: Mapping[str, Right] = {
    "Reservation": Right.BOOKING,
    "Cancellation": Right.BOOKING,
    "Availability": Right.READ,
    "GetReservations": Right.BOOKING,
    "GetPlannedPower": Right.POWER,
}
# Those whose answer has a result; the others return plain data, in which a refusal has no place.
_ANSWERED = frozenset({"Reservation", "Cancellation", "Availability"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation that is served: its request, and either what it changes or what it reads."""

    request: type[msgspec.Struct]
    right: Callable[[dict[str, Any]], Right]
    change: Change | None = None
    look: Look | None = None

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "POST" if self.change else "GET"


class Partners:
    """Answers partners."""

    def __init__(self, parts: Shared) -> None:
        """Build the registry over the shared parts."""
        self._parts = parts
        self.context = parts.context
        self._rates = Rates()
        self._busy_s: dict[str, float] = {}
        runner = parts.context.runner
        self._receipts = Receipts(parts.context.journal, parts.context.key, lambda: runner.provisional)
        queue, reads = QueueOperations(parts), Reads(parts)

        def of_queue(_: dict[str, Any]) -> Right:
            return Right.QUEUE

        self.operations: Mapping[str, Operation] = {
            "CheckIn": Operation(request=m.CheckInRequest, right=of_queue, change=queue.check_in),
            "CheckOut": Operation(request=m.CheckOutRequest, right=of_queue, change=queue.check_out),
            "Snooze": Operation(request=m.SnoozeRequest, right=of_queue, change=queue.snooze),
            "ArrivalUpdate": Operation(
                request=m.ArrivalUpdateRequest, right=_right_to_update, change=queue.arrival_update
            ),
            "GetLocations": Operation(request=m.GetLocationsRequest, right=lambda _: Right.READ, look=reads.locations),
            "GetCheckIns": Operation(request=m.GetCheckInsRequest, right=of_queue, look=reads.check_ins),
        }

    async def handle(self, partner: Partner, operation: str, body: object, trace: str = "") -> Reply:
        """Return the answer to a partner's request; `body` is a JSON value that was read strictly. Never raises.

        `trace` is what the log says of the call besides, as key=value.
        """
        request_id = m.request_id_of(body)
        try:
            reply = await self._handle(partner, operation, body, request_id)
        except Exception as error:
            reply = self._internal(error, request_id)
        self._log(partner, operation, reply, trace)
        return reply

    def malformed(self, partner: Partner, operation: str, problem: str, trace: str = "") -> Reply:
        """Return the answer to a body that could not be read. It counts like any other call."""
        within = self._within_rate(partner, operation)
        reply = self._refused("BAD_REQUEST", None, problem) if within else self._busy(None)
        self._log(partner, operation, reply, trace)
        return reply

    async def _handle(self, partner: Partner, operation: str, body: object, request_id: str | None) -> Reply:
        known = self.operations.get(operation)
        if known is None and operation not in SWITCHED_OFF:
            return bare(UNKNOWN_OPERATION, "UNKNOWN", self.context.utc_ms(), "unknown operation")
        if not self._within_rate(partner, operation):
            return self._busy(request_id)
        if not isinstance(body, dict):
            return self._refused("BAD_REQUEST", None, "body: expected an object")
        told: dict[str, Any] = without_nulls(body)
        right = known.right(told) if known else SWITCHED_OFF[operation]
        if right not in partner.rights:
            return self._refused("NOT_ALLOWED", request_id, f"needs the right {right.value}")
        if known is None:
            return self._switched_off(operation, request_id)
        try:
            request = m.parse(known.request, told)
        except m.BadRequest as no:
            return self._bad(no, request_id)
        if known.look is not None:
            return known.look(partner, request)
        if known.change is None or request_id is None:
            raise AssertionError(f"{operation} neither reads nor changes")
        return await self._change(partner, operation, known.change, request, request_id, told)

    async def _change(
        self,
        partner: Partner,
        operation: str,
        change: Change,
        request: Any,
        request_id: str,
        body: dict[str, Any],
    ) -> Reply:
        asked = self._receipts.asked(partner, operation, request_id, body)

        async def work() -> Reply:
            if is_stale(request_id, self.context.runner.now()):
                return self._refused("STALE", request_id)
            return await change(partner, request, asked)

        try:
            if getattr(request, "dry_run", False):
                return await change(partner, request, asked)
            return await self._receipts.once(asked, work)
        except Reused:
            return self._refused("REQUEST_ID_REUSED", request_id)
        except Full:
            return self._refused("CANNOT_STORE", request_id)
        except Busy:
            return self._refused("BUSY", request_id)

    def _within_rate(self, partner: Partner, operation: str) -> bool:
        return self._rates.take(partner.key, RATE_OF.get(operation, Called.OPERATION), self.context.monotonic())

    def _busy(self, request_id: str | None) -> Reply:
        return self._refused("BUSY", request_id, "more calls than the rate allows")

    def _switched_off(self, operation: str, request_id: str | None) -> Reply:
        """Return that an operation is not offered here; the version details do not list it either."""
        if operation == "Availability":  # its answer has a result, but no request_id
            reply = self._refused("NOT_SUPPORTED", "-")
            data = {key: value for key, value in reply.envelope["data"].items() if key != "request_id"}
            return Reply(envelope={**reply.envelope, "data": data}, kind=reply.kind, result=reply.result)
        if operation in _ANSWERED:
            if request_id is None:
                return self._bad(m.BadRequest("request_id", "required", missing=True), None)
            return self._refused("NOT_SUPPORTED", request_id)
        return bare(UNKNOWN_OPERATION, "NOT_SUPPORTED", self.context.utc_ms(), "not supported here")

    def _bad(self, no: m.BadRequest, request_id: str | None) -> Reply:
        fields = {"name": no.field} if no.missing else {}
        return refused(
            "BAD_REQUEST",
            self.context.words(),
            self.context.utc_ms(),
            request_id=request_id,
            status_message=str(no),
            fields=fields,
        )

    def _refused(self, result: str, request_id: str | None, problem: str | None = None) -> Reply:
        words, utc_ms = self.context.words(), self.context.utc_ms()
        return refused(result, words, utc_ms, request_id=request_id, status_message=problem)

    def _internal(self, error: Exception, request_id: str | None) -> Reply:
        """Admit a mistake of ours: the partner gets a reference, the log where it happened, neither gets the body."""
        reference = secrets.token_hex(4)
        log.error("sequere=internal reference=%s error=%s place=%s", reference, type(error).__name__, place_of(error))
        return self._refused("INTERNAL", request_id, f"reference {reference}")

    def _log(self, partner: Partner, operation: str, reply: Reply, trace: str) -> None:
        if reply.result == "BUSY" and not self._is_first_busy(partner):
            return
        known = operation if operation in self.operations or operation in SWITCHED_OFF else "unknown"
        log.info(
            "sequere=answered partner=%r operation=%s result=%s repeated=%s %s problem=%r",
            partner.name,
            known,
            reply.result,
            "yes" if reply.repeated else "no",
            trace or "trace=none",
            reply.envelope.get("status_message", ""),
        )

    def _is_first_busy(self, partner: Partner) -> bool:
        """Return whether a partner was not told lately that it asks too often: a flood must not fill the log."""
        now_s = self.context.monotonic()
        if now_s - self._busy_s.get(partner.key, now_s - BUSY_LOG_S) < BUSY_LOG_S:
            return False
        self._busy_s[partner.key] = now_s
        return True


def _right_to_update(body: dict[str, Any]) -> Right:
    return Right.BOOKING if "reservation_id" in body and "check_in_id" not in body else Right.QUEUE
