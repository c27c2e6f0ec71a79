"""What the figures were measured on, and what one durable write costs there.

Reads /proc, and writes a scratch file beside the checkout, so that the disk measured is the disk used.
"""

import os
import platform
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).parents[2]
SCRATCH = ROOT / "build"  # in .gitignore; /tmp is often memory, where a sync costs nothing
PAGE = bytes(4096)  # one frame of the write-ahead log, about
SYNCS = 200


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder on a real disk that goes away with its block."""
    SCRATCH.mkdir(exist_ok=True)
    return tempfile.TemporaryDirectory(dir=SCRATCH, prefix="bench-")


def fsync_ms(folder: Path, syncs: int = SYNCS) -> tuple[float, float]:
    """Return median and 99th percentile of appending one page and making it durable, in milliseconds."""
    file = os.open(folder / "fsync", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    times = []
    try:
        for _ in range(syncs):
            os.write(file, PAGE)
            began = time.perf_counter()
            os.fdatasync(file)
            times.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(file)
    return median(times), quantiles(times, n=100)[98]


def machine() -> tuple[tuple[str, str], ...]:
    """Return (what, how it is here) of everything that the figures depend on."""
    model = _value("/proc/cpuinfo", "Model") or _value("/proc/cpuinfo", "model name") or platform.machine()
    memory_kib = int((_value("/proc/meminfo", "MemTotal") or "0 kB").split()[0])
    with scratch() as folder:
        typical, slow = fsync_ms(Path(folder))
    return (
        ("processor", f"{model} ({platform.machine()}), {len(os.sched_getaffinity(0))} cores for us"),
        ("memory", f"{memory_kib / 2**20:.1f} GiB"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        ("disk", _disk(ROOT)),
        ("fsync of 4 KiB", f"{typical:.2f} ms median, {slow:.2f} ms p99"),
        ("load when the run began", f"{os.getloadavg()[0]:.1f}"),
    )


def _disk(path: Path) -> str:
    """Return file system and device of a path."""
    found = ("", "unknown", "unknown")
    for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
        device, at, kind = line.split()[:3]
        if path.is_relative_to(at) and len(at) >= len(found[0]):
            found = (at, kind, device)
    return f"{found[1]} on {found[2]}"


def _value(path: str, key: str) -> str | None:
    """Return the value of the first `key: value` line of a file, or None."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key), None)
