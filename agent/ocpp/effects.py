"""What an RPC engine says: how a call of ours ended, and what its shell has to do now.

Pure data, closed unions. Made by rpc.py only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agent.ocpp.frames import Call, Payload

# --- how a call of ours can end -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The peer handled the call."""

    payload: Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The peer answered with a CALLERROR: in OCPP 1.6 a "failure to process the message" (J erratum 3.3)."""

    code: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """The peer answered, but not with a message."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut:
    """The peer did not answer in time. It may have acted on the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The connection ended while the call was open. The peer may have acted on it. Not a failure to process."""


class Why(StrEnum):
    """Why a call never left."""

    OFFLINE = "offline"
    OVERLOAD = "overload"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The call did not leave. The peer knows nothing of it, unless it got the same id before."""

    why: Why


Outcome = Answered | Refused | Unreadable | TimedOut | Lost | NotSent


# --- effects --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFrame:
    """Write this text frame now, in this order."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """The peer asks something; it waits for `answer`."""

    call: Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A call of ours has ended. Exactly one for each `submit`."""

    call: Call
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LateAnswer:
    """The answer to a call that was completed as timed out or lost, and whose answer was to count all the same."""

    call: Call
    outcome: Answered | Refused | Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A frame that was not acted upon: one line for the log. Never holds a payload."""

    reason: str
    message_id: str | None = None


Effect = SendFrame | Deliver | Completed | LateAnswer | Dropped
Effects = tuple[Effect, ...]
