"""Measure against the budgets and print one table: `python -m tests.bench [--markdown] [name ...]`.

Each module `bench_<name>.py` here has `rows()`, which yields (figure, budget, measured) as text; the names on the
command line choose among them. The machine is described, for figures mean nothing without it. Nothing is asserted: a
figure over its budget is for people to judge. With --markdown it prints docs/benchmarks.md.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from .machine import machine
from .verdict import verdict

Row = tuple[str, str, str]
HERE = Path(__file__).parent
HEADINGS = ("figure", "budget", "this machine", "")
# bench modules use the fixtures of other tests: stations and Central Systems are written once.
FIXTURES = (HERE.parent, HERE.parent / "csms")

PREAMBLE = """\
# Benchmarks

Written by `make bench ARGS=--markdown > docs/benchmarks.md`; `make bench` prints the same table for your machine.
The budgets are for the agent on a Raspberry-Pi-class controller. **These figures are not from one**: they were measured
on the machine below, an x86 server whose cores other work shared. Processor times on a Raspberry Pi 4 are several times
these; memory and bytes written are about the same. Figures by the clock depend on the disk: see its fsync.

"over" is what the first number of the figure says against the budget, so that nobody has to look for it.
"""


def measured(names: list[str]) -> Iterator[Row]:
    """Yield the rows of the chosen modules, or of all."""
    for path in sorted(HERE.glob("bench_*.py")):
        if not names or path.stem.removeprefix("bench_") in names:
            yield from importlib.import_module(f"tests.bench.{path.stem}").rows()


def text(about: tuple[tuple[str, str], ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of the table for a terminal."""
    yield from (f"{what}: {how}" for what, how in about)
    yield ""
    table = [HEADINGS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADINGS))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def markdown(about: tuple[tuple[str, str], ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of docs/benchmarks.md."""
    yield PREAMBLE
    yield from (f"- {what}: {how}" for what, how in (*about, ("date", f"{datetime.now(UTC):%Y-%m-%d}")))
    yield ""
    for row in (HEADINGS, ("---",) * len(HEADINGS), *rows):
        yield f"| {' | '.join(row)} |"


def main(arguments: list[str]) -> None:
    """Measure, and print the machine and the table."""
    sys.path.extend(str(folder) for folder in FIXTURES)
    names = [argument for argument in arguments if not argument.startswith("-")]
    about = machine()
    rows = [(*row, verdict(row[1], row[2])) for row in measured(names)]
    lines = markdown(about, rows) if "--markdown" in arguments else text(about, rows)
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
