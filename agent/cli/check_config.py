"""`stationmaster check-config FILE`: every mistake of a configuration at once, each on a line of its own.

Reads the file and nothing else. Exit codes: 0 the agent starts with it (warnings may be printed), 1 it does not, 2 the
file cannot be read.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from agent.cli import COMMANDS, FAILED, OK, USAGE, Subparsers
from agent.config.load import check, read_text
from agent.config.problems import Problem, Severity

NAME = "check-config"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    about = COMMANDS[NAME].help
    parser = subparsers.add_parser(NAME, help=about, description=f"{about.capitalize()}.")
    parser.add_argument("file", metavar="FILE", help="the configuration, a TOML file")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the file and print what is wrong with it; the exit code says whether the agent would start."""
    try:
        text = read_text(Path(args.file))
    except OSError as error:
        print(f"{args.file}: {error.strerror or error}", file=sys.stderr)
        return USAGE
    problems = (text,) if isinstance(text, Problem) else check(text, source=args.file)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    if args.json:
        print(json.dumps({"ok": not errors, "problems": [asdict(problem) for problem in problems]}, indent=2))
    else:
        _print_text(args.file, problems, errors)
    return FAILED if errors else OK


def _print_text(file: str, problems: tuple[Problem, ...], errors: int) -> None:
    for problem in problems:
        warning = "warning: " if problem.severity is Severity.WARNING else ""
        print(f"{warning}{problem.text()}")
    warnings = len(problems) - errors
    counts = ", ".join(
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "error"), (warnings, "warning"))
        if count
    )
    print(f"{file}: {counts or 'ok'}")
