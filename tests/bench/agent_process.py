"""A whole agent in a process of its own, as a site runs it, watched through /proc from outside.

Starts `stationmaster run` or `demo` on a real journal, with six twin EVSEs, and if wanted a Central System beside it.
"""

import asyncio
import logging
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from csms_fixtures import Office

from agent.config.load import demo_text

from .machine import ROOT, SCRATCH

START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
LOOK_S = 0.1
_SERVES = re.compile(rb"state=running .* address=[^ ]*:(\d+)")


def config_text(*, csms_port: int | None = None, contracts: int = 0, **web: str) -> str:
    """Return the demonstration site as a configuration for `run`, in TOML.

    `contracts` are so many of `contract_of`, which check in without the digits of a display; `web` are keys of [web].
    """
    web_keys = "".join(f"{key} = {value}\n" for key, value in web.items())
    text = demo_text().replace("evses = [3, 4]\n", "evses = [3, 4]\nqueue_limit = 500\n")
    if contracts:
        text = text.replace('unknown = "accept"', 'unknown = "refuse"')
        text += "".join(f'\n[[authorisation.token]]\nid = "{contract_of(number)}"\n' for number in range(contracts))
    text += f"\n[web]\nport = 0\n{web_keys}"
    if csms_port is not None:
        text += f'\n[csms]\nurl = "ws://127.0.0.1:{csms_port}/ocpp"\nidentity = "NORD-1"\n'
    return text


@dataclass(slots=True)
class AgentProcess:
    """A running agent; `began_s` is when its process was started, by time.perf_counter."""

    pid: int
    port: int
    began_s: float

    def cpu_s(self) -> float:
        """Return the processor time that all its threads took so far, in seconds."""
        return time.clock_gettime((~self.pid << 3) | 2)  # as clock_getcpuclockid(3) makes it: of another process

    def memory_mib(self) -> tuple[float, float]:
        """Return resident and proportional set size."""
        lines = Path(f"/proc/{self.pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kib["Rss"] / 1024, kib["Pss"] / 1024

    def written_bytes(self) -> int:
        """Return how much it caused to be written to disks."""
        lines = Path(f"/proc/{self.pid}/io").read_text("ascii").splitlines()
        return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])


@asynccontextmanager
async def agent_process(folder: Path, text: str, command: str = "run") -> AsyncIterator[AgentProcess]:
    """Run an agent on a folder for the length of the block; returns when it serves."""
    config = folder / "site.toml"
    config.write_text(text, "utf-8")
    arguments = ["-m", "agent", command, "--config", str(config), "--state-dir", str(folder / "state")]
    if command == "demo":
        arguments += ["--port", "0"]
    began_s = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env=environment(),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    reading: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(START_LIMIT_S):
            port = await _port(process.stderr)
        reading = asyncio.ensure_future(process.stderr.read())  # so that it never waits for us to read its log
        yield AgentProcess(process.pid, port, began_s)
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        if reading is not None:
            await reading


def environment() -> dict[str, str]:
    """The environment of an installed agent: its modules are compiled, as pip leaves them, whatever ours says."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**ours, "PYTHONPYCACHEPREFIX": str(SCRATCH / "bytecode")}


async def _port(log: asyncio.StreamReader) -> int:
    said = b""
    while line := await log.readline():
        said += line
        found = _SERVES.search(line)
        if found:
            return int(found[1])
    raise RuntimeError(f"the agent did not start:\n{said.decode(errors='replace')}")


@asynccontextmanager
async def central_system() -> AsyncIterator[Office]:
    """A Central System that accepts the station and the cards of `card_of`."""
    logging.getLogger("ocpp").setLevel(logging.CRITICAL)  # its package logs what it does not know, e.g. DataTransfer
    office = Office(utc_ms=lambda: time.time_ns() // 1_000_000)
    office.tags |= {card_of(evse): "Accepted" for evse in range(1, 7)}
    await office.open()
    try:
        yield office
    finally:
        await office.close()


def contract_of(number: int) -> str:
    """Return a contract that the configuration names."""
    return f"DE8AAC{number:08d}"


def card_of(evse: int) -> str:
    """Return the card that charges at an EVSE."""
    return f"CARD{evse:04d}"


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return when something holds in the other process; TimeoutError if it never does."""
    async with asyncio.timeout(START_LIMIT_S):
        while not await holds():  # noqa: ASYNC110 - another process, which tells nobody
            await asyncio.sleep(LOOK_S)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of the web server."""

    status: int
    head: str
    body: bytes

    def header(self, name: str) -> str:
        """Return a header that must be there."""
        found = re.search(rf"(?im)^{name}: (.*?)\r?$", self.head)
        if found is None:
            raise RuntimeError(f"{self.status} without {name}: {self.body[:500].decode(errors='replace')}")
        return found[1]

    @property
    def request_id(self) -> str:
        """The request id of the first form on the page."""
        found = re.search(rb'name="request" value="([^"]+)"', self.body)
        if found is None:
            raise RuntimeError(f"{self.status} without a form: {self.body[:500].decode(errors='replace')}")
        return found[1].decode()


class Phone:
    """One kept connection to the web server; cheap, so that the server is what is measured."""

    def __init__(self, port: int, address: str = "") -> None:
        """`address` is where it says to come from, for a server that trusts us as a proxy."""
        self._port = port
        self._forwarded = f"X-Forwarded-For: {address}\r\n" if address else ""
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Phone":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def get(self, path: str) -> Answered:
        """Ask for an address, uncompressed."""
        return await self._ask(f"GET {path} HTTP/1.1\r\n", b"")

    async def post(self, path: str, fields: Mapping[str, str] | bytes) -> Answered:
        """Send a form, or a body of JSON."""
        form = not isinstance(fields, bytes)
        body = urlencode(fields).encode() if not isinstance(fields, bytes) else fields
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        return await self._ask(f"POST {path} HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n", body)

    async def _ask(self, begin: str, body: bytes) -> Answered:
        head = f"{begin}Host: 127.0.0.1:{self._port}\r\n{self._forwarded}\r\n"
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"(?i)\r\ncontent-length: (\d+)", answer)
        content = await self._reader.readexactly(int(length[1])) if length else b""
        return Answered(int(answer.split(" ", 2)[1]), answer, content)
