"""What an agent takes of the machine while nothing happens: memory, processor, disk; and until its first page."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from .agent_process import AgentProcess, Phone, agent_process, card_of, central_system, config_text, until
from .machine import scratch

MEMORY_MIB = 60
FIRST_PAGE_CPU_S = 1.0
IDLE_PERCENT = 1.0
STARTS = 3
SETTLE_S = 10.0
WATCHED_S = 20.0
EVSES = 6
Row = tuple[str, str, str]


def rows() -> Iterator[Row]:
    """Yield memory, processor time and bytes of an idle agent of six EVSEs, and of one whose cars all charge."""
    with scratch() as folder:
        yield asyncio.run(_first_page(Path(folder)))
        yield from asyncio.run(_idle(Path(folder)))
        yield asyncio.run(_demo(Path(folder)))


async def _first_page(folder: Path) -> Row:
    cpu, wall = [], []
    async with central_system() as office:
        for number in range(STARTS + 1):
            (folder / f"start-{number}").mkdir()
            async with agent_process(folder / f"start-{number}", config_text(csms_port=office.port)) as agent:
                await _page(agent)
                cpu.append(agent.cpu_s())
                wall.append(time.perf_counter() - agent.began_s)
    # The first start may still have had to compile.
    return (
        "start: processor time to the first served page",
        f"<= {FIRST_PAGE_CPU_S:.1f} s",
        f"{median(cpu[1:]):.2f} s median of {STARTS}, {median(wall[1:]):.2f} s by the clock",
    )


async def _idle(folder: Path) -> list[Row]:
    found: list[Row] = []
    (folder / "idle").mkdir()
    async with (
        central_system() as office,
        agent_process(folder / "idle", config_text(csms_port=office.port)) as agent,
    ):
        await _page(agent)
        await asyncio.sleep(SETTLE_S)
        found.append(_memory("memory: idle, 6 EVSEs, OCPP 1.6 up, web on, one page served", agent, MEMORY_MIB))
        percent, written = await _watched(agent)
        found.append(("idle: processor, 6 EVSEs, empty bays", f"<= {IDLE_PERCENT:g} %", f"{percent:.2f} % of one core"))
        found.append(("idle: bytes written in 20 s", "<= 0 bytes", f"{written} bytes"))
        await _all_charge(agent)
        await asyncio.sleep(SETTLE_S)
        percent, written = await _watched(agent)
        figure = "6 cars charge: processor, meters at 1 Hz, displays each second"
        found.append((figure, f"<= {IDLE_PERCENT:g} %", f"{percent:.2f} % of one core"))
        found.append(("6 cars charge: bytes written in 20 s, the twin's own file included", "-", f"{written} bytes"))
        found.append(_memory("6 cars charge: memory", agent, None))
    return found


async def _demo(folder: Path) -> Row:
    (folder / "demo").mkdir()
    async with agent_process(folder / "demo", config_text(), "demo") as agent:
        async with Phone(agent.port) as phone:
            for path in ("/", "/board", "/twin", "/twin/state", "/twin/display/1.png"):
                await phone.get(path)
        await asyncio.sleep(SETTLE_S)
        return _memory("memory: `stationmaster demo`, board and twin panel looked at", agent, None)


async def _page(agent: AgentProcess) -> None:
    async with Phone(agent.port) as phone:
        answer = await phone.get("/")
    if answer.status != 200:
        raise RuntimeError(f"the first page was answered {answer.status}")


async def _all_charge(agent: AgentProcess) -> None:
    """Plug a car in and show a card at each EVSE; return when energy flows at all of them."""
    async with Phone(agent.port) as phone:
        for evse in range(1, EVSES + 1):
            for deed, body in (
                ("drive_in", b'{"ev":{"battery_kwh":90,"soc_percent":10}}'),
                ("plug_in", b"{}"),
                ("swipe", b'{"id_token":"%s"}' % card_of(evse).encode()),
            ):
                answer = await phone.post(f"/twin/evse/{evse}/{deed}", body)
                if answer.status != 200:
                    raise RuntimeError(f"{deed} at {evse}: {answer.body.decode()}")
        await until(lambda: _energised(phone))


async def _energised(phone: Phone) -> bool:
    return (await phone.get("/twin/state")).body.count(b'"energised": true') == EVSES


async def _watched(agent: AgentProcess) -> tuple[float, int]:
    """Return the share of one core in percent, and the bytes written, over a while."""
    cpu_s, written = agent.cpu_s(), agent.written_bytes()
    await asyncio.sleep(WATCHED_S)
    return (agent.cpu_s() - cpu_s) / WATCHED_S * 100, agent.written_bytes() - written


def _memory(figure: str, agent: AgentProcess, budget_mib: int | None) -> Row:
    rss, pss = agent.memory_mib()
    return figure, "-" if budget_mib is None else f"<= {budget_mib} MiB", f"{rss:.1f} MiB resident, {pss:.1f} MiB PSS"
