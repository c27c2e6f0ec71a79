"""Whatever a file says, loading it ends in a configuration or in problems, never in an exception."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.example import _literal
from agent.config.forms import keys_of
from agent.config.load import check, demo_text, load
from agent.config.location import digest, location_of
from agent.config.problems import Problem
from agent.config.reader import homes_of
from agent.config.types import Config

UTC_MS = 1_790_000_000_000
NAMES = sorted({*homes_of(Config), *(key.name for key in keys_of(Config)), "connector", "options", "en", "pin"})
KEYS = st.sampled_from(NAMES) | st.text(min_size=1, max_size=8)
SCALARS = (
    st.booleans()
    | st.integers(min_value=-(2**62), max_value=2**62)
    | st.integers(min_value=0, max_value=9)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["Europe/Berlin", "twin", "gpio", "bay_sensor", "1.6", "EMSP", "http://[::1", "wss://x:y@z/"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
LINES = demo_text().splitlines()


def _toml(document: dict[str, Any]) -> str:
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in document.items())


def _key(name: str) -> str:
    return '"' + "".join(f"\\U{ord(sign):08X}" for sign in name if not 0xD800 <= ord(sign) < 0xE000) + '"'


def _value(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{_key(name)} = {_value(entry)}" for name, entry in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case str():
            return _key(value)
        case float():
            return repr(value)
        case _:
            return _literal(value)


def _is_told(text: str) -> None:
    found = load(text)
    if isinstance(found, Config):
        assert len(digest(location_of(found, utc_ms=UTC_MS))) == 64
        return
    assert found
    for problem in found:
        assert isinstance(problem, Problem)
        assert problem.text().isprintable()


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([key.name for key in keys_of(Config)]) | KEYS, VALUES, max_size=8))
def test_any_document_is_a_configuration_or_problems(document: dict[str, Any]) -> None:
    _is_told(_toml(document))


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_problems(text: str) -> None:
    _is_told(text)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(LINES) - 1), KEYS, VALUES)
def test_a_demo_with_one_line_replaced_is_a_configuration_or_problems(line: int, name: str, value: object) -> None:
    _is_told("\n".join([*LINES[:line], f"{_key(name)} = {_value(value)}", *LINES[line + 1 :]]))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(LINES) - 1), VALUES)
def test_a_demo_with_one_value_replaced_is_a_configuration_or_problems(line: int, value: object) -> None:
    name, equals, _ = LINES[line].partition(" = ")
    changed = f"{name}{equals}{_value(value)}" if equals else LINES[line]
    _is_told("\n".join([*LINES[:line], changed, *LINES[line + 1 :]]))


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, len(LINES) - 1), max_size=6))
def test_a_demo_with_lines_missing_is_a_configuration_or_problems(missing: set[int]) -> None:
    text = "\n".join(line for number, line in enumerate(LINES) if number not in missing)
    _is_told(text)
    assert all(problem.line is None or problem.line <= text.count("\n") + 1 for problem in check(text))
