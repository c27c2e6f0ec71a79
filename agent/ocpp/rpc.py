"""The RPC engine of one OCPP-J connection: who may speak now, who waits, and which answer belongs to which call.

Pure and sans-I/O: what came in goes in with the time, effects come out; `wake` says when to be called if nothing else
happens. Decides nothing about payloads (see v16/messages.py) and invents no ids. Outlives the sockets of its
connection, because message ids are unique over all of them. Follows OCPP-J 1.6 section 4 with errata 2025-04:
one open CALL per direction (4.1.1), a repeated message may keep its id (erratum 3.1).

Faults of the other side become effects; misuse by our own code raises LocalError and changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import assert_never

from agent.ocpp.effects import (
    Answered,
    Completed,
    Deliver,
    Dropped,
    Effects,
    LateAnswer,
    Lost,
    NotSent,
    Refused,
    SendFrame,
    TimedOut,
    Unreadable,
    Why,
)
from agent.ocpp.frames import (
    Call,
    CallError,
    CallResult,
    Frame,
    Malformed,
    MessageType,
    Payload,
    Unknown,
    parse,
    render,
)
from agent.ocpp.steps import STEPS, Happening, Step

CALL_TIMEOUT_MS = 30_000  # mobile links answer within seconds; 30 s is the field's usual value (1.6 key MessageTimeout)
INCOMING_MAX = 16  # calls of the peer that wait for our answer; a rule-abiding peer has one
REPLIES_KEPT_MAX = 16  # answers that can be repeated when the peer repeats its call
REPLY_KEPT_MS = 60_000  # longer than any peer's time-out; short enough for peers that use an id again later
LATE_MAX = 64  # calls given up whose answer still counts; delivery keeps one or two
TURNS_BEFORE_STATE = 8  # after an outage the rows take hours to drain: let status and heartbeat through in between


class Lane(IntEnum):
    """Order of service of our calls. Replies are in no lane: they wait for nobody."""

    LIVE = 0  # a person is waiting: Authorize
    TRANSACTION = 1  # owed rows, in order
    STATE = 2  # latest per key wins


LANE_MAX: Mapping[Lane, int] = {
    Lane.LIVE: 16,  # more people than this cannot swipe within one time-out
    Lane.TRANSACTION: 16,  # delivery hands over one row at a time; the rest waits on disk
    Lane.STATE: 128,  # one per connector and kind of 50 EVSEs
}


class ErrorCode(StrEnum):
    """Error codes of OCPP-J 1.6 table 7, in its spelling (errata 5.1 and 5.2: not to be corrected)."""

    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    INTERNAL_ERROR = "InternalError"
    PROTOCOL_ERROR = "ProtocolError"
    SECURITY_ERROR = "SecurityError"
    FORMATION_VIOLATION = "FormationViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
    GENERIC_ERROR = "GenericError"


class LocalError(Exception):
    """Our own code asked for something that this connection cannot be asked."""


@dataclass(slots=True, kw_only=True)
class _Outgoing:
    call: Call
    text: str
    lane: Lane
    timeout_ms: int
    key: str | None
    accept_late: bool
    step: Step = Step.WAITING
    deadline_ms: int | None = None

    def take(self, happening: Happening) -> None:
        self.step = STEPS[self.step, happening]  # a missing pair is our bug, and loud


@dataclass(slots=True, kw_only=True)
class _Reply:
    """An answer of ours that can be said again."""

    call: Call
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Actions:
    """The actions of one OCPP version, as this side sees them."""

    known: frozenset[str]  # the peer may send them according to the standard
    built: frozenset[str]  # this side handles them


@dataclass(slots=True)
class Rpc:
    """The engine of one connection. `connected`, `disconnected`, `received`, `submit`, `answer`, `tick` drive it."""

    actions: Actions
    _linked: bool = False
    _calls: dict[str, _Outgoing] = field(default_factory=dict)  # every call not OVER, by id
    _lanes: dict[Lane, deque[str]] = field(default_factory=lambda: {lane: deque() for lane in Lane})
    _open: _Outgoing | None = None
    _late: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _asked: dict[str, Call] = field(default_factory=dict)  # calls of the peer without an answer
    _replies: OrderedDict[str, _Reply] = field(default_factory=OrderedDict)
    _turns_without_state: int = 0
    _awaits_row: bool = False  # a row has just ended and the next one, which may only leave now, is not here yet

    @property
    def wake(self) -> int | None:
        """The instant (elapsed ms) at which to call `tick` if nothing else happens."""
        return self._open.deadline_ms if self._open else None

    @property
    def linked(self) -> bool:
        """Whether a connection is up."""
        return self._linked

    def waiting(self, lane: Lane) -> int:
        """Return how many calls wait in a lane."""
        return len(self._lanes[lane])

    # --- inputs -----------------------------------------------------------------------------------------------------

    def connected(self, now_ms: int) -> Effects:
        """A socket is up. Calls may be submitted from now on. Raises LocalError if one was up already."""
        if self._linked:
            raise LocalError("connected twice")
        self._linked, self._awaits_row = True, False
        self._turns_without_state = 0
        return self.tick(now_ms)

    def disconnected(self, now_ms: int) -> Effects:
        """The socket is gone: every waiting and open call ends. Answers still owed to the peer are void."""
        effects = list(self._expire(now_ms))
        self._linked = False
        self._asked.clear()
        self._replies.clear()  # some peers count their ids from 1 again on each connection
        if self._open:
            effects.append(self._give_up(Lost()))
        waiting = [message_id for lane in Lane for message_id in self._lanes[lane]]
        return (*effects, *(self._withdraw(self._calls[message_id], Why.OFFLINE) for message_id in waiting))

    def tick(self, now_ms: int) -> Effects:
        """Time has passed."""
        return (*self._expire(now_ms), *self._send_next(now_ms))

    def submit(
        self,
        call: Call,
        *,
        lane: Lane,
        now_ms: int,
        timeout_ms: int = CALL_TIMEOUT_MS,
        key: str | None = None,
        accept_late: bool = False,
    ) -> Effects:
        """Ask the peer something; exactly one Completed follows.

        `key` (STATE only): a newer call with the same key replaces a waiting one. `accept_late`: an answer after
        the time-out still counts (LateAnswer), until the id is submitted again or forgotten.
        Raises LocalError for an id in use and ValueError for a payload that cannot be a frame.
        """
        earlier = self._calls.get(call.message_id)
        if earlier and earlier.step is not Step.LATE:
            raise LocalError(f"message id {call.message_id} is in use")
        if (key is None) == (lane is Lane.STATE):
            raise LocalError("calls of the state lane have a key, others have none")
        new = _Outgoing(
            call=call, text=render(call), lane=lane, timeout_ms=timeout_ms, key=key, accept_late=accept_late
        )
        effects = list(self._expire(now_ms))
        if key is not None:
            effects += [self._withdraw(old, Why.SUPERSEDED) for old in self._waiting_with(key)]
        if not self._linked:
            return (*effects, Completed(call=call, outcome=NotSent(why=Why.OFFLINE)))
        if len(self._lanes[lane]) >= LANE_MAX[lane]:
            return (*effects, Completed(call=call, outcome=NotSent(why=Why.OVERLOAD)))
        if earlier and call.message_id in self._late:
            del self._late[call.message_id]
            earlier.take(Happening.SUBMIT_AGAIN)
            new.step = earlier.step
        self._awaits_row = self._awaits_row and lane is not Lane.TRANSACTION
        self._calls[call.message_id] = new
        self._lanes[lane].append(call.message_id)
        return (*effects, *self._send_next(now_ms))

    def rows_over(self, now_ms: int) -> Effects:
        """No transaction row is to follow the last one for now: state may leave.

        Rows are handed over one by one, the next one only after the end of the last was acted upon; without this word
        each gap between two of them would go to a call of the state lane.
        """
        self._awaits_row = False
        return self.tick(now_ms)

    def forget(self, message_id: str) -> None:
        """The answer to this call counts no longer: its owner has given up. Unknown ids are fine."""
        if message_id in self._late:
            del self._late[message_id]
            self._calls.pop(message_id).take(Happening.WITHDRAW)

    def answer(self, message_id: str, reply: Payload | CallError, now_ms: int) -> Effects:
        """Answer a delivered call. Raises ValueError for a payload that cannot be a frame."""
        if message_id not in self._asked:
            return (
                Dropped(reason="answer to a call of an earlier connection, or a second answer", message_id=message_id),
            )
        frame = reply if isinstance(reply, CallError) else CallResult(message_id=message_id, payload=reply)
        if frame.message_id != message_id:
            raise LocalError("error frame for another call")
        text = render(frame)
        self._replies[message_id] = _Reply(call=self._asked.pop(message_id), text=text, at_ms=now_ms)
        while len(self._replies) > REPLIES_KEPT_MAX:
            self._replies.popitem(last=False)
        return (SendFrame(text=text),)

    def received(self, text: str, now_ms: int) -> Effects:
        """A text frame came in. Whatever it holds, this returns."""
        if not self._linked:
            return (Dropped(reason="frame without a connection"),)
        expired = self._expire(now_ms)
        return (*expired, *self._act_on(parse(text), now_ms), *self._send_next(now_ms))

    # --- incoming ---------------------------------------------------------------------------------------------------

    def _act_on(self, frame: Frame, now_ms: int) -> Effects:
        match frame:
            case Call():
                return self._asked_for(frame, now_ms)
            case CallResult():
                return self._answered(frame.message_id, Answered(payload=frame.payload))
            case CallError():
                outcome = Refused(code=frame.code, description=frame.description)
                return self._answered(frame.message_id, outcome)
            case Unknown():  # OCPP-J 1.6, 4.1.3: ignore the payload
                return (Dropped(reason=f"message type {frame.message_type}", message_id=frame.message_id),)
            case Malformed():
                return self._not_understood(frame)
            case _:
                assert_never(frame)

    def _not_understood(self, frame: Malformed) -> Effects:
        fact = Dropped(reason=frame.reason, message_id=frame.message_id)
        if frame.message_id is None:
            return (fact,)
        if frame.message_type == MessageType.CALL:
            if frame.message_id in self._asked:  # the good copy gets the answer
                return (fact,)
            return (fact, _error(frame.message_id, ErrorCode.FORMATION_VIOLATION, frame.reason))
        if frame.message_type in (MessageType.CALL_RESULT, MessageType.CALL_ERROR):
            return self._answered(frame.message_id, Unreadable(reason=frame.reason))
        return (fact,)

    def _asked_for(self, call: Call, now_ms: int) -> Effects:
        if call.message_id in self._asked:
            return (Dropped(reason="call repeated before its answer", message_id=call.message_id),)
        said = self._replies.get(call.message_id)
        if said and said.call == call and now_ms - said.at_ms <= REPLY_KEPT_MS:  # do not act twice on one request
            repeated = Dropped(reason="call repeated after its answer", message_id=call.message_id)
            return (repeated, SendFrame(text=said.text))
        if call.action not in self.actions.known:
            return (_error(call.message_id, ErrorCode.NOT_IMPLEMENTED, "action is not known"),)
        if call.action not in self.actions.built:
            return (_error(call.message_id, ErrorCode.NOT_SUPPORTED, "action is not supported"),)
        if len(self._asked) >= INCOMING_MAX:
            return (_error(call.message_id, ErrorCode.GENERIC_ERROR, "too many calls without an answer"),)
        self._asked[call.message_id] = call
        return (Deliver(call=call),)

    def _answered(self, message_id: str, outcome: Answered | Refused | Unreadable) -> Effects:
        known = self._calls.get(message_id)
        if known is None or (known.step, Happening.ANSWER) not in STEPS:
            return (Dropped(reason="answer to no call of ours, or a second one", message_id=message_id),)
        came_late = known.step is Step.LATE
        known.take(Happening.ANSWER)
        self._remove(known)
        if came_late:
            return (LateAnswer(call=known.call, outcome=outcome),)
        return (Completed(call=known.call, outcome=outcome),)

    # --- outgoing ---------------------------------------------------------------------------------------------------

    def _expire(self, now_ms: int) -> Effects:
        """End the open call if its time is over."""
        deadline_ms = self.wake
        if deadline_ms is None or now_ms < deadline_ms:
            return ()
        return (self._give_up(TimedOut()),)

    def _give_up(self, outcome: TimedOut | Lost) -> Completed:
        call = self._open
        if call is None:
            raise LocalError("no open call")
        if call.accept_late:
            call.take(Happening.GIVE_UP_FOR_NOW)
            self._close(call)
            call.deadline_ms = None
            self._keep_late(call)
        else:
            call.take(Happening.GIVE_UP)
            self._remove(call)
        return Completed(call=call.call, outcome=outcome)

    def _close(self, call: _Outgoing) -> None:
        """The open call has ended."""
        self._open = None
        self._awaits_row = self._awaits_row or call.lane is Lane.TRANSACTION

    def _withdraw(self, call: _Outgoing, why: Why) -> Completed:
        """Take a waiting call out of its lane."""
        self._remove(call)
        call.take(Happening.WITHDRAW)
        if call.step is Step.LATE:
            self._keep_late(call)
        return Completed(call=call.call, outcome=NotSent(why=why))

    def _keep_late(self, call: _Outgoing) -> None:
        """Remember a call whose answer still counts; beyond the limit the oldest is forgotten."""
        self._calls[call.call.message_id] = call
        self._late[call.call.message_id] = None
        while len(self._late) > LATE_MAX:
            self.forget(next(iter(self._late)))

    def _remove(self, call: _Outgoing) -> None:
        message_id = call.call.message_id
        self._calls.pop(message_id, None)
        self._late.pop(message_id, None)
        if call is self._open:
            self._close(call)
        elif message_id in self._lanes[call.lane]:
            self._lanes[call.lane].remove(message_id)

    def _waiting_with(self, key: str) -> list[_Outgoing]:
        return [self._calls[one] for one in self._lanes[Lane.STATE] if self._calls[one].key == key]

    def _send_next(self, now_ms: int) -> Effects:
        """Open the next call if none is open (OCPP-J 1.6, 4.1.1)."""
        lane = self._next_lane()
        if not self._linked or self._open or lane is None:
            return ()
        if lane is Lane.STATE:
            self._turns_without_state = 0
        elif self._lanes[Lane.STATE]:
            self._turns_without_state += 1
        call = self._calls[self._lanes[lane].popleft()]
        call.take(Happening.SEND)
        call.deadline_ms = now_ms + call.timeout_ms
        self._open = call
        return (SendFrame(text=call.text),)

    def _next_lane(self) -> Lane | None:
        waiting = [lane for lane in Lane if self._lanes[lane]]
        if not waiting or waiting[0] is Lane.LIVE:
            return waiting[0] if waiting else None
        rows = self._awaits_row or waiting[0] is Lane.TRANSACTION
        if Lane.STATE in waiting and (not rows or self._turns_without_state >= TURNS_BEFORE_STATE):
            return Lane.STATE
        return Lane.TRANSACTION if waiting[0] is Lane.TRANSACTION else None


def _error(message_id: str, code: ErrorCode, description: str) -> SendFrame:
    return SendFrame(text=render(CallError(message_id=message_id, code=code, description=description)))
