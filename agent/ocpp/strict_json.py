"""JSON as strangers may send it: shallow, every key once, nothing but what JSON and UTF-8 have.

Pure. Decides only whether a text is JSON that every reader understands alike; how long it may be is for the caller to
check first. Follows RFC 8259; refuses what two readers could read differently (doubled keys, NaN, lone surrogates, and
numbers that one of them cannot hold).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

DEPTH_MAX = 32  # `sequere.md` 1; SetChargingProfile, the deepest message of OCPP 1.6, needs 6
INTEGER_BITS_MAX = 63  # what the encoder can write again; OCPP itself knows 32 bits (checked by the translator)

# Outside of strings a backslash is an error that the decoder finds; pairing it here keeps \" from ending a string.
_TOKENS = re.compile(r'\\.|["\[\]{}:]', re.DOTALL)
_DECODER = msgspec.json.Decoder()


class NotJson(ValueError):  # noqa: N818 - the other side's mistake
    """The text is not JSON as it is taken here; the message says why and never repeats what was said."""


def read(data: bytes) -> Any:
    """Return the value of a JSON text; raise NotJson."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise NotJson("not UTF-8") from error
    members = _members_within_depth(text)
    try:
        value = _DECODER.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NotJson("not JSON") from error
    _check(value, members)
    return value


def _members_within_depth(text: str) -> int:
    """Return the number of object members written in the text; raise NotJson where it nests deeper than DEPTH_MAX."""
    depth = members = 0
    in_string = False
    for token in _TOKENS.finditer(text):
        sign = token[0]
        if sign == '"':
            in_string = not in_string
        elif in_string:
            continue
        elif sign == ":":
            members += 1
        elif sign in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise NotJson(f"nested deeper than {DEPTH_MAX}")
        elif sign in "]}":
            depth -= 1
    return members


def _check(decoded: Any, members_written: int) -> None:
    """Refuse what the decoder accepts and we do not: doubled keys (last one wins there), and numbers beyond 63 bits."""
    members = 0
    waiting: list[Any] = [decoded]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            members += len(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, int) and value.bit_length() > INTEGER_BITS_MAX:
            raise NotJson("number out of range")
    # Two readers that choose differently among doubled keys see two messages in one text.
    if members != members_written:
        raise NotJson("doubled key")
