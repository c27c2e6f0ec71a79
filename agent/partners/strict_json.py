"""JSON as partners may send it: small, shallow, every key once, nothing but what JSON and UTF-8 have.

Pure. Follows RFC 8259; refuses what two readers could read differently (doubled keys, NaN, lone surrogates).
"""

import json
import re
from typing import Any, NoReturn

BODY_BYTES_MAX = 64 * 1024  # `sequere.md` 1
DEPTH_MAX = 32  # `sequere.md` 1
INTEGER_DIGITS_MAX = 18  # what fits 63 bits for certain; the longest number of SeQueRe has 16

# Outside of strings a backslash is an error that the decoder finds; pairing it here keeps \" from ending a string.
_TOKENS = re.compile(r'\\.|["\[\]{}]', re.DOTALL)


class NotJson(ValueError):  # noqa: N818 - the other side's mistake
    """The text is not JSON as it is taken here; the message says why and never repeats what was said."""


class TooLarge(NotJson):
    """The text is longer than a body may be."""


def read_json(data: bytes) -> Any:
    """Return the value of a JSON text; raise NotJson, or TooLarge beyond BODY_BYTES_MAX."""
    if len(data) > BODY_BYTES_MAX:
        raise TooLarge(f"body: more than {BODY_BYTES_MAX} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise NotJson("body: not UTF-8") from error
    if _deeper_than(text, DEPTH_MAX):
        raise NotJson(f"body: nested deeper than {DEPTH_MAX}")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_number
        )
    except NotJson:
        raise
    except (ValueError, RecursionError) as error:
        raise NotJson("body: not JSON") from error
    json_length(value)
    return value


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


def _deeper_than(text: str, limit: int) -> bool:
    level = 0
    in_string = False
    for token in _TOKENS.finditer(text):
        sign = token[0]
        if sign == '"':
            in_string = not in_string
        elif in_string:
            continue
        elif sign in "[{":
            level += 1
            if level > limit:
                return True
        elif sign in "]}":
            level -= 1
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("body: doubled key")
    return found


def _constant(_: str) -> NoReturn:
    raise NotJson("body: not JSON")


def _integer(digits: str) -> int:
    if len(digits) > INTEGER_DIGITS_MAX:
        raise NotJson("body: number out of range")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise NotJson("body: number out of range")
    return value


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(member) for key, member in value.items()}
        case list():
            return [_plain(member) for member in value]
        case float() if value.is_integer() and abs(value) < 10**INTEGER_DIGITS_MAX:
            return int(value)
        case _:
            return value
