"""The form of a value: what a type annotation with its description asks of what stands in the file, and that in words.

Pure. Understands the types configurations are made of: bool, int, float, str, Secret, enums of text, Literal of text,
tuples and lists, mappings, tables (dataclasses and msgspec structs), each with `| None`. Any other type is a mistake of
ours or of a driver's author and raises TypeError.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from agent.config.settings import Secret

NO_META = msgspec.Meta()
SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One type with its description. `kind` is the bare type; `of` holds the forms of entries of a list or mapping."""

    kind: Any
    meta: msgspec.Meta
    optional: bool = False
    choices: tuple[str, ...] = ()
    of: "Form | None" = None

    @property
    def is_table(self) -> bool:
        """Return whether it is a table with known keys."""
        return isinstance(self.kind, type) and (dataclasses.is_dataclass(self.kind) or _is_struct(self.kind))

    @property
    def is_open(self) -> bool:
        """Return whether it is a table whose keys are free."""
        return self.kind is dict

    def words(self) -> str:
        """Return what is allowed, in words."""
        if self.is_table:
            return "a table"
        if self.is_open:
            return "a table" if self.of is None else f"a table; each value {self.of.words()}"
        if self.of is not None:
            return f"a list{_span(self.meta.min_length, self.meta.max_length, 'entries')}"
        if self.choices:
            return "one of " + ", ".join(f'"{choice}"' for choice in self.choices)
        if self.kind is bool:
            return "true or false"
        if self.kind in (int, float):
            unit = (self.meta.extra or {}).get("unit", "")
            number = "a whole number" if self.kind is int else "a number"
            return number + _span(self.meta.ge, self.meta.le, str(unit))
        if form := (self.meta.extra or {}).get("form"):
            return str(form)
        if self.kind is object:
            return "a text, a number, true or false"
        return f"a text{_span(self.meta.min_length, self.meta.max_length, 'signs')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a table: its form, and whether it must be there."""

    name: str
    form: Form
    required: bool
    default: object = None


def keys_of(kind: Any) -> tuple[Key, ...]:
    """Return the keys of a dataclass or msgspec struct in order; TypeError for one no configuration can fill."""
    return _keys(kind)


@cache
def _keys(kind: Any) -> tuple[Key, ...]:
    hints = get_type_hints(kind, include_extras=True)
    if _is_struct(kind):
        return tuple(
            Key(name=f.encode_name, form=form_of(hints[f.name]), required=f.required, default=_struct_default(f))
            for f in msgspec.structs.fields(kind)
        )
    return tuple(
        Key(name=f.name, form=form_of(hints[f.name]), required=_is_required(f), default=_default(f))
        for f in dataclasses.fields(kind)
        if f.init
    )


def form_of(annotation: Any) -> Form:
    """Return the form of a type annotation; TypeError for one that configurations are not made of."""
    meta = NO_META
    if get_origin(annotation) is Annotated:
        annotation, *extras = get_args(annotation)
        meta = next((extra for extra in extras if isinstance(extra, msgspec.Meta)), NO_META)
    optional = False
    if get_origin(annotation) in (Union, UnionType):
        kinds = get_args(annotation)
        if set(kinds) == set(SCALARS):
            return Form(kind=object, meta=meta)
        optional = NoneType in kinds
        rest = tuple(kind for kind in kinds if kind is not NoneType)
        if not optional or len(rest) != 1:
            raise TypeError(f"{annotation}: a key has one type, or one and None")
        inner = form_of(rest[0])
        return dataclasses.replace(inner, optional=True, meta=meta if meta is not NO_META else inner.meta)
    return _plain(annotation, meta)


def _plain(annotation: Any, meta: msgspec.Meta) -> Form:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal and all(isinstance(choice, str) for choice in args):
        return Form(kind=str, meta=meta, choices=args)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return Form(kind=tuple, meta=meta, of=form_of(args[0]))
    if origin is list:
        return Form(kind=list, meta=meta, of=form_of(args[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping) and args[0] is str:
        return Form(kind=dict, meta=meta, of=None if args[1] is object else form_of(args[1]))
    if not isinstance(annotation, type):
        raise TypeError(f"{annotation}: not a type that configurations are made of")
    if issubclass(annotation, Enum) and all(isinstance(member.value, str) for member in annotation):
        return Form(kind=annotation, meta=meta, choices=tuple(member.value for member in annotation))
    form = Form(kind=annotation, meta=meta)
    if annotation in (bool, int, float, str, Secret) or form.is_table:
        return form
    raise TypeError(f"{annotation}: not a type that configurations are made of")


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _is_required(f: "dataclasses.Field[Any]") -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _default(f: "dataclasses.Field[Any]") -> object:
    if f.default_factory is not dataclasses.MISSING:
        return f.default_factory()
    return None if f.default is dataclasses.MISSING else f.default


def _struct_default(f: msgspec.structs.FieldInfo) -> object:
    if f.default_factory is not msgspec.NODEFAULT:
        return f.default_factory()
    return None if f.default is msgspec.NODEFAULT else f.default


def _span(least: float | None, most: float | None, unit: str) -> str:
    low = f" from {_plain_number(least)}" if least is not None else ""
    up = "to" if low else "up to"
    high = f" {up} {_plain_number(most)}" if most is not None else ""
    return f"{low}{high} {unit}" if unit and (low or high) else f"{low}{high}"


def _plain_number(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:g}"
