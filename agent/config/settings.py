"""How a key of the configuration is described: its help, bounds, form and examples, and what must stay hidden.

Pure. The description is a `msgspec.Meta` in an `Annotated` type, so drivers describe their own options with the same
words (`description`, `ge`, `le`, `pattern`, ...) without knowing the agent.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

HIDDEN = "(hidden)"


class Secret:
    """A text that must not be seen: no `repr`, log or message shows it. Compared like text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep the text."""
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one place that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Return whether both hide the same text."""
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        """Return the hash of the text, so that settings can be compared and kept in sets."""
        return hash(self._text)

    def __repr__(self) -> str:
        """Return the same word for every secret."""
        return HIDDEN


def setting(
    help: str,  # noqa: A002 - the word of the trade, and nothing here asks Python for help
    *,
    ge: float | None = None,
    le: float | None = None,
    unit: str | None = None,
    pattern: str | None = None,
    form: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    examples: Sequence[object] = (),
) -> msgspec.Meta:
    """Return the description of a key: `help` is one sentence, `form` says in words what `pattern` asks.

    `min_length` and `max_length` count signs of a text or entries of a list. The first of `examples` stands in the
    generated example. Raises ValueError for a description that contradicts itself: a mistake of ours.
    """
    if (pattern is None) != (form is None):
        raise ValueError(f"setting {help!r}: a pattern needs its form in words, and only a pattern does")
    if pattern is not None:
        re.compile(pattern)
    extra = {key: value for key, value in (("unit", unit), ("form", form)) if value is not None}
    words: dict[str, Any] = {
        "description": help,
        "ge": ge,
        "le": le,
        "pattern": pattern,
        "min_length": min_length,
        "max_length": max_length,
        "examples": list(examples),
        "extra": extra,
    }
    return msgspec.Meta(**words)
