"""Our schema checker against the reference library, over every schema that OCPP has, with payloads right and wrong."""

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from agent.ocpp.json_schema import DEFINITIONS, UnknownSchemaError, checkable, violations

SHIPPED = {
    f"{version}/{path.name}": json.loads(path.read_text("utf-8-sig"))
    for version in ("v16", "v201", "v21")
    for path in sorted(files("ocpp").joinpath(version, "schemas").iterdir(), key=lambda p: p.name)
    if path.name.endswith(".json")
}
DEPTH = 6  # deeper, the payloads of 2.1 grow beyond what is worth trying
ANYTHING: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        1.0,
        0.5,
        -0.1,
        100.5,
        10**9,
        "",
        "Accepted",
        "x" * 60,
        "x" * 6000,
        [],
        [1],
        {},
        {"a": 1},
    ]
)


@st.composite
def payloads(draw: st.DrawFn, schema: Any, root: Any, depth: int = 0) -> Any:
    """A payload as the schema wants it, with a mistake here and there."""
    if "$ref" in schema:
        return draw(payloads(root["definitions"][schema["$ref"].removeprefix(DEFINITIONS)], root, depth))
    if draw(st.integers(0, 14)) == 7 or depth > DEPTH:
        return draw(ANYTHING)
    match schema.get("type"):
        case "object":
            wanted = schema.get("properties", {})
            names = [n for n in wanted if draw(st.integers(0, 9)) < (9 if n in schema.get("required", ()) else 4)]
            extra = {"extra": 1} if draw(st.integers(0, 9)) == 7 else {}
            return {n: draw(payloads(wanted[n], root, depth + 1)) for n in names} | extra
        case "array":
            length = draw(st.integers(0, 3))
            return [draw(payloads(schema["items"], root, depth + 1)) for _ in range(length)]
        case "string" if "enum" in schema:
            return draw(st.sampled_from(schema["enum"]))
        case "string":
            limit = schema.get("maxLength", 10)
            return "x" * draw(st.sampled_from([0, limit - 1, limit, limit + 1]))
        case _:
            return draw(ANYTHING)


def without_multiple_of(schema: Any) -> Any:
    """The schema as we mean it: multipleOf is not checked on purpose."""
    if isinstance(schema, dict):
        return {key: without_multiple_of(part) for key, part in schema.items() if key != "multipleOf"}
    return [without_multiple_of(part) for part in schema] if isinstance(schema, list) else schema


@pytest.mark.parametrize("name", SHIPPED)
def test_every_schema_of_ocpp_can_be_checked(name: str) -> None:
    assert checkable(SHIPPED[name]) is SHIPPED[name]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_same_is_found_in_the_same_order_as_by_the_reference_library(data: st.DataObject) -> None:
    schema = SHIPPED[data.draw(st.sampled_from(sorted(SHIPPED)))]
    payload = data.draw(payloads(schema, schema))
    reference = Draft4Validator(without_multiple_of(schema)).iter_errors(payload)
    wanted = [(error.validator, error.json_path) for error in reference]
    assert [(one.keyword, one.path) for one in violations(schema, payload)] == wanted


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a"},
        {"type": "object", "properties": {"a": {"type": "array", "items": {"oneOf": []}}}},
        {"definitions": {"A": {"type": "string", "not": {}}}},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": ["string", "null"]},
        {"type": "array", "items": [{"type": "string"}]},
        {"$ref": "https://elsewhere.example/schema"},
    ],
)
def test_what_would_not_be_checked_is_refused(schema: Any) -> None:
    with pytest.raises(UnknownSchemaError):
        checkable(schema)
