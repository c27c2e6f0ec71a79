"""The command line: arguments in, exit codes out. Each command is a module of its own, loaded only when it is called.

A module has `add_parser(subparsers)`, which adds its parser and sets `run` as default, and `run(args) -> int`. Exit
codes: 0 done, 1 not as it should be (said on standard output or error), 2 wrong usage or an unreadable file.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

OK = 0
FAILED = 1
USAGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command: the module that has it, and one line of help that needs no import."""

    module: str
    help: str


COMMANDS: Mapping[str, Command] = {
    "check-config": Command(
        module="agent.cli.check_config", help="tell everything that is wrong in a configuration file"
    ),
    "example-config": Command(module="agent.cli.example_config", help="print a complete configuration with comments"),
    "run": Command(module="agent.cli.run", help="run the agent of a site"),
    "demo": Command(module="agent.cli.demo", help="run a complete simulated site, to be tried out with a browser"),
    "status": Command(module="agent.cli.status", help="tell how the running agent and its devices are"),
    "explain": Command(module="agent.cli.explain", help="tell why somebody in line waits, bay by bay"),
    "simulate": Command(module="agent.cli.simulate", help="try the rules of a site on a demand, without hardware"),
    "journal": Command(module="agent.cli.journal", help="list, verify or export the stored history"),
}
"""The commands in the order of the help. A new one is a line here and a module."""

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
