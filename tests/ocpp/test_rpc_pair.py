"""Two RPC engines back to back over a link that loses, doubles, reorders and delays frames."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.ocpp.effects import Answered, Completed, Deliver, Dropped, Effects, LateAnswer, SendFrame, TimedOut
from agent.ocpp.frames import Call
from agent.ocpp.rpc import CALL_TIMEOUT_MS, Actions, Lane, Rpc

ECHO = frozenset({"Echo"})
SIDES = st.sampled_from([0, 1])
FRAMES_AT_ONCE_MAX = 12


@dataclass
class Side:
    """One engine with what was seen of it."""

    rpc: Rpc = field(default_factory=lambda: Rpc(actions=Actions(known=ECHO, built=ECHO)))
    towards: list[str] = field(default_factory=list)  # frames on their way to this side
    asked: list[str] = field(default_factory=list)  # delivered calls without an answer yet
    submitted: Counter[str] = field(default_factory=Counter)
    completed: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    open: set[str] = field(default_factory=set)
    retry: list[str] = field(default_factory=list)


class Pair(RuleBasedStateMachine):
    """Whatever the link does: each call completes exactly once, and no side ever has two open."""

    @initialize()
    def start(self) -> None:
        self.sides = (Side(), Side())
        self.now_ms = 0
        self.count = 0
        self.connect()

    def take(self, me: int, effects: Effects) -> None:
        side, peer = self.sides[me], self.sides[1 - me]
        for effect in effects:
            match effect:
                case SendFrame(text=text):
                    kind, message_id = json.loads(text)[:2]
                    if kind == 2:
                        side.open.add(message_id)
                        assert len(side.open) == 1, "two open calls in one direction"
                    peer.towards.append(text)
                case Completed(call=call, outcome=outcome):
                    side.completed[call.message_id] += 1
                    side.open.discard(call.message_id)
                    if isinstance(outcome, Answered):
                        side.answered[call.message_id] += 1
                        assert outcome.payload == {"echo": call.payload["n"]}
                    if isinstance(outcome, TimedOut) and call.payload["owed"]:
                        side.retry.append(call.message_id)
                case LateAnswer(call=call, outcome=outcome):
                    side.answered[call.message_id] += 1
                    side.retry = [one for one in side.retry if one != call.message_id]
                case Deliver(call=call):
                    side.asked.append(call.message_id)
                case Dropped():
                    pass

    @precondition(lambda self: not self.sides[0].rpc.linked)
    @rule()
    def connect(self) -> None:
        for me in (0, 1):
            self.take(me, self.sides[me].rpc.connected(self.now_ms))

    @precondition(lambda self: self.sides[0].rpc.linked)
    @rule(keep_frames=st.booleans())
    def disconnect(self, keep_frames: bool) -> None:
        for me in (0, 1):
            self.take(me, self.sides[me].rpc.disconnected(self.now_ms))
            self.sides[me].asked.clear()
            if not keep_frames:  # kept ones arrive on the next connection: a broker in between does that
                self.sides[me].towards.clear()

    @rule(me=SIDES, lane=st.sampled_from(Lane), owed=st.booleans(), key=st.sampled_from("xyz"))
    def submit(self, me: int, lane: Lane, owed: bool, key: str) -> None:
        self.count += 1
        self.send(me, f"{me}-{self.count}", lane, owed, key if lane is Lane.STATE else None)

    @precondition(lambda self: any(side.retry for side in self.sides))
    @rule(me=SIDES)
    def submit_again(self, me: int) -> None:
        if self.sides[me].retry:
            self.send(me, self.sides[me].retry.pop(0), Lane.TRANSACTION, True, None)

    def send(self, me: int, message_id: str, lane: Lane, owed: bool, key: str | None) -> None:
        side = self.sides[me]
        side.submitted[message_id] += 1
        call = Call(message_id=message_id, action="Echo", payload={"n": message_id, "owed": owed})
        self.take(me, side.rpc.submit(call, lane=lane, now_ms=self.now_ms, key=key, accept_late=owed))

    @rule(me=SIDES, data=st.data(), fate=st.sampled_from(["arrives", "arrives", "is doubled", "is lost"]))
    def deliver(self, me: int, data: st.DataObject, fate: str) -> None:
        side = self.sides[me]
        if not side.towards or not side.rpc.linked:
            return
        place = data.draw(st.integers(0, min(len(side.towards), FRAMES_AT_ONCE_MAX) - 1))
        text = side.towards[place] if fate == "is doubled" else side.towards.pop(place)
        if fate != "is lost":
            self.take(me, side.rpc.received(text, self.now_ms))

    @rule(me=SIDES, data=st.data())
    def answer(self, me: int, data: st.DataObject) -> None:
        side = self.sides[me]
        if side.asked:
            message_id = side.asked.pop(data.draw(st.integers(0, len(side.asked) - 1)))
            self.take(me, side.rpc.answer(message_id, {"echo": message_id}, self.now_ms))

    @rule(span_ms=st.sampled_from([1, 1000, CALL_TIMEOUT_MS]))
    def pass_time(self, span_ms: int) -> None:
        self.now_ms += span_ms
        for me in (0, 1):
            self.take(me, self.sides[me].rpc.tick(self.now_ms))

    @rule(me=SIDES)
    def end_rows(self, me: int) -> None:
        self.take(me, self.sides[me].rpc.rows_over(self.now_ms))

    @invariant()
    def nothing_completes_more_often_than_it_was_submitted(self) -> None:
        for side in self.sides:
            for message_id, times in side.completed.items():
                assert times <= side.submitted[message_id]
            assert all(times == 1 for times in side.answered.values())

    def teardown(self) -> None:
        if not hasattr(self, "sides"):
            return
        for me, side in enumerate(self.sides):
            self.take(me, side.rpc.rows_over(self.now_ms))
            while side.rpc.wake is not None:  # nobody answers any more: time-outs alone must end everything
                self.now_ms = max(self.now_ms, side.rpc.wake)
                self.take(me, side.rpc.tick(self.now_ms))
                self.take(me, side.rpc.rows_over(self.now_ms))
            assert side.completed == side.submitted
            assert not any(side.rpc.waiting(lane) for lane in Lane)


TestPair = Pair.TestCase
TestPair.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
