"""`stationmaster explain CODE`: one sentence for each bay on why a CheckIn waits for it, or what it holds.

Asks the running agent over loopback HTTP. Exit codes: 0 answered, 1 no agent answers or the code is not known.
"""

import argparse
import json
import sys
import urllib.parse

from agent.cli import COMMANDS, FAILED, OK, Subparsers
from agent.cli.status import add_address, ask
from agent.journal.export import escaped

NAME = "explain"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    about = COMMANDS[NAME].help
    parser = subparsers.add_parser(NAME, help=about, description=f"{about.capitalize()}.")
    parser.add_argument("check_in", metavar="CODE", help="the call code, such as K7, or the number of the CheckIn")
    add_address(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the explanation; return the exit code."""
    code = args.check_in.replace(" ", "").replace("-", "").upper()
    try:
        answer = ask(args.address, f"/explain/{urllib.parse.quote(code, safe='')}")
    except LookupError:
        print(f"stationmaster: nobody here has the code {escaped(code)} now", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"stationmaster: no agent answers at {args.address}: {error}", file=sys.stderr)
        return FAILED
    if args.json:
        print(json.dumps(answer, indent=2))
        return OK
    for sentence in answer["sentences"]:
        print(escaped(str(sentence)))
    return OK
