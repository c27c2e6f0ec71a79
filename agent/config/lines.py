"""Where in a TOML text a path stands: so that a problem can name its line.

Pure and approximate on purpose: `tomllib` does not tell lines, and a wrong line would be worse than the line of the
table around it. Headers and simple keys are found; what stands inside arrays and inline tables has the line of its key.
"""

import re
from collections.abc import Mapping

from agent.config.problems import joined

_PART = r'(?:[A-Za-z0-9_-]+|"[^"\\\n]*"|\'[^\'\n]*\')'
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_PARTS = re.compile(_PART)
_LAST = re.compile(r"""(\[[0-9]+\]|\.?"(?:[^"\\]|\\.)*"|\.[A-Za-z0-9_-]+)\Z""")  # the innermost step of a path
_FENCES = ('"""', "'''")


def lines_of(text: str) -> Mapping[str, int]:
    """Return the line, from 1, of each path that was found; paths as in `Problem`."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}  # entries so far of each array of tables
    table = ""
    fence: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if fence is not None:
            fence = None if fence in line else fence
            continue
        if header := _HEADER.match(line):
            table = _entered(header[2], counts, is_array=header[1] == "[[")
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            path = table
            for part in _parts(key[1]):
                path = joined(path, part)
                lines.setdefault(path, number)
        fence = next((fence for fence in _FENCES if line.count(fence) % 2), None)
    return lines


def line_of(lines: Mapping[str, int], path: str) -> int | None:
    """Return the line of a path, or of the nearest thing around it; None if nothing of it was found."""
    while path not in lines:
        around = _LAST.sub("", path)
        if around in ("", path):
            return None
        path = around
    return lines[path]


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PARTS.findall(dotted)]


def _entered(dotted: str, counts: dict[str, int], *, is_array: bool) -> str:
    """Return the path of a table that begins, with the number of each array's latest entry."""
    path = ""
    parts = _parts(dotted)
    for index, part in enumerate(parts, start=1):
        path = joined(path, part)
        if is_array and index == len(parts):
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = f"{path}[{counts[path]}]"
    return path
