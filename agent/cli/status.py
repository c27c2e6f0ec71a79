"""`stationmaster status`: asks the running agent how the site, its devices and its links are.

Asks over loopback HTTP, so it sees what the agent sees. Exit codes: 0 answered, 1 no agent answers or nobody is known.
"""

import argparse
import http.client
import json
import sys
import urllib.error
import urllib.request
from typing import Any

from agent.cli import COMMANDS, FAILED, OK, Subparsers
from agent.journal.export import escaped

TIMEOUT_S = 5.0
ADDRESS = "http://127.0.0.1:8080"


def ask(address: str, path: str) -> Any:
    """Return the JSON answer of a running agent.

    OSError when none answers, or somebody else does; LookupError when it knows nothing.
    """
    if not address.startswith(("http://", "https://")):
        raise OSError(f"{address}: an address begins with http:// or https://")
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}{path}", timeout=TIMEOUT_S) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise LookupError(f"{address}{path}: HTTP {error.code}") from error
    except (ValueError, http.client.HTTPException) as error:
        raise OSError(f"something else answers there: {error}") from error


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add the options that every question to a running agent has."""
    parser.add_argument("--address", default=ADDRESS, help="where the agent's web server listens; default %(default)s")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    about = COMMANDS["status"].help
    parser = subparsers.add_parser("status", help=about, description=f"{about.capitalize()}.")
    add_address(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print how the site is; return the exit code."""
    try:
        status = ask(args.address, "/status")
    except (OSError, LookupError) as error:
        print(f"stationmaster: no agent answers at {args.address}: {error}", file=sys.stderr)
        return FAILED
    if args.json:
        print(json.dumps(status, indent=2))
        return OK
    for line in _lines(status):
        print(escaped(line))
    return OK


def _lines(value: Any, indent: str = "") -> list[str]:
    """Return nested data as indented lines a person can read."""
    lines: list[str] = []
    if not isinstance(value, dict | list):
        return [f"{indent}{value}"]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        if isinstance(part, dict | list) and part:
            lines.append(f"{indent}{key}:")
            lines += _lines(part, indent + "  ")
        else:
            lines.append(f"{indent}{key}: {'-' if part in (None, [], {}) else part}")
    return lines
