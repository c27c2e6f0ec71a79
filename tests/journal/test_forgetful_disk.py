"""The disk that forgets, by itself: a test tool that keeps too much would prove nothing."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from cut_bench import ForgetfulDisk, child_environment

SCRIPT = """
import os, sys
os.chdir(sys.argv[1])
def put(name, data, sync):
    with open(name, "r+b" if os.path.exists(name) else "wb") as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())
def sync_folder(name):
    folder = os.open(name, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
put("kept", b"old", True)
put("unsynced-bytes", b"x" * 2000, False)
os.mkdir("folder")
put("folder/nameless", b"synced, but its name is not", True)
put("renamed", b"was renamed", True)
os.rename("renamed", "stays renamed")
put("gone", b"", True)
os.unlink("gone")
sync_folder(".")
put("kept", b"new and longer", False)
put("late", b"synced after its folder was", True)
os.rename("stays renamed", "renamed again")
os.unlink("unsynced-bytes")
os._exit(0)
"""


@pytest.fixture
def disk(tmp_path: Path) -> ForgetfulDisk:
    disk = ForgetfulDisk(tmp_path / "disk", tmp_path / "tools")
    command = [sys.executable, "-c", SCRIPT, str(disk.root)]
    subprocess.run(command, check=True, env=child_environment(disk.environment()))
    return disk


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_without_luck_only_what_was_synced_is_left(disk: ForgetfulDisk) -> None:
    assert "renamed again" in content(disk.root), "the process itself sees everything"
    cut = disk.cut()
    assert content(disk.root) == {"kept": b"old", "unsynced-bytes": b"", "stays renamed": b"was renamed"}
    assert (disk.root / "folder").is_dir()
    assert cut.forgotten == 2


def test_with_luck_unsynced_writes_survive_whole_torn_or_not_at_all(tmp_path: Path) -> None:
    seen: set[bytes] = set()
    names: set[frozenset[str]] = set()
    disk = ForgetfulDisk(tmp_path / "disk", tmp_path / "tools")
    script = "import os, sys; os.chdir(sys.argv[1]); open('a', 'r+b').write(b'n' * 1024); open('b', 'wb'); os._exit(0)"
    for seed in range(25):
        (disk.root / "a").write_bytes(b"o" * 1024)
        (disk.root / "b").unlink(missing_ok=True)
        disk.adopt()
        subprocess.run(
            [sys.executable, "-c", script, str(disk.root)], check=True, env=child_environment(disk.environment())
        )
        disk.cut(random.Random(seed))
        seen.add(content(disk.root)["a"])
        names.add(frozenset(content(disk.root)))
    old, new = b"o" * 512, b"n" * 512
    assert seen == {old + old, new + new, old + new, new + old}
    assert names == {frozenset("a"), frozenset("ab")}
