"""JSON Schema draft 4, as far as the schemas of OCPP 1.6, 2.0.1 and 2.1 use it: what a payload breaks, and where.

Pure. Those schemas know some fifteen keywords; a library for all of JSON Schema takes 3 MiB of a small controller's
memory. A keyword that is not known here is refused when a schema is read, so that a new one cannot pass unchecked.
Says where and why, never with what content: payloads hold IdTokens and keys.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Schema: TypeAlias = Mapping[str, Any]

DEFINITIONS = "#/definitions/"
_CHECKED = frozenset({
    "$ref", "type", "enum", "maxLength", "minimum", "maximum", "items", "minItems", "maxItems", "required",
    "properties", "additionalProperties",
})  # fmt: skip
# These say nothing about payloads. `format` is read by instants.py. multipleOf 0.1 refuses 21.4 in binary floating
# point; nothing that we act upon has such a limit. `additionalItems` is for items that each have a schema of their own.
_TOLD = frozenset({
    "$schema", "$id", "id", "title", "description", "comment", "javaType", "default", "definitions", "format",
    "multipleOf", "additionalItems",
})  # fmt: skip
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


class UnknownSchemaError(ValueError):
    """A schema asks for something that is not checked here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A keyword of a schema that a payload does not keep, and where, as a JSONPath."""

    keyword: str
    path: str


def checkable(schema: Any) -> Schema:
    """Return a schema of which everything can be checked; raise UnknownSchemaError for any other."""
    for name, part in _parts(schema, "$"):
        strange = sorted(part.keys() - _CHECKED - _TOLD)
        if strange:
            raise UnknownSchemaError(f"{name}: {', '.join(strange)}")
        if not isinstance(part.get("additionalProperties", False), bool):
            raise UnknownSchemaError(f"{name}: additionalProperties is a schema")
        if part.get("type", "object") not in tuple(_TYPES):
            raise UnknownSchemaError(f"{name}: type {part['type']}")
        if not str(part.get("$ref", DEFINITIONS)).startswith(DEFINITIONS):
            raise UnknownSchemaError(f"{name}: $ref {part['$ref']}")
    root: Schema = schema
    return root


def violations(schema: Schema, payload: object) -> Iterator[Violation]:
    """Yield what a payload does not keep of a `checkable` schema, in the schema's order."""
    return _against(schema, payload, "$", schema)


def _parts(schema: Any, name: str) -> Iterator[tuple[str, Schema]]:
    """Yield a schema and all schemas in it, each with its name."""
    if not isinstance(schema, dict):
        raise UnknownSchemaError(f"{name}: is not an object")
    yield name, schema
    for keyword in ("definitions", "properties"):
        for inner, part in schema.get(keyword, {}).items():
            yield from _parts(part, f"{name}.{inner}")
    if "items" in schema:
        yield from _parts(schema["items"], f"{name}[]")


def _against(schema: Schema, value: object, path: str, root: Schema) -> Iterator[Violation]:
    if "$ref" in schema:  # draft 4: what stands beside a reference does not count
        yield from _against(root["definitions"][schema["$ref"].removeprefix(DEFINITIONS)], value, path, root)
        return
    for keyword, rule in schema.items():
        if keyword == "type":
            broken = not _is(rule, value)
        elif keyword == "enum":
            broken = value not in rule
        elif isinstance(value, str):
            broken = keyword == "maxLength" and len(value) > rule
        elif isinstance(value, int | float) and not isinstance(value, bool):
            broken = (keyword == "minimum" and value < rule) or (keyword == "maximum" and value > rule)
        elif isinstance(value, list):
            yield from _in_list(keyword, rule, value, path, root)
            continue
        elif isinstance(value, dict):
            yield from _in_object(keyword, schema, value, path, root)
            continue
        else:
            broken = False
        if broken:
            yield Violation(keyword=keyword, path=path)


def _is(kind: str, value: object) -> bool:
    """Return whether a value is of a type of JSON; draft 4 takes 1.0 for no integer."""
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _in_list(keyword: str, rule: Any, value: list[Any], path: str, root: Schema) -> Iterator[Violation]:
    if keyword == "items":
        for place, item in enumerate(value):
            yield from _against(rule, item, f"{path}[{place}]", root)
    elif (keyword == "minItems" and len(value) < rule) or (keyword == "maxItems" and len(value) > rule):
        yield Violation(keyword=keyword, path=path)


def _in_object(keyword: str, schema: Schema, value: dict[str, Any], path: str, root: Schema) -> Iterator[Violation]:
    match keyword:
        case "properties":
            for name, part in schema[keyword].items():
                if name in value:
                    yield from _against(part, value[name], f"{path}.{name}", root)
        case "required":
            for name in schema[keyword]:
                if name not in value:
                    yield Violation(keyword=keyword, path=path)
        case "additionalProperties" if not schema[keyword] and value.keys() - schema.get("properties", {}).keys():
            yield Violation(keyword=keyword, path=path)
        case _:
            pass
