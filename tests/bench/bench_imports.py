"""Where the start spends its processor time before a line of ours runs: importing, package by package."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

from .agent_process import environment
from .machine import ROOT

TOLD = 8
RUNS = 3  # the first may compile; the fastest counts
Row = tuple[str, str, str]


def rows() -> Iterator[Row]:
    """Yield the sum of all imports of `stationmaster run`, and the packages that take most of it."""
    found = min((_imports() for _ in range(RUNS)), key=lambda one: one.total())
    yield "imports of `stationmaster run`, as -X importtime has it", "-", f"{found.total() / 1000:.0f} ms"
    most = ", ".join(f"{name} {us / 1000:.0f} ms" for name, us in found.most_common(TOLD))
    yield f"the {TOLD} packages that take most of it", "-", most


def _imports() -> Counter[str]:
    """Return microseconds of each package without what it imports; ours one floor deeper."""
    command = [sys.executable, "-X", "importtime", "-c", "import agent.cli.run"]
    said = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stderr
    found: Counter[str] = Counter()
    for line in said.splitlines():
        own_us, _, name = line.removeprefix("import time:").split("|")
        if own_us.strip().isdigit():
            parts = name.strip().split(".")
            found[".".join(parts[:2]) if parts[0] == "agent" else parts[0]] += int(own_us)
    return found
