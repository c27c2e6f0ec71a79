"""`stationmaster example-config`: prints a complete configuration with comments, ready to be edited.

Touches standard output only. Exit code 0.
"""

import argparse
import sys

from agent.cli import COMMANDS, OK, Subparsers
from agent.config.example import example_toml

NAME = "example-config"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    about = COMMANDS[NAME].help
    parser = subparsers.add_parser(NAME, help=about, description=f"{about.capitalize()}.")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the example."""
    del args
    sys.stdout.write(example_toml())
    return OK
