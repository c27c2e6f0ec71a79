"""What is wrong in a configuration: where, what stands there, what may stand there, and what was probably meant.

Pure. Shows values only where they cannot be secrets: the reader hands in text for keys it knows to be harmless, and
addresses lose user, password and query here. Control characters are escaped, so a file cannot write to a terminal.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

PROBLEMS_MAX = 200  # nobody reads on; a file with more is not a configuration
SHOWN_MAX = 60  # signs of a value or key in a message: enough to find it, short enough for a line
PART_MIN = 3  # signs of a word that may be a part of what was meant: "light" for "status_light"
NEAREST_CUTOFF = 0.6  # difflib's own default: below it suggestions are rarely what was meant

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_USER_INFO = re.compile(r"//[^/@\s]*@")
_QUERY = re.compile(r"(://[^?\s]*)\?.*", re.DOTALL)


class ProblemKind(StrEnum):
    """What kind of mistake it is."""

    SYNTAX = "syntax"  # not TOML, or not text
    UNKNOWN_KEY = "unknown_key"
    MISSING = "missing"
    WRONG_TYPE = "wrong_type"
    NOT_ALLOWED = "not_allowed"  # right type, but out of bounds, not among the choices, or of the wrong form
    CONFLICT = "conflict"  # each value is fine, but not beside another


class Severity(StrEnum):
    """Whether the agent starts with it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a configuration.

    `path` counts entries of arrays from 1, as people do: `evse[2].connector[1].standard`; it is empty for the file as
    a whole. `value` is what stands there, ready to be shown and never a secret; `allowed` is what may stand there;
    `hint` is a sentence; `nearest` is the known key or value that was probably meant; `line` counts from 1 in `source`.
    """

    path: str
    kind: ProblemKind
    value: str | None = None
    allowed: str | None = None
    hint: str | None = None
    nearest: str | None = None
    line: int | None = None
    source: str = ""
    severity: Severity = Severity.ERROR

    def text(self) -> str:
        """Return the problem as one line."""
        where = self._where()
        what = [f"{self.path}: {self._what()}" if self.path else self._what()]
        if self.nearest is not None:
            what.append(f"did you mean {self.nearest}?")
        if self.allowed is not None:
            what.append(f"allowed is {self.allowed}")
        if self.hint is not None:
            what.append(self.hint)
        return where + "; ".join(what)

    def _where(self) -> str:
        """Return source and line as compilers write them, so that editors can jump there."""
        if self.source:
            return f"{self.source}:{self.line}: " if self.line is not None else f"{self.source}: "
        return f"line {self.line}: " if self.line is not None else ""

    def _what(self) -> str:
        match self.kind:
            case ProblemKind.SYNTAX:
                return "this is not a TOML file"
            case ProblemKind.UNKNOWN_KEY:
                return "unknown key"
            case ProblemKind.MISSING:
                return "missing"
            case ProblemKind.WRONG_TYPE:
                return f"{self.value} is of the wrong type" if self.value else "wrong type"
            case ProblemKind.NOT_ALLOWED:
                return f"{self.value} is not allowed" if self.value else "not allowed"
            case ProblemKind.CONFLICT:
                return self.value or "does not fit"


def shown(value: object) -> str:
    """Return a harmless value as a person wrote it: escaped, short, and addresses without user, password and query."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        bare = _QUERY.sub(r"\1?(hidden)", _USER_INFO.sub("//(hidden)@", value))
        return f'"{_escaped(bare)}"'
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    try:
        return _escaped(str(value))
    except ValueError:  # an integer of thousands of digits, from hexadecimal
        return "a very long number"


def joined(path: str, key: str) -> str:
    """Return the path of a key in a table, quoted as TOML asks where it is not a bare key."""
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    name = key if _BARE_KEY.match(key) and len(key) <= SHOWN_MAX else f'"{_escaped(quoted)}"'
    return f"{path}.{name}" if path else name


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that looks most like this one, ignoring case, or None if none does."""
    folded = word[:SHOWN_MAX].casefold()
    by_folded = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(folded, sorted(by_folded), n=1, cutoff=NEAREST_CUTOFF)
    if not found and len(folded) >= PART_MIN:
        found = [one for one in sorted(by_folded) if folded in one]
    return by_folded[found[0]] if len(found) == 1 else None


def _escaped(text: str) -> str:
    short = text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in short)
