"""Events to bytes and back: one JSON body per (kind, version), byte for byte the same every time.

An event type is a frozen, keyword-only, stdlib dataclass; its class name is its kind, `VERSION` (1 unless said) its
version. Decides nothing about what events mean. Never guesses: an unknown kind or version or a field that would be
lost is an error that names it, because a journal that is read differently from how it was written is another state.
A field added with a default needs no new version. Older versions are lifted to the current one by upcasters from dict
to dict.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import inspect as shape

from agent.journal.errors import JournalError

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

_ORDERLESS_OR_OPAQUE = (
    shape.SetType,
    shape.FrozenSetType,
    shape.DictType,
    shape.AnyType,
    shape.CustomType,
    shape.RawType,
)


class Codec:
    """The event types of one program version, and how to read those of older versions."""

    def __init__(self, types: Iterable[type], upcasters: Mapping[tuple[str, int], Upcaster] | None = None) -> None:
        """Check every type and upcaster at once; raise JournalError naming the first that cannot be stored."""
        self._types: dict[str, type] = {}
        for event_type in types:
            if self._types.setdefault(event_type.__name__, event_type) is not event_type:
                raise JournalError(f"codec: two event types are called {event_type.__name__}")
        self._decoders = {kind: _decoder(event_type) for kind, event_type in self._types.items()}
        self._versions = {kind: _version(event_type) for kind, event_type in self._types.items()}
        self._upcasters = dict(upcasters or {})
        for kind, version in self._upcasters:
            if not 1 <= version < self._version_of(kind):
                raise JournalError(f"codec: upcaster from {kind} version {version} leads nowhere")

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind this codec writes, sorted."""
        return tuple(sorted(self._types))

    def encode(self, event: object) -> tuple[str, int, bytes]:
        """Return kind, version and JSON body; raise JournalError for a type the codec was not told of."""
        kind = type(event).__name__
        if self._types.get(kind) is not type(event):
            raise JournalError(f"codec: {type(event).__module__}.{kind} is not an event type of this journal")
        return kind, self._versions[kind], msgspec.json.encode(event)

    def decode(self, kind: str, version: int, body: bytes) -> Any:
        """Return the event; raise JournalError naming kind and version if it cannot be read exactly as written."""
        current = self._version_of(kind)
        try:
            if version == current:
                event = self._decoders[kind].decode(body)
                again = msgspec.json.encode(event)
                if again != body and not _keeps(msgspec.json.decode(again), msgspec.json.decode(body)):
                    raise JournalError(
                        f"codec: {kind} version {version} does not read back as written: "
                        "a field was removed, renamed or changed without a new VERSION and an upcaster"
                    )
                return event
            return self._decoders[kind].decode(msgspec.json.encode(self._lift(kind, version, body, current)))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise JournalError(f"codec: {kind} version {version} cannot be read: {error}") from error

    def _lift(self, kind: str, version: int, body: bytes, current: int) -> dict[str, Any]:
        fields = msgspec.json.decode(body, type=dict[str, Any])
        for step in range(version, current):
            upcaster = self._upcasters.get((kind, step))
            if upcaster is None:
                raise JournalError(f"codec: no upcaster for {kind} version {step}")
            fields = upcaster(fields)
        if version > current or version < 1:
            raise JournalError(f"codec: {kind} version {version} is unknown; this program writes version {current}")
        return fields

    def _version_of(self, kind: str) -> int:
        version = self._versions.get(kind)
        if version is None:
            raise JournalError(f"codec: unknown event kind {kind}; was this journal written by a newer program?")
        return version


def _keeps(read: object, written: object) -> bool:
    """True if nothing written is lost in what was read; fields added later may have their defaults."""
    if isinstance(read, dict) and isinstance(written, dict):
        return all(key in read and _keeps(read[key], value) for key, value in written.items())
    if isinstance(read, list) and isinstance(written, list):
        return len(read) == len(written) and all(map(_keeps, read, written))
    return type(read) is type(written) and read == written


def _version(event_type: type) -> int:
    version = getattr(event_type, "VERSION", 1)
    if not isinstance(version, int) or version < 1:
        raise JournalError(f"codec: {event_type.__name__}.VERSION must be a whole number from 1")
    return version


def _decoder(event_type: type) -> msgspec.json.Decoder[Any]:
    name = event_type.__name__
    if not dataclasses.is_dataclass(event_type):
        raise JournalError(f"codec: {name} is not a dataclass")
    parameters = vars(event_type)["__dataclass_params__"]
    if not parameters.frozen or any(not field.kw_only for field in dataclasses.fields(event_type)):
        raise JournalError(f"codec: {name} must be frozen and keyword-only")
    try:
        _refuse_orderless(shape.type_info(event_type), name, set())
        return msgspec.json.Decoder(event_type)
    except (TypeError, NameError) as error:
        raise JournalError(f"codec: {name} cannot be stored: {error}") from error


def _refuse_orderless(found: shape.Type, path: str, seen: set[type]) -> None:
    """Refuse sets and dicts (their order is not the event's) and types nobody can check, at any depth."""
    if isinstance(found, _ORDERLESS_OR_OPAQUE):
        raise JournalError(f"codec: {path} is a {type(found).__name__}: use a tuple of dataclasses or plain values")
    if isinstance(found, shape.DataclassType):
        if found.cls in seen:
            return
        seen.add(found.cls)
        for field in found.fields:
            _refuse_orderless(field.type, f"{path}.{field.name}", seen)
    elif isinstance(found, shape.VarTupleType | shape.ListType):
        _refuse_orderless(found.item_type, f"{path}[]", seen)
    elif isinstance(found, shape.TupleType):
        for item in found.item_types:
            _refuse_orderless(item, f"{path}[]", seen)
    elif isinstance(found, shape.UnionType):
        for choice in found.types:
            _refuse_orderless(choice, path, seen)
