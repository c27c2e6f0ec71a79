"""One OCPP-J text frame to a message and back.

Pure. Decides only whether a frame has the form of the RPC framework; what an action means is the translator's affair.
A hostile frame is never fatal: it becomes Malformed, with the message id where it could be read, so that rpc.py can
answer it. Follows OCPP-J 1.6 section 4 with errata 2025-04; numbers 5 and 6 are those of OCPP-J 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import msgspec

from agent.ocpp import strict_json

FRAME_BYTES_MAX = 128 * 1024  # a full local list of 500 ids is about 85 KiB; nothing else in OCPP 1.6 comes near
MESSAGE_ID_CHARACTERS_MAX = 36  # OCPP-J 1.6, 4.1.4
ECHOED_ID_CHARACTERS_MAX = 128  # a longer id cannot be answered without carrying the sender's load for it

Payload = Mapping[str, Any]


class MessageType(IntEnum):
    """Message type numbers that have a meaning of their own here."""

    CALL = 2
    CALL_RESULT = 3
    CALL_ERROR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """The answer to a request that could be handled."""

    message_id: str
    payload: Payload


@dataclass(frozen=True, slots=True, kw_only=True)
class CallError:
    """The answer to a request that could not be handled."""

    message_id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A message of a type that this side does not speak, such as 2.1's CALLRESULTERROR (5) and SEND (6)."""

    message_type: int
    message_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """A frame that is no message. The reason never repeats what the frame said."""

    reason: str
    message_type: int | None = None  # as far as it could be read
    message_id: str | None = None  # only if it may be sent back: a non-empty string of bearable length


Frame = Call | CallResult | CallError | Unknown | Malformed

_ARITY = {MessageType.CALL: 4, MessageType.CALL_RESULT: 3, MessageType.CALL_ERROR: 5}
_HEAD = re.compile(r'\s*\[\s*(\d{1,3})\s*,\s*"([^"\\\x00-\x1f\ud800-\udfff]{1,128})"\s*[,\]]')
_ENCODER = msgspec.json.Encoder()


def parse(text: str) -> Frame:
    """Return the message in one text frame, or Malformed with the reason."""
    too_long = "frame too long"
    if len(text) > FRAME_BYTES_MAX:  # characters first: spares the copy of a frame that is hopeless anyway
        return _unread(text, too_long)
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return _unread(text, "not valid Unicode")
    if len(data) > FRAME_BYTES_MAX:
        return _unread(text, too_long)
    try:
        decoded = strict_json.read(data)
    except strict_json.NotJson as no:
        return _unread(text, str(no))
    if not isinstance(decoded, list) or not decoded:
        return Malformed(reason="not a JSON array with a message type")
    return _message(decoded)


def render(frame: Call | CallResult | CallError) -> str:
    """Return the text frame of a message. Raises ValueError for content that has no JSON form or exceeds a limit."""
    match frame:
        case Call():
            parts: list[object] = [MessageType.CALL, frame.message_id, frame.action, frame.payload]
        case CallResult():
            parts = [MessageType.CALL_RESULT, frame.message_id, frame.payload]
        case CallError():
            parts = [MessageType.CALL_ERROR, frame.message_id, frame.code, frame.description, frame.details]
    try:
        data = _ENCODER.encode(parts)
    except (TypeError, OverflowError, UnicodeEncodeError) as error:
        raise ValueError("payload has no JSON form") from error
    if len(data) > FRAME_BYTES_MAX:
        raise ValueError(f"frame of {len(data)} bytes exceeds {FRAME_BYTES_MAX}")
    return data.decode()


def _message(parts: list[Any]) -> Frame:
    """Give the elements of a well-formed array their names, or say which of them is wrong."""
    kind = parts[0] if type(parts[0]) is int else None
    given = parts[1] if len(parts) > 1 else None
    message_id = given if isinstance(given, str) and 0 < len(given) <= ECHOED_ID_CHARACTERS_MAX else None
    if kind is None:
        return Malformed(reason="message type is not an integer")
    if kind not in _ARITY:
        return Unknown(message_type=kind, message_id=message_id)

    def malformed(reason: str) -> Malformed:
        return Malformed(reason=reason, message_type=kind, message_id=message_id)

    if message_id is None or len(message_id) > MESSAGE_ID_CHARACTERS_MAX:
        return malformed(f"message id is not a string of 1 to {MESSAGE_ID_CHARACTERS_MAX} characters")
    expected = _ARITY[MessageType(kind)]
    if len(parts) != expected:
        return malformed(f"has {len(parts)} elements instead of {expected}")
    content = {} if parts[-1] is None else parts[-1]  # OCPP-J 1.6, 4.2.1: null is another notation for {}
    if not isinstance(content, dict):
        return malformed("payload is not an object")
    if kind == MessageType.CALL_RESULT:
        return CallResult(message_id=message_id, payload=content)
    if not all(isinstance(part, str) for part in parts[2:-1]):
        return malformed("action, error code or description is not a string")
    if kind == MessageType.CALL:
        return Call(message_id=message_id, action=parts[2], payload=content)
    return CallError(message_id=message_id, code=parts[2], description=parts[3], details=content)


def _unread(text: str, reason: str) -> Malformed:
    """Say why a frame was not read, with what its first characters tell about whom to answer."""
    head = _HEAD.match(text[: ECHOED_ID_CHARACTERS_MAX + 64])
    if head is None:
        return Malformed(reason=reason)
    return Malformed(reason=reason, message_type=int(head[1]), message_id=head[2])
