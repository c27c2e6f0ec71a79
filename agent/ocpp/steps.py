"""Where a call of ours can stand on one connection, and what moves it: the table of rpc.py.

Pure data. A pair that is not in the table cannot happen; that it does is our bug, and loud.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Step(Enum):
    """Where a call of ours stands."""

    WAITING = "waiting"  # in its lane, never sent
    WAITING_AGAIN = "waiting again"  # in its lane; an earlier sending of the same id is unanswered
    OPEN = "open"  # sent, no answer yet
    LATE = "late"  # completed without an answer; an answer still counts
    OVER = "over"


class Happening(Enum):
    """What can happen to a call of ours."""

    SEND = "send"
    ANSWER = "answer"
    GIVE_UP = "give up"  # time-out or loss of the connection, its answer would come too late
    GIVE_UP_FOR_NOW = "give up for now"  # the same, but a late answer counts
    WITHDRAW = "withdraw"  # superseded, offline, or forgotten by its owner
    SUBMIT_AGAIN = "submit again"


STEPS: Mapping[tuple[Step, Happening], Step] = {
    (Step.WAITING, Happening.SEND): Step.OPEN,
    (Step.WAITING, Happening.WITHDRAW): Step.OVER,
    (Step.WAITING_AGAIN, Happening.SEND): Step.OPEN,
    (Step.WAITING_AGAIN, Happening.ANSWER): Step.OVER,
    (Step.WAITING_AGAIN, Happening.WITHDRAW): Step.LATE,
    (Step.OPEN, Happening.ANSWER): Step.OVER,
    (Step.OPEN, Happening.GIVE_UP): Step.OVER,
    (Step.OPEN, Happening.GIVE_UP_FOR_NOW): Step.LATE,
    (Step.LATE, Happening.SUBMIT_AGAIN): Step.WAITING_AGAIN,
    (Step.LATE, Happening.ANSWER): Step.OVER,
    (Step.LATE, Happening.WITHDRAW): Step.OVER,
}
