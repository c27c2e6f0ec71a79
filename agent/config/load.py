"""Loads a configuration: one TOML text in, the whole `Config` out, or everything that is wrong with it at once.

Reads no file but the one it is given and our own demo, and never raises for what a file says: others' mistakes become
`Problem`s. TOML 1.0 by the standard library's `tomllib`.
"""

import re
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path

from agent.config.check_links import check_links
from agent.config.check_site import check_site
from agent.config.devices import check_devices
from agent.config.lines import line_of, lines_of
from agent.config.problems import Problem, ProblemKind
from agent.config.reader import Reader, homes_of
from agent.config.types import Config

TEXT_MAX_BYTES = 1024 * 1024  # 200 EVSEs with all their devices need a fifth of it
_AT_LINE = re.compile(r"\s*\(at (?:line (?P<line>[0-9]+), column (?P<column>[0-9]+)|end of document)\)")


def load(text: str, *, source: str = "") -> Config | tuple[Problem, ...]:
    """Return the configuration in a TOML text, or every problem of it; `source` names the text in messages."""
    config, problems, _ = _read(text, source)
    return config if config is not None and not problems else problems


def check(text: str, *, source: str = "") -> tuple[Problem, ...]:
    """Return every problem of a TOML text, errors first and then warnings; the agent starts if there are no errors."""
    _, problems, warnings = _read(text, source)
    return (*problems, *warnings)


def read_text(path: Path) -> str | Problem:
    """Return the text of a file, or why it is none; OSError if it cannot be read."""
    with path.open("rb") as file:
        raw = file.read(TEXT_MAX_BYTES + 1)
    if len(raw) > TEXT_MAX_BYTES:
        return replace(_not_toml(f"it is longer than {TEXT_MAX_BYTES} bytes", None), source=str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return replace(_not_toml("it must be text in UTF-8", line), source=str(path))


def demo_text() -> str:
    """Return the configuration of the demonstration site."""
    return resources.files("agent.config").joinpath("demo.toml").read_text("utf-8")


def _read(text: str, source: str) -> tuple[Config | None, tuple[Problem, ...], tuple[Problem, ...]]:
    document = _parsed(text)
    if isinstance(document, Problem):
        return None, (replace(document, source=source),), ()
    reader = Reader(homes_of(Config))
    config = reader.table(Config, document, "")
    if not reader.overflowed:
        check_site(config, reader)
        check_devices(config, reader)
        check_links(config, reader)
    lines = lines_of(text)

    def placed(problem: Problem) -> Problem:
        return replace(problem, line=line_of(lines, problem.path), source=source)

    def by_line(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        return tuple(sorted(map(placed, problems), key=lambda problem: problem.line or 0))

    return config, by_line(reader.problems) + tuple(map(placed, reader.rest)), by_line(reader.warnings)


def _parsed(text: str) -> dict[str, object] | Problem:
    if len(text) > TEXT_MAX_BYTES:
        return _not_toml(f"it is longer than {TEXT_MAX_BYTES} bytes", None)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found["line"]) if found and found["line"] else text.count("\n") + 1
        return _not_toml(_AT_LINE.sub("", str(error)).strip(), line)
    except (ValueError, RecursionError, OverflowError) as error:
        # Impossible dates, integers of thousands of digits, brackets nested without end.
        return _not_toml(f"a value is impossible ({type(error).__name__})", None)


def _not_toml(why: str, line: int | None) -> Problem:
    return Problem(path="", kind=ProblemKind.SYNTAX, hint=why, line=line)
