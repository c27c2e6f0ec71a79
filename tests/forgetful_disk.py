"""A disk that forgets what was not synced: run any process on a folder, kill it, and get the folder as a power cut
would have left it. Needs neither root nor FUSE.

    disk = ForgetfulDisk(tmp_path / "state", tmp_path / "tools")
    child = subprocess.Popen([...], env={**os.environ, **disk.environment()})
    ... child.kill(); child.wait()
    disk.cut(random.Random(7))      # the folder now holds what was synced, and by chance some of what was not

forgetful_disk.c, loaded into the process, notes every write, sync and change of a folder. `cut` replays the notes:
a file keeps its bytes as of its last sync, a folder its names as of its last sync (strictly: syncing a file does not
keep its name). With a random generator, unsynced writes survive whole, torn at sectors, or out of order; without one,
none does. Writes through mmap are not seen: SQLite's -shm is left out, it is rebuilt at every start.
"""

import random
import shutil
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SECTOR_BYTES = 512  # what a device writes whole or not at all
SOURCE = Path(__file__).with_name("forgetful_disk.c")
NOTE = struct.Struct("=IIQQQ")
WRITE, TRUNCATE, SYNC, CREATE, RENAME, UNLINK, MAKE_FOLDER, REMOVE_FOLDER, FORGET = range(1, 10)


@dataclass(slots=True, eq=False)
class File:
    """A file: what is on the disk, and what was written since its last sync."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)  # offset and bytes, or new size and None


@dataclass(slots=True, eq=False)
class Folder:
    """A folder: its names on the disk, and its names as the process sees them."""

    durable: "dict[str, File | Folder]" = field(default_factory=dict)
    now: "dict[str, File | Folder]" = field(default_factory=dict)


Node = File | Folder
Change = tuple[tuple[Folder, str, Node | None], ...]  # names set or removed together


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What a power cut did."""

    writes: int  # noted since the last cut
    syncs: int
    forgotten: int  # writes that had not been synced


