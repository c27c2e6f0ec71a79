"""agent/ocpp/rpc.py: which of our calls goes first."""

from __future__ import annotations

import json

import pytest

from agent.ocpp.effects import Completed, Effects, NotSent, Outcome, SendFrame, Why
from agent.ocpp.frames import Call
from agent.ocpp.rpc import CALL_TIMEOUT_MS, LANE_MAX, TURNS_BEFORE_STATE, Actions, Lane, Rpc


def call(message_id: str) -> Call:
    return Call(message_id=message_id, action="Heartbeat", payload={})


def online() -> Rpc:
    rpc = Rpc(actions=Actions(known=frozenset(), built=frozenset()))
    assert rpc.connected(0) == ()
    return rpc


def sent(effects: Effects) -> list[str]:
    """Ids of the frames that left."""
    return [json.loads(effect.text)[1] for effect in effects if isinstance(effect, SendFrame)]


def outcomes(effects: Effects) -> list[tuple[str, Outcome]]:
    return [(effect.call.message_id, effect.outcome) for effect in effects if isinstance(effect, Completed)]


def result(message_id: str) -> str:
    return f'[3,"{message_id}",{{}}]'


def test_lanes_are_served_live_first_then_transactions_then_state() -> None:
    rpc = online()
    rpc.submit(call("first"), lane=Lane.STATE, key="x", now_ms=0)
    rpc.submit(call("state"), lane=Lane.STATE, key="y", now_ms=0)
    rpc.submit(call("row"), lane=Lane.TRANSACTION, now_ms=0)
    rpc.submit(call("live"), lane=Lane.LIVE, now_ms=0)
    order = [sent(rpc.received(result(now), 1)) for now in ("first", "live", "row")]
    assert [*order, sent(rpc.rows_over(1))] == [["live"], ["row"], [], ["state"]]


def test_state_waits_until_no_row_follows_the_one_that_ended() -> None:
    rpc = online()
    rpc.submit(call("row1"), lane=Lane.TRANSACTION, now_ms=0)
    rpc.submit(call("state"), lane=Lane.STATE, key="x", now_ms=0)
    assert sent(rpc.received(result("row1"), 1)) == []  # its owner may hand over the next one now
    assert sent(rpc.submit(call("live"), lane=Lane.LIVE, now_ms=1)) == ["live"]
    assert sent(rpc.received(result("live"), 2)) == []
    assert sent(rpc.submit(call("row2"), lane=Lane.TRANSACTION, now_ms=2)) == ["row2"]
    assert sent(rpc.tick(2 + CALL_TIMEOUT_MS)) == []
    assert sent(rpc.rows_over(2 + CALL_TIMEOUT_MS)) == ["state"]


def test_state_of_a_new_connection_waits_for_no_row_of_the_last() -> None:
    rpc = online()
    rpc.submit(call("row"), lane=Lane.TRANSACTION, accept_late=True, now_ms=0)
    rpc.disconnected(1)
    rpc.connected(2)
    assert sent(rpc.submit(call("state"), lane=Lane.STATE, key="x", now_ms=2)) == ["state"]


@pytest.mark.parametrize("at_once", [True, False])
def test_draining_rows_lets_state_through_now_and_then(at_once: bool) -> None:
    rpc = online()
    rows = [f"row{number}" for number in range(TURNS_BEFORE_STATE + 4)]
    first, *rest = rows
    rpc.submit(call(first), lane=Lane.TRANSACTION, now_ms=0)
    rpc.submit(call("state"), lane=Lane.STATE, key="x", now_ms=0)
    order = [first]
    if at_once:
        for row in rest:
            rpc.submit(call(row), lane=Lane.TRANSACTION, now_ms=0)
    while order[-1] != "state":
        effects = rpc.received(result(order[-1]), 1)
        if not at_once and rest and not sent(effects):
            effects = rpc.submit(call(rest.pop(0)), lane=Lane.TRANSACTION, now_ms=1)
        order += sent(effects)
    assert order == [*rows[: TURNS_BEFORE_STATE + 1], "state"]


def test_waiting_state_is_replaced_by_newer_state_with_the_same_key() -> None:
    rpc = online()
    rpc.submit(call("open"), lane=Lane.LIVE, now_ms=0)
    rpc.submit(call("old"), lane=Lane.STATE, key="status 1", now_ms=0)
    rpc.submit(call("other"), lane=Lane.STATE, key="status 2", now_ms=0)
    effects = rpc.submit(call("new"), lane=Lane.STATE, key="status 1", now_ms=0)
    assert outcomes(effects) == [("old", NotSent(why=Why.SUPERSEDED))]
    assert sent(rpc.received(result("open"), 1)) == ["other"]
    assert sent(rpc.received(result("other"), 1)) == ["new"]


@pytest.mark.parametrize("lane", list(Lane))
def test_call_beyond_the_lanes_limit_is_refused_instead_of_dropped(lane: Lane) -> None:
    rpc = online()
    for number in range(LANE_MAX[lane] + 1):  # one of them is open
        key = f"key {number}" if lane is Lane.STATE else None
        assert outcomes(rpc.submit(call(f"m{number}"), lane=lane, key=key, now_ms=0)) == []
    key = "one more" if lane is Lane.STATE else None
    effects = rpc.submit(call("one more"), lane=lane, key=key, now_ms=0)
    assert outcomes(effects) == [("one more", NotSent(why=Why.OVERLOAD))]
