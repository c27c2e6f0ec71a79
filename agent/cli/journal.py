"""`stationmaster journal list|verify|export`: reads the stored history, also while the agent runs; never writes.

Exit codes: 0 fine, 1 `verify` found damage or there is no journal, 2 wrong usage.
"""

import argparse
import sys
from pathlib import Path

from agent.cli import COMMANDS, FAILED, OK, Subparsers
from agent.cli.serving import STATE_DIR
from agent.journal.errors import JournalError
from agent.journal.export import export_lines, list_lines, verify_files

NAME = "journal"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    about = COMMANDS[NAME].help
    parser = subparsers.add_parser(NAME, help=about, description=f"{about.capitalize()}.")
    parser.add_argument(
        "deed", choices=["list", "verify", "export"], help="a line for each event, a check, or JSON lines"
    )
    parser.add_argument("--state-dir", metavar="DIR", type=Path, default=STATE_DIR, help="default %(default)s")
    parser.add_argument("--after", metavar="N", type=int, default=0, help="only events behind this number")
    parser.add_argument("--kind", metavar="NAME", help="with list: only events of this kind, e.g. CheckedIn")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List, verify or export; return the exit code."""
    try:
        return _verify(args.state_dir) if args.deed == "verify" else _print(args)
    except JournalError as error:
        print(f"stationmaster: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"stationmaster: {error.filename or args.state_dir}: {error.strerror or error}", file=sys.stderr)
        return FAILED


def _print(args: argparse.Namespace) -> int:
    listing = args.deed == "list"
    lines = list_lines(args.state_dir, after=args.after, kind=args.kind) if listing else None
    for line in lines if lines is not None else export_lines(args.state_dir, after=args.after):
        print(line)
    return OK


def _verify(state_dir: Path) -> int:
    report = verify_files(state_dir)
    for fault in report.faults:
        print(fault)
    print(f"{state_dir}: {'ok' if report.ok else 'DAMAGED'}, {report.events} events checked")
    return OK if report.ok else FAILED
