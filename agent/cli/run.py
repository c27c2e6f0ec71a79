"""`stationmaster run --config FILE`: runs the agent of a site until it is told to stop.

Exit codes: 0 stopped, 1 it could not start or a part failed (said on standard error), 2 the file cannot be read.
"""

import argparse
from pathlib import Path

from agent.app import Options
from agent.cli import COMMANDS, Subparsers
from agent.cli.serving import STATE_DIR, configuration, run_until_stopped

NAME = "run"


def add_parser(subparsers: Subparsers) -> None:
    """Add the command's parser."""
    about = COMMANDS[NAME].help
    parser = subparsers.add_parser(NAME, help=about, description=f"{about.capitalize()}.")
    parser.add_argument("--config", metavar="FILE", type=Path, required=True, help="the configuration, a TOML file")
    parser.add_argument(
        "--state-dir", metavar="DIR", type=Path, default=STATE_DIR, help=f"journal and keys; default {STATE_DIR}"
    )
    parser.add_argument(
        "--trust-clock", action="store_true", help="this machine's clock is right, though the last event is later"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the agent; return the exit code."""
    config = configuration(args.config)
    if isinstance(config, int):
        return config
    return run_until_stopped(Options(config=config, state_dir=args.state_dir, trust_clock=args.trust_clock))
