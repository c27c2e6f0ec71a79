"""Measure against the budgets and print one table: `python -m tests.bench [name ...]`.

Each module `bench_<name>.py` here has `rows()`, which yields (figure, budget, measured) as text; the names on the
command line choose among them. The machine is named, for figures mean nothing without it. Nothing is asserted: a
figure over its budget is for people to judge.
"""

import importlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

Row = tuple[str, str, str]
HERE = Path(__file__).parent


def machine() -> str:
    """Return what the figures were measured on: model, cores, memory, system, Python."""
    model = _first_line("/proc/cpuinfo", "Model") or _first_line("/proc/cpuinfo", "model name") or platform.machine()
    memory_kib = int((_first_line("/proc/meminfo", "MemTotal") or "0 kB").split()[0])
    cores = len(os.sched_getaffinity(0))
    system = f"{platform.system()} {platform.release()}"
    return f"{model}, {cores} cores, {memory_kib / 2**20:.1f} GiB; {system}; Python {platform.python_version()}"


def _first_line(path: str, key: str) -> str | None:
    """Return the value of the first `key: value` line of a file, or None."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), None)


def measured(names: list[str]) -> Iterator[Row]:
    """Yield the rows of the chosen modules, or of all."""
    for path in sorted(HERE.glob("bench_*.py")):
        if not names or path.stem.removeprefix("bench_") in names:
            yield from importlib.import_module(f"tests.bench.{path.stem}").rows()


def main(names: list[str]) -> None:
    """Print the machine and the table."""
    print(machine())
    rows = [("figure", "budget", "this machine"), *measured(names)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
