"""`stationmaster simulate`: replay a demand on a site with the real rules, and tell what came of everybody.

Whoever runs a site can try other rules on their own history before changing them. Exit codes: 0 done, 2 a file cannot
be read or says what cannot be meant.
"""

import argparse
import csv
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from agent.cli import COMMANDS, OK, USAGE, Subparsers
from agent.config.load import load, read_text
from agent.config.location import location_of
from agent.config.problems import Problem
from agent.config.types import Config
from agent.core import events as ev
from agent.core.layout import ChargingLocation
from agent.simulation.demand import DemandError, Visitor, read_demand
from agent.simulation.history_file import HistoryError, learned, open_text, read_history
from agent.simulation.simulate import RESULT_COLUMNS, Results, result_rows, simulate, summary
from agent.simulation.site_day import EPOCH_UTC_MS, Rules

NAME = "simulate"
SAY_EVERY_S = 5.0  # how often a long run tells how far it is


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    about = COMMANDS[NAME].help
    parser = subparsers.add_parser(NAME, help=about, description=f"{about.capitalize()}.")
    parser.add_argument("--site", type=Path, required=True, metavar="TOML", help="configuration of the site")
    parser.add_argument(
        "--demand", type=Path, required=True, metavar="CSV", help="who comes, see the simulation's guide"
    )
    parser.add_argument("--history", type=Path, metavar="CSV", help="sessions the site has learned from, plain or .gz")
    parser.add_argument("--out", type=Path, metavar="CSV", help="what came of everybody, a row a driver")
    parser.add_argument("--summary", type=Path, metavar="JSON", help="the figures; printed in any case")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the forecasts (default: 0)")
    parser.add_argument(
        "--change-over-min",
        type=float,
        default=2.0,
        metavar="MIN",
        help="from a departure until the bay is free for the next (default: 2)",
    )
    parser.add_argument("--no-forecasts", action="store_true", help="forecast no waits: many times as fast")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Simulate, write and print; return the exit code."""
    if not 0 <= args.change_over_min <= 60:
        print("stationmaster: --change-over-min must be from 0 to 60 min", file=sys.stderr)
        return USAGE
    try:
        location = _location(args.site)
        visitors, history = _inputs(args, location)
    except (DemandError, HistoryError, OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"stationmaster: {error}", file=sys.stderr)
        return USAGE
    rules = Rules(change_over_min=args.change_over_min, forecasts=not args.no_forecasts, seed=args.seed)
    results = simulate(location, visitors, rules, history=history, progress=_Progress().say)
    figures = summary(location, results)
    try:
        _write(args, results, figures)
    except OSError as error:
        print(f"stationmaster: {error}", file=sys.stderr)
        return USAGE
    print(json.dumps(figures, indent=2))
    return OK


def _location(path: Path) -> ChargingLocation:
    """Return the location of a configuration; raise DemandError with every problem of it."""
    text = read_text(path)
    found: Config | tuple[Problem, ...] = (text,) if isinstance(text, Problem) else load(text, source=str(path))
    if isinstance(found, tuple):
        raise DemandError("\n".join(problem.text() for problem in found))
    return location_of(found, utc_ms=EPOCH_UTC_MS)


def _inputs(args: argparse.Namespace, location: ChargingLocation) -> tuple[list[Visitor], tuple[ev.StaysRestated, ...]]:
    with ExitStack() as files:
        visitors = list(read_demand(files.enter_context(open_text(args.demand)), location))
        if args.history is None:
            return visitors, ()
        return visitors, learned(location, read_history(files.enter_context(open_text(args.history))))


def _write(args: argparse.Namespace, results: Results, figures: dict[str, object]) -> None:
    if args.out is not None:
        with args.out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(RESULT_COLUMNS)
            writer.writerows(result_rows(results))
    if args.summary is not None:
        args.summary.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


class _Progress:
    """Says on standard error how far a long run is."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()

    def say(self, done: int, of: int) -> None:
        """Tell, now and then, how many days are done and how long the rest takes."""
        now = time.monotonic()
        if now - self._said < SAY_EVERY_S:
            return
        self._said = now
        left = (now - self._began) / done * (of - done)
        print(f"day {done} of {of}, about {left:.0f} s left", file=sys.stderr)
