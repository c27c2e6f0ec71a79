"""The words of all screens: message ids, texts in each language, typed fields.

Decides nothing about what is shown. Reads the package's own TOML files once; pure after that. Deviates from gettext on
purpose: ids are keys and not sentences, so that a comma mended in English leaves German alone, and TOML needs no
compiler and no binary files (`tomllib` is in the standard library).

A text is a template: `{position:ordinal}`, `{left_s:span}`; the word after the colon is a `FieldKind`. A table with
`one` and `other` is chosen by the field `count`. A key that ends in `_bare` is the same text for the case that a field
is not known, for example a clock time while the site's clock is untrusted; `best` chooses.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Formatter

from agent.texts.formats import FieldKind, Language, render

BARE = "_bare"


class TextError(Exception):
    """A text was asked for that the catalogue does not have, or without a field it needs: a mistake of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Words, and the field that follows them, if any."""

    words: str
    field: str | None
    kind: FieldKind


_Template = tuple[_Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """One message in one language; `one` is its form for a count of 1 where that differs."""

    other: _Template
    one: _Template | None

    def fields(self) -> frozenset[tuple[str, FieldKind]]:
        """Return the fields of all forms with their kinds; a text with two forms also has its count."""
        pieces = self.other + (self.one or ())
        found = {(piece.field, piece.kind) for piece in pieces if piece.field is not None}
        return frozenset(found | ({("count", FieldKind.PLAIN)} if self.one is not None else set()))


def _template(key: str, source: str) -> _Template:
    pieces = []
    for words, field, spec, conversion in Formatter().parse(source):
        if conversion is not None or field == "":
            raise TextError(f"text {key}: fields are written {{name}} or {{name:kind}}")
        try:
            kind = FieldKind(spec or "")
        except ValueError:
            raise TextError(f"text {key}: {spec!r} is no kind of field") from None
        pieces.append(_Piece(words=words, field=field, kind=kind))
    return tuple(pieces)


def _text(key: str, value: object) -> _Text | None:
    """Return the text in a TOML value, or None if the value only groups texts."""
    match value:
        case str():
            return _Text(other=_template(key, value), one=None)
        case {"one": str(one), "other": str(other), **rest} if not rest:
            return _Text(other=_template(key, other), one=_template(key, one))
        case _:
            return None


def _flat(prefix: str, value: object) -> Iterator[tuple[str, _Text]]:
    """Walk a TOML document; rows of an array get .1, .2 ... behind the array's key."""
    text = _text(prefix, value)
    if text is not None:
        yield prefix, text
        return
    match value:
        case dict():
            children = [(str(name), child) for name, child in value.items()]
        case list():
            children = [(str(at), child) for at, child in enumerate(value, start=1)]
        case _:
            raise TextError(f"text {prefix}: expected words, a table or an array, got {type(value).__name__}")
    for name, child in children:
        yield from _flat(f"{prefix}.{name}" if prefix else name, child)


class Catalogue:
    """The texts of all languages by key."""

    def __init__(self, texts: Mapping[Language, Mapping[str, _Text]]) -> None:
        """Take the texts as read; use `load` to get the package's own."""
        self._texts = texts

    def keys(self, language: Language) -> tuple[str, ...]:
        """Return all keys of a language in the order of its file."""
        return tuple(self._texts[language])

    def rows(self, key: str) -> tuple[str, ...]:
        """Return the keys of an array's rows: key.1, key.2 ..."""
        found: list[str] = []
        while f"{key}.{len(found) + 1}" in self._texts[Language.EN]:
            found.append(f"{key}.{len(found) + 1}")
        return tuple(found)

    def fields(self, key: str, language: Language) -> frozenset[tuple[str, FieldKind]]:
        """Return the fields a text takes, with their kinds."""
        return self._find(key, language).fields()

    def text(self, key: str, language: Language, **fields: object) -> str:
        """Return a text with its fields filled in; fields it does not use are ignored, a missing one is a TextError."""
        text = self._find(key, language)
        template = text.one if text.one is not None and fields.get("count") == 1 else text.other
        said = ""
        for piece in template:
            # A field may end in an abbreviation ("50 Min."); its dot is also the sentence's full stop.
            said += piece.words[1:] if said.endswith(".") and piece.words.startswith(".") else piece.words
            if piece.field is not None:
                said += self._field(key, language, piece, fields.get(piece.field))
        return said

    def best(self, key: str, language: Language, **fields: object) -> str | None:
        """Return the text, its `_bare` form if a field is absent or None, or None if that too lacks a field."""
        for candidate in (key, key + BARE):
            text = self._texts[language].get(candidate)
            if text is not None and all(fields.get(name) is not None for name, _ in text.fields()):
                return self.text(candidate, language, **fields)
        return None

    def has(self, key: str) -> bool:
        """Return whether there is a text of this key."""
        return key in self._texts[Language.EN]

    def _find(self, key: str, language: Language) -> _Text:
        try:
            return self._texts[language][key]
        except KeyError:
            raise TextError(f"no text {key!r} in {language.value}") from None

    @staticmethod
    def _field(key: str, language: Language, piece: _Piece, value: object) -> str:
        if value is None:
            raise TextError(f"text {key}: the field {piece.field} is missing")
        try:
            return render(value, piece.kind, language)
        except TypeError as problem:
            raise TextError(f"text {key}: field {piece.field}: {problem}") from problem


@cache
def load() -> Catalogue:
    """Return the package's own catalogue, read once; raise TextError if a file is not well formed."""
    texts = {}
    for language in Language:
        source = resources.files("agent.texts").joinpath(f"{language.value}.toml").read_text(encoding="utf-8")
        texts[language] = dict(_flat("", tomllib.loads(source)))
    return Catalogue(texts)