class ForgetfulDisk:
    """One folder on a disk that forgets, and the tools beside it."""

    def __init__(self, root: Path, tools: Path) -> None:
        """Compile the shim into `tools`; skips the test with a reason if there is no C compiler."""
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            pytest.skip("forgetful disk: no C compiler (apt install gcc)")
        root.mkdir(parents=True, exist_ok=True)
        tools.mkdir(parents=True, exist_ok=True)
        self.root, self._log, self._shim = root.resolve(), tools / "disk.log", tools / "forgetful_disk.so"
        command = [compiler, "-shared", "-fPIC", "-O1", "-pthread", "-o", str(self._shim), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)
        self._files: dict[int, File] = {}
        self._tree = self._scan(self.root)

    def environment(self, *, capacity_bytes: int | None = None) -> dict[str, str]:
        """What a process needs in its environment to run on this disk."""
        limit = {} if capacity_bytes is None else {"FORGETFUL_CAPACITY": str(capacity_bytes)}
        return {
            "LD_PRELOAD": str(self._shim.resolve()),
            "FORGETFUL_ROOT": str(self.root),
            "FORGETFUL_LOG": str(self._log.resolve()),
            **limit,
        }

    @property
    def fail_next_sync(self) -> Path:
        """Create this file and the next sync fails with EIO, once; what it should have synced is forgotten."""
        return self._log.with_name(f"{self._log.name}.eio").resolve()

    @property
    def read_only(self) -> Path:
        """While this file exists every write and sync fails with EROFS."""
        return self._log.with_name(f"{self._log.name}.rofs").resolve()

    def cut(self, generator: random.Random | None = None) -> Cut:
        """Leave in the folder what the power cut leaves; call it when no process uses the folder any more."""
        changes: list[Change] = []
        counts = dict.fromkeys(range(1, 10), 0)
        for op, path, inode, offset, data in self._notes():
            counts[op] += 1
            self._replay(op, path, inode, offset, data, changes)
        forgotten = sum(len(file.pending) for file in set(self._files.values()))
        if generator is not None:
            for change in changes[: generator.randint(0, len(changes))]:
                _apply(change)
            for file in self._files.values():
                _keep_some(file, generator)
        shutil.rmtree(self.root)
        _materialise(self._tree, self.root)
        self._log.unlink(missing_ok=True)
        self.adopt()
        return Cut(writes=counts[WRITE], syncs=counts[SYNC], forgotten=forgotten)

    def adopt(self) -> None:
        """Take what is in the folder now, put there by somebody else, as synced."""
        self._files = {}
        self._tree = self._scan(self.root)

    def _notes(self) -> list[tuple[int, str, int, int, bytes]]:
        data = self._log.read_bytes() if self._log.exists() else b""
        notes, at = [], 0
        while at + NOTE.size <= len(data):
            op, path_bytes, inode, offset, size = NOTE.unpack_from(data, at)
            at += NOTE.size
            path = data[at : at + path_bytes].decode()
            at += path_bytes
            size = size if op in (WRITE, RENAME) else 0
            notes.append((op, path, inode, offset, data[at : at + size]))
            at += size
        return notes

    def _replay(self, op: int, path: str, inode: int, offset: int, data: bytes, changes: list[Change]) -> None:
        if op == WRITE:
            self._files.setdefault(inode, File()).pending.append((offset, data))
        elif op == TRUNCATE:
            self._files.setdefault(inode, File()).pending.append((offset, None))
        elif op == FORGET:
            self._files.setdefault(inode, File()).pending.clear()
        elif op == SYNC:
            self._sync(path, inode, changes)
        else:
            self._change(op, path, inode, data, changes)

    def _sync(self, path: str, inode: int, changes: list[Change]) -> None:
        folder = self._at(path)
        if not isinstance(folder, Folder):
            file = self._files.setdefault(inode, File())
            for offset, data in file.pending:
                _write(file.durable, offset, data)
            file.pending.clear()
            return
        for change in [change for change in changes if any(part[0] is folder for part in change)]:
            _apply(change)
            changes.remove(change)

    def _change(self, op: int, path: str, inode: int, data: bytes, changes: list[Change]) -> None:
        folder, name = self._parent(path)
        change: Change
        if op == RENAME:
            target, new_name = self._parent(data.decode())
            change = ((folder, name, None), (target, new_name, folder.now[name]))
        elif op == CREATE:
            self._files[inode] = File()
            change = ((folder, name, self._files[inode]),)
        else:
            change = ((folder, name, Folder() if op == MAKE_FOLDER else None),)
        for where, what, node in change:
            _set(where.now, what, node)
        changes.append(change)

    def _at(self, path: str) -> Node | None:
        node: Node | None = self._tree
        for part in Path(path).relative_to(self.root).parts:
            node = node.now.get(part) if isinstance(node, Folder) else None
        return node

    def _parent(self, path: str) -> tuple[Folder, str]:
        folder = self._at(str(Path(path).parent))
        assert isinstance(folder, Folder), f"{path}: its folder was never noted"
        return folder, Path(path).name

    def _scan(self, path: Path) -> Folder:
        folder = Folder()
        for entry in sorted(path.iterdir()):
            node: Node
            if entry.is_dir():
                node = self._scan(entry)
            else:
                node = self._files[entry.stat().st_ino] = File(durable=bytearray(entry.read_bytes()))
            folder.durable[entry.name] = folder.now[entry.name] = node
        return folder


def _set(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _apply(change: Change) -> None:
    for folder, name, node in change:
        _set(folder.durable, name, node)


def _write(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data


def _keep_some(file: File, generator: random.Random) -> None:
    """Let some unsynced writes reach the disk: none, a prefix with its last one torn, or any, in any places."""
    luck = generator.random()
    if luck < 1 / 3:
        return
    if luck < 2 / 3:
        kept = generator.randint(0, len(file.pending))
        for offset, data in file.pending[:kept]:
            _write(file.durable, offset, data)
        rest = file.pending[kept : kept + 1]
    else:
        rest = file.pending
    for offset, data in rest:
        if data is None:
            _write(file.durable, offset, data)
            continue
        start = 0
        while start < len(data):
            end = min(len(data), (offset + start) // SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - offset)
            if generator.random() < 1 / 2:
                _write(file.durable, offset + start, data[start:end])
            start = end


def _materialise(folder: Folder, path: Path) -> None:
    path.mkdir()
    for name, node in folder.durable.items():
        if isinstance(node, Folder):
            _materialise(node, path / name)
        elif not name.endswith("-shm"):
            (path / name).write_bytes(node.durable)
