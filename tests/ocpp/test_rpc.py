"""agent/ocpp/rpc.py: turns, lanes, time-outs, late, doubled and hostile answers."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from corpus.hostile_frames import HOSTILE_FRAMES, UNKNOWN_TYPES

from agent.ocpp.effects import (
    Answered,
    Completed,
    Deliver,
    Dropped,
    Effects,
    LateAnswer,
    Lost,
    NotSent,
    Outcome,
    Refused,
    SendFrame,
    TimedOut,
    Unreadable,
    Why,
)
from agent.ocpp.frames import Call, CallError, Payload, render
from agent.ocpp.rpc import (
    CALL_TIMEOUT_MS,
    INCOMING_MAX,
    LATE_MAX,
    REPLY_KEPT_MS,
    Actions,
    ErrorCode,
    Lane,
    LocalError,
    Rpc,
)
from agent.ocpp.steps import STEPS, Happening, Step

ACTIONS = Actions(known=frozenset({"Reset", "GetLog"}), built=frozenset({"Reset"}))


def call(message_id: str, action: str = "Heartbeat", payload: Payload | None = None) -> Call:
    return Call(message_id=message_id, action=action, payload=payload or {})


def online() -> Rpc:
    rpc = Rpc(actions=ACTIONS)
    assert rpc.connected(0) == ()
    return rpc


def sent(effects: Effects) -> list[str]:
    """Ids of the frames that left."""
    return [json.loads(effect.text)[1] for effect in effects if isinstance(effect, SendFrame)]


def outcomes(effects: Effects) -> list[tuple[str, Outcome]]:
    return [(effect.call.message_id, effect.outcome) for effect in effects if isinstance(effect, Completed)]


def result(message_id: str) -> str:
    return f'[3,"{message_id}",{{}}]'


# --- our calls ------------------------------------------------------------------------------------------------------


def test_second_call_waits_until_the_first_is_answered() -> None:
    rpc = online()
    assert sent(rpc.submit(call("a"), lane=Lane.LIVE, now_ms=0)) == ["a"]
    assert rpc.submit(call("b"), lane=Lane.LIVE, now_ms=1) == ()
    effects = rpc.received(result("a"), 2)
    assert outcomes(effects) == [("a", Answered(payload={}))]
    assert sent(effects) == ["b"]


def test_second_call_goes_when_the_first_times_out_and_wake_names_the_instant() -> None:
    rpc = online()
    rpc.submit(call("a"), lane=Lane.LIVE, now_ms=5)
    rpc.submit(call("b"), lane=Lane.LIVE, now_ms=6)
    assert rpc.wake == 5 + CALL_TIMEOUT_MS
    assert rpc.tick(4 + CALL_TIMEOUT_MS) == ()
    effects = rpc.tick(5 + CALL_TIMEOUT_MS)
    assert outcomes(effects) == [("a", TimedOut())]
    assert sent(effects) == ["b"]


def test_answer_after_the_deadline_is_late_even_if_nobody_woke_the_engine() -> None:
    rpc = online()
    rpc.submit(call("a"), lane=Lane.LIVE, now_ms=0)
    effects = rpc.received(result("a"), CALL_TIMEOUT_MS)
    assert outcomes(effects) == [("a", TimedOut())]
    assert isinstance(effects[-1], Dropped)


def test_call_without_a_connection_ends_at_once() -> None:
    rpc = Rpc(actions=ACTIONS)
    effects = rpc.submit(call("a"), lane=Lane.LIVE, now_ms=0)
    assert effects == (Completed(call=call("a"), outcome=NotSent(why=Why.OFFLINE)),)


def test_lost_connection_ends_the_open_call_and_all_waiting_ones() -> None:
    rpc = online()
    rpc.submit(call("open"), lane=Lane.TRANSACTION, now_ms=0)
    rpc.submit(call("state"), lane=Lane.STATE, key="x", now_ms=0)
    rpc.submit(call("live"), lane=Lane.LIVE, now_ms=0)
    offline = NotSent(why=Why.OFFLINE)
    assert outcomes(rpc.disconnected(1)) == [("open", Lost()), ("live", offline), ("state", offline)]
    assert rpc.wake is None
    assert rpc.connected(2) == ()


def test_error_of_the_peer_is_told_from_a_time_out_and_from_nonsense() -> None:
    rpc = online()
    rpc.submit(call("a"), lane=Lane.LIVE, now_ms=0)
    rpc.submit(call("b"), lane=Lane.LIVE, now_ms=0)
    effects = rpc.received('[4,"a","GenericError","no",{}]', 1)
    assert outcomes(effects) == [("a", Refused(code="GenericError", description="no"))]
    ((_, nonsense),) = outcomes(rpc.received('[3,"b",7]', 2))
    assert isinstance(nonsense, Unreadable)


def test_doubled_answer_and_answer_to_an_unknown_id_are_dropped_with_a_fact() -> None:
    rpc = online()
    rpc.submit(call("a"), lane=Lane.LIVE, now_ms=0)
    rpc.received(result("a"), 1)
    for message_id in ("a", "never sent"):
        (fact,) = rpc.received(result(message_id), 2)
        assert isinstance(fact, Dropped)
        assert fact.message_id == message_id


def test_answer_to_a_call_that_only_waits_is_dropped() -> None:
    rpc = online()
    rpc.submit(call("open"), lane=Lane.LIVE, now_ms=0)
    rpc.submit(call("waiting"), lane=Lane.LIVE, now_ms=0)
    assert outcomes(rpc.received(result("waiting"), 1)) == []
    assert sent(rpc.received(result("open"), 1)) == ["waiting"]


# --- owed messages: late answers count ------------------------------------------------------------------------------


def owed_and_timed_out() -> Rpc:
    rpc = online()
    rpc.submit(call("row"), lane=Lane.TRANSACTION, accept_late=True, now_ms=0)
    assert outcomes(rpc.tick(CALL_TIMEOUT_MS)) == [("row", TimedOut())]
    return rpc


def test_late_answer_to_an_owed_message_still_counts_once() -> None:
    rpc = owed_and_timed_out()
    assert rpc.received(result("row"), 40_000) == (LateAnswer(call=call("row"), outcome=Answered(payload={})),)
    assert isinstance(rpc.received(result("row"), 40_001)[0], Dropped)


def test_late_answer_counts_on_the_next_connection_too() -> None:
    rpc = online()
    rpc.submit(call("row"), lane=Lane.TRANSACTION, accept_late=True, now_ms=0)
    assert outcomes(rpc.disconnected(1)) == [("row", Lost())]
    rpc.connected(2)
    assert isinstance(rpc.received(result("row"), 3)[0], LateAnswer)


def test_late_answer_ends_the_repetition_that_waits_under_the_same_id() -> None:
    rpc = owed_and_timed_out()
    rpc.submit(call("live"), lane=Lane.LIVE, now_ms=31_000)
    assert rpc.submit(call("row"), lane=Lane.TRANSACTION, accept_late=True, now_ms=31_001) == ()
    assert outcomes(rpc.received(result("row"), 31_002)) == [("row", Answered(payload={}))]
    assert sent(rpc.received(result("live"), 31_003)) == []


def test_two_answers_to_a_repeated_message_complete_it_once() -> None:
    rpc = owed_and_timed_out()
    assert sent(rpc.submit(call("row"), lane=Lane.TRANSACTION, accept_late=True, now_ms=31_000)) == ["row"]
    assert outcomes(rpc.received(result("row"), 31_001)) == [("row", Answered(payload={}))]
    assert isinstance(rpc.received(result("row"), 31_002)[0], Dropped)


def test_repetition_that_could_not_leave_keeps_the_late_answer_acceptable() -> None:
    rpc = owed_and_timed_out()
    rpc.submit(call("live"), lane=Lane.LIVE, now_ms=31_000)
    rpc.submit(call("row"), lane=Lane.TRANSACTION, accept_late=True, now_ms=31_001)
    rpc.disconnected(31_002)
    rpc.connected(31_003)
    assert isinstance(rpc.received(result("row"), 31_004)[0], LateAnswer)


def test_forgotten_message_gets_no_late_answer() -> None:
    rpc = owed_and_timed_out()
    rpc.forget("row")
    rpc.forget("never known")
    assert isinstance(rpc.received(result("row"), 40_000)[0], Dropped)


def test_only_the_newest_of_many_given_up_calls_can_be_answered_late() -> None:
    rpc = online()
    now_ms = 0
    for number in range(LATE_MAX + 1):
        rpc.submit(call(f"row{number}"), lane=Lane.TRANSACTION, accept_late=True, now_ms=now_ms)
        now_ms += CALL_TIMEOUT_MS
        rpc.tick(now_ms)
    assert isinstance(rpc.received(result("row0"), now_ms)[0], Dropped)
    assert isinstance(rpc.received(result("row1"), now_ms)[0], LateAnswer)


# --- calls of the peer ----------------------------------------------------------------------------------------------


def test_call_of_the_peer_is_delivered_and_answered_while_ours_is_open() -> None:
    rpc = online()
    rpc.submit(call("ours"), lane=Lane.LIVE, now_ms=0)
    asked = call("theirs", "Reset", {"type": "Soft"})
    assert rpc.received(render(asked), 1) == (Deliver(call=asked),)
    assert rpc.answer("theirs", {"status": "Accepted"}, 2) == (SendFrame(text='[3,"theirs",{"status":"Accepted"}]'),)
    assert outcomes(rpc.received(result("ours"), 3)) == [("ours", Answered(payload={}))]


def test_both_sides_may_use_the_same_id() -> None:
    rpc = online()
    rpc.submit(call("1"), lane=Lane.LIVE, now_ms=0)
    assert isinstance(rpc.received('[2,"1","Reset",{}]', 1)[0], Deliver)
    assert outcomes(rpc.received(result("1"), 2)) == [("1", Answered(payload={}))]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[2,"m","NoSuchThing",{}]', "NotImplemented"),
        ('[2,"m","reset",{}]', "NotImplemented"),  # actions are case-sensitive: OCPP-J 1.6, 4.2.1
        ('[2,"m","GetLog",{}]', "NotSupported"),
        ('[2,"m","Reset",[]]', "FormationViolation"),
        ('[2,"m","Reset"]', "FormationViolation"),
        ('[2,"m","Reset",{"type":NaN}]', "FormationViolation"),
    ],
)
def test_call_that_cannot_be_handled_gets_the_standards_error_code(text: str, code: str) -> None:
    (frame,) = [effect for effect in online().received(text, 0) if isinstance(effect, SendFrame)]
    kind, message_id, said, description, details = json.loads(frame.text)
    assert (kind, message_id, said, details) == (4, "m", code, {})
    assert description


def test_error_codes_keep_the_misspelling_of_the_standard() -> None:
    assert ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION.value == "OccurenceConstraintViolation"
    assert ErrorCode.FORMATION_VIOLATION.value == "FormationViolation"


def test_call_repeated_before_its_answer_is_delivered_once() -> None:
    rpc = online()
    text = '[2,"m","Reset",{"type":"Soft"}]'
    assert isinstance(rpc.received(text, 0)[0], Deliver)
    assert isinstance(rpc.received(text, 1)[0], Dropped)
    assert len(rpc.answer("m", {}, 2)) == 1


def test_call_repeated_after_its_answer_gets_the_same_answer_and_is_not_done_twice() -> None:
    rpc = online()
    text = '[2,"m","Reset",{"type":"Soft"}]'
    rpc.received(text, 0)
    said = rpc.answer("m", {"status": "Accepted"}, 1)
    assert [effect for effect in rpc.received(text, 2) if not isinstance(effect, Dropped)] == list(said)


def test_peer_that_uses_an_id_again_for_something_else_is_served() -> None:
    rpc = online()
    rpc.received('[2,"1","Reset",{"type":"Soft"}]', 0)
    rpc.answer("1", {}, 1)
    assert isinstance(rpc.received('[2,"1","Reset",{"type":"Hard"}]', 2)[0], Deliver)
    rpc.answer("1", {}, 3)
    assert isinstance(rpc.received('[2,"1","Reset",{"type":"Hard"}]', 4 + REPLY_KEPT_MS)[0], Deliver)


def test_peer_that_never_waits_for_answers_is_refused_beyond_the_limit() -> None:
    rpc = online()
    for number in range(INCOMING_MAX):
        assert isinstance(rpc.received(f'[2,"m{number}","Reset",{{}}]', 0)[0], Deliver)
    (refusal,) = rpc.received('[2,"one more","Reset",{}]', 0)
    assert isinstance(refusal, SendFrame)
    assert json.loads(refusal.text)[:3] == [4, "one more", "GenericError"]


def test_answer_to_a_call_of_an_earlier_connection_is_not_sent() -> None:
    rpc = online()
    rpc.received('[2,"m","Reset",{}]', 0)
    rpc.disconnected(1)
    rpc.connected(2)
    (fact,) = rpc.answer("m", {}, 3)
    assert isinstance(fact, Dropped)


def test_own_error_frame_can_be_the_answer() -> None:
    rpc = online()
    rpc.received('[2,"m","Reset",{}]', 0)
    refusal = CallError(message_id="m", code=ErrorCode.INTERNAL_ERROR)
    assert rpc.answer("m", refusal, 1) == (SendFrame(text='[4,"m","InternalError","",{}]'),)


@pytest.mark.parametrize(("fault", "text"), HOSTILE_FRAMES + UNKNOWN_TYPES)
def test_hostile_frame_is_answered_or_dropped_and_changes_nothing(fault: str, text: str) -> None:
    rpc = online()
    rpc.submit(call("ours"), lane=Lane.LIVE, now_ms=0)
    effects = rpc.received(text, 1)
    assert any(isinstance(effect, Dropped) for effect in effects), fault
    assert all(isinstance(effect, Dropped | SendFrame) for effect in effects), fault
    assert sum(len(effect.text) for effect in effects if isinstance(effect, SendFrame)) < 300
    assert outcomes(rpc.received(result("ours"), 2)) == [("ours", Answered(payload={}))]


# --- our own mistakes -----------------------------------------------------------------------------------------------


def test_misuse_by_our_own_code_is_loud_and_changes_nothing() -> None:
    rpc = online()
    rpc.submit(call("a"), lane=Lane.LIVE, now_ms=0)
    with pytest.raises(LocalError, match="in use"):
        rpc.submit(call("a"), lane=Lane.LIVE, now_ms=0)
    with pytest.raises(LocalError, match="key"):
        rpc.submit(call("b"), lane=Lane.STATE, now_ms=0)
    with pytest.raises(LocalError, match="twice"):
        rpc.connected(0)
    with pytest.raises(ValueError, match="JSON form"):
        rpc.submit(call("b", payload={"a": "\ud800"}), lane=Lane.LIVE, now_ms=0)
    assert outcomes(rpc.received(result("a"), 1)) == [("a", Answered(payload={}))]


def test_every_step_but_over_can_be_left_and_every_happening_is_used() -> None:
    left = Counter(step for step, _ in STEPS)
    assert set(left) == set(Step) - {Step.OVER}
    assert {happening for _, happening in STEPS} == set(Happening)
