"""Reads parsed TOML into the types of the configuration, and finds every mistake on the way instead of the first.

Pure. A wrong value is replaced by a neutral one of its type, so that the rest can be looked at; its path is remembered
as `spoiled`, so that nobody draws conclusions from the neutral value. The result is only good if there are no problems.
"""

import math
import re
import unicodedata
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from agent.config.forms import Form, Key, keys_of
from agent.config.problems import PROBLEMS_MAX, Problem, ProblemKind, joined, nearest, shown
from agent.config.settings import HIDDEN, Secret

TableT = TypeVar("TableT")

_MISSING = object()
NO_CONTROLS = "leave line breaks and invisible signs out"


class Reader:
    """Collects problems while reading; `homes` says for a key name which tables know it."""

    def __init__(self, homes: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Start without problems."""
        self._homes = homes or {}
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []
        self._spoiled: set[str] = set()
        self._more = 0

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what was found, in order of the types, at most PROBLEMS_MAX of them."""
        return tuple(self._problems)

    @property
    def rest(self) -> tuple[Problem, ...]:
        """Return a last word about how many problems there are beyond PROBLEMS_MAX, if there are any."""
        if not self._more:
            return ()
        hint = f"there are {self._more} more problems: correct these first"
        return (Problem(path="", kind=ProblemKind.CONFLICT, value="the list ends here", hint=hint),)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Return what is unwise but possible, at most PROBLEMS_MAX of them."""
        return tuple(self._warnings)

    @property
    def overflowed(self) -> bool:
        """Return whether there were more problems than anybody reads; then `sound` does not know them all."""
        return self._more > 0

    def add(self, problem: Problem) -> None:
        """Take a problem in."""
        if len(self._problems) < PROBLEMS_MAX:
            self._spoiled.add(problem.path)
            self._problems.append(problem)
        else:
            self._more += 1

    def warn(self, problem: Problem) -> None:
        """Take in what is unwise but possible: it spoils nothing."""
        if len(self._warnings) < PROBLEMS_MAX:
            self._warnings.append(problem)

    def sound(self, *paths: str) -> bool:
        """Return whether nothing was wrong at, around or below any of the paths: conclusions may be drawn."""
        return not any(
            _is_around(spoiled, path) or _is_around(path, spoiled) for path in paths for spoiled in self._spoiled
        )

    def table(self, kind: type[TableT], value: Mapping[str, object], path: str) -> TableT:
        """Read a table into a dataclass or struct; ValueError or TypeError if the type itself refuses what was read."""
        keys = keys_of(kind)
        known = tuple(key.name for key in keys)
        unknown = self._unknown_keys(value, known)
        fields: dict[str, Any] = {}
        for key in keys:
            # A needed key that is there with a typing error is one mistake, not two.
            misspelt = key.name not in value and key.name in unknown.values()
            fields[key.name] = self._key(key, value.get(key.name, _MISSING), joined(path, key.name), misspelt)
        for name, close in unknown.items():
            self._unknown(name, close, known, path)
        return kind(**fields)

    def _key(self, key: Key, value: object, path: str, misspelt: bool) -> Any:
        if value is not _MISSING:
            return self._value(key.form, value, path)
        if misspelt:
            self._spoiled.add(path)
        elif key.required:
            hint = key.form.meta.description
            self.add(Problem(path=path, kind=ProblemKind.MISSING, allowed=key.form.words(), hint=hint))
        return _neutral(key.form) if key.required else key.default

    def _unknown_keys(self, value: Mapping[str, object], known: tuple[str, ...]) -> dict[str, str | None]:
        """Return the unknown keys of a table and what each probably means."""
        names = [name for name in value if name not in known]
        told = max(PROBLEMS_MAX - len(self._problems), 0)  # nobody reads more, and looking costs time
        return {name: nearest(name, known) if number < told else None for number, name in enumerate(names)}

    def _unknown(self, name: str, close: str | None, known: tuple[str, ...], path: str) -> None:
        homes = ", ".join(self._homes.get(name, ()))
        elsewhere = f"{name} belongs to {homes}" if homes and close is None else None
        listed = f"one of {', '.join(sorted(known))}" if known else "no key: there are none here"
        self.add(
            Problem(
                path=joined(path, name),
                kind=ProblemKind.UNKNOWN_KEY,
                nearest=close,
                hint=elsewhere,
                allowed=listed if close is None and elsewhere is None else None,
            )
        )

    def _value(self, form: Form, value: object, path: str) -> Any:
        if form.is_table:
            if not isinstance(value, dict):
                return self._wrong(form, value, path, hint=_table_hint(path, value))
            return self.table(form.kind, value, path)
        if form.kind is dict:
            return self._mapping(form, value, path)
        if form.of is not None:
            return self._list(form, form.of, value, path)
        return self._scalar(form, value, path)

    def _list(self, form: Form, of: Form, value: object, path: str) -> Any:
        if not isinstance(value, list):
            hint = f"write [[{_header(path)}]]" if of.is_table else "write it in brackets: [ ... ]"
            return self._wrong(form, value, path, hint=hint)
        if not _within(form, len(value)):
            return self._refused(form, f"a list of {len(value)}", path)
        entries = [self._value(of, entry, f"{path}[{index}]") for index, entry in enumerate(value, start=1)]
        return form.kind(entries)

    def _mapping(self, form: Form, value: object, path: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(form, value, path, hint=_table_hint(path, value))
        if not _within(form, len(value)):
            return self._refused(form, f"a table of {len(value)} keys", path)
        if form.of is None:
            return value
        return {name: self._value(form.of, entry, joined(path, name)) for name, entry in value.items()}

    def _scalar(self, form: Form, value: object, path: str) -> Any:
        if form.kind is object:
            sound = isinstance(value, str | bool) or _is_number(value)
            return value if sound else self._wrong(form, value, path)
        if form.kind is bool:
            return value if isinstance(value, bool) else self._wrong(form, value, path, hint=_bool_hint(value))
        if form.kind in (int, float):
            return self._number(form, value, path)
        if not isinstance(value, str):
            hint = f'write it in quotes: "{shown(value)}"' if _is_number(value) and not _secret(form) else None
            return self._wrong(form, value, path, hint=hint)
        if any(unicodedata.category(sign).startswith("C") for sign in value):
            return self._refused(form, HIDDEN if _secret(form) else shown(value), path, hint=NO_CONTROLS)
        if form.choices:
            if value in form.choices:
                return form.kind(value)
            return self._refused(form, shown(value), path, close=nearest(value, form.choices))
        pattern = form.meta.pattern
        if not _within(form, len(value)) or (pattern is not None and re.search(pattern, value) is None):
            return self._refused(form, HIDDEN if _secret(form) else shown(value), path)
        return form.kind(value)

    def _number(self, form: Form, value: object, path: str) -> Any:
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or (form.kind is int and isinstance(value, float))
        ):
            hint = "write it without quotes" if isinstance(value, str) else None
            return self._wrong(form, value, path, hint=hint)
        meta = form.meta
        if isinstance(value, float) and not math.isfinite(value):
            return self._refused(form, shown(value), path)
        # Compared before it is made a float: an integer may be too long for one.
        if (meta.ge is not None and value < meta.ge) or (meta.le is not None and value > meta.le):
            return self._refused(form, shown(value), path)
        if (meta.gt is not None and value <= meta.gt) or (meta.lt is not None and value >= meta.lt):
            return self._refused(form, shown(value), path)
        return value

    def _wrong(self, form: Form, value: object, path: str, hint: str | None = None) -> Any:
        # Of what should be a table or list only the type is told: who knows what somebody pasted there.
        kept = form.is_table or form.kind is dict or form.of is not None
        self.add(
            Problem(
                path=path,
                kind=ProblemKind.WRONG_TYPE,
                value=None if kept else HIDDEN if _secret(form) else shown(value),
                allowed=form.words(),
                hint=hint,
            )
        )
        return _neutral(form)

    def _refused(self, form: Form, value: str, path: str, *, close: str | None = None, hint: str | None = None) -> Any:
        self.add(
            Problem(
                path=path,
                kind=ProblemKind.NOT_ALLOWED,
                value=value,
                allowed=form.words(),
                nearest=f'"{close}"' if close is not None else None,
                hint=hint,
            )
        )
        return _neutral(form)


def homes_of(kind: type[Any]) -> Mapping[str, tuple[str, ...]]:
    """Return for each key name of the tables below a type in which tables it stands, e.g. port -> [web], [[device]]."""
    homes: dict[str, tuple[str, ...]] = {}
    for key in keys_of(kind):
        form = key.form.of or key.form
        if form.is_table:
            title = f"[[{key.name}]]" if key.form.of is not None else f"[{key.name}]"
            for inner in keys_of(form.kind):
                homes[inner.name] = (*homes.get(inner.name, ()), title)
    return homes


def _neutral(form: Form) -> Any:
    """Return a value of the form's type that means nothing, for places whose path is spoiled."""
    if form.optional:
        return None
    if form.is_table:
        return form.kind(
            **{key.name: _neutral(key.form) if key.required else key.default for key in keys_of(form.kind)}
        )
    if isinstance(form.kind, type) and issubclass(form.kind, Enum):
        return next(iter(form.kind))
    if form.choices:
        return form.choices[0]
    if form.kind in (object, Secret):
        return Secret("") if form.kind is Secret else ""
    return form.kind()


def _is_around(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _secret(form: Form) -> bool:
    return form.kind is Secret


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(form: Form, length: int) -> bool:
    least, most = form.meta.min_length, form.meta.max_length
    return (least is None or length >= least) and (most is None or length <= most)


def _bool_hint(value: object) -> str | None:
    word = value.casefold() if isinstance(value, str) else None
    return "write it without quotes" if word in ("true", "false") else None


def _table_hint(path: str, value: object) -> str:
    header = _header(path)
    return f"write [{header}] once, with single brackets" if isinstance(value, list) else f"write [{header}]"


def _header(path: str) -> str:
    """Return a path as headers have it, without the numbers of entries."""
    return re.sub(r"\[[0-9]+\]", "", path)
