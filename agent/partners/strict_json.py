"""JSON as partners may send it: what `agent/ocpp/strict_json.py` takes, and no longer than a body may be.

Pure. Also what is asked of values that came in: how deep, how long, and whether two are equal.
"""

import json
from typing import Any

from agent.ocpp import strict_json
from agent.ocpp.strict_json import DEPTH_MAX, NotJson

BODY_BYTES_MAX = 64 * 1024  # `sequere.md` 1
WHOLE_NUMBER_MAX = 10**18  # a float below it may be a whole number in disguise; SeQueRe's longest has 16 digits


class TooLarge(NotJson):
    """The text is longer than a body may be."""


def read_json(data: bytes) -> Any:
    """Return the value of a JSON text; raise NotJson, or TooLarge beyond BODY_BYTES_MAX."""
    if len(data) > BODY_BYTES_MAX:
        raise TooLarge(f"body: more than {BODY_BYTES_MAX} bytes")
    try:
        return strict_json.read(data)
    except NotJson as no:
        raise NotJson(f"body: {no}") from no


def canonical(value: Any) -> bytes:
    """Return bytes that are the same for equal JSON values: keys in order, 1.0 as 1, no blanks."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def without_nulls(value: Any) -> Any:
    """Return a value without the members that are null: OCPI reads those as absent."""
    match value:
        case dict():
            return {key: without_nulls(member) for key, member in value.items() if member is not None}
        case list():
            return [without_nulls(member) for member in value]
        case _:
            return value


def json_length(value: Any) -> int:
    """Return how many bytes a value has as JSON; raise NotJson for one that has no such form, e.g. no Unicode."""
    try:
        return len(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())
    except (ValueError, TypeError, RecursionError) as error:
        raise NotJson("body: has no JSON form") from error


def depth(value: Any) -> int:
    """Return how deep a value nests; counts no further than one beyond DEPTH_MAX."""
    deepest = 0
    waiting = [(value, 1)]
    while waiting:
        found, level = waiting.pop()
        members = found.values() if isinstance(found, dict) else found if isinstance(found, list) else None
        if members is None:
            continue
        deepest = max(deepest, level)
        if level > DEPTH_MAX:
            return deepest
        waiting.extend((member, level + 1) for member in members)
    return deepest


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(member) for key, member in value.items()}
        case list():
            return [_plain(member) for member in value]
        case float() if value.is_integer() and abs(value) < WHOLE_NUMBER_MAX:
            return int(value)
        case _:
            return value
