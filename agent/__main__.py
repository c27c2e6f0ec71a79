"""`stationmaster` and `python -m agent`: finds the command and runs it.

Imports only the module of the command that was asked for, so that help and small commands answer at once.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from agent.cli import COMMANDS


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; wrong usage ends with SystemExit(2), as argparse has it."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    named = next((argument for argument in arguments if not argument.startswith("-")), None)
    args = _parser(named, with_version="--version" in arguments).parse_args(arguments)
    try:
        code: int = args.run(args)
    except BrokenPipeError:  # the reader of our output has gone, e.g. `| head`
        sys.stderr.close()
        return 0
    return code


def _parser(named: str | None, *, with_version: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stationmaster", description="Runs an EV-charging site: queue, bookings, lamps, displays, OCPP."
    )
    parser.add_argument("--version", action="version", version=_version() if with_version else "")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        if name == named:
            importlib.import_module(command.module).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=command.help)
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"stationmaster {version('stationmaster')}"
    except PackageNotFoundError:
        return "stationmaster, not installed"


if __name__ == "__main__":
    sys.exit(main())
