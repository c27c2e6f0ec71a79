"""What a page costs the agent's processor, request and answer included, with twenty people in line."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from .agent_process import AgentProcess, Phone, agent_process, config_text, contract_of
from .machine import scratch

WAITING = 20
TIMES = 200
Row = tuple[str, str, str]


def rows() -> Iterator[Row]:
    """Yield the processor time of each page."""
    with scratch() as folder:
        yield from asyncio.run(_pages(Path(folder)))


async def _pages(folder: Path) -> list[Row]:
    async with agent_process(folder, config_text(contracts=WAITING, trusted_proxies='["127.0.0.1"]')) as agent:
        async with Phone(agent.port) as phone:
            own = [await _checked_in(phone, number) for number in range(WAITING)]
        pages = (
            ("check-in page", "/", "10.0.0.1"),
            ("own page, last in line", own[-1], "10.0.0.2"),
            ("own page's state, as polled", f"{own[-1]}/state", "10.0.0.3"),
            ("board", "/board", "10.0.0.4"),
            ("status, for this machine only", "/status", ""),
            ("metrics, for this machine only", "/metrics", ""),
        )
        return [(f"page: {name}", "-", await _cost(agent, path, address)) for name, path, address in pages]


async def _checked_in(phone: Phone, number: int) -> str:
    """Check somebody in and return their own page."""
    request_id = (await phone.get("/")).request_id
    fields = {"request": request_id, "pool": "CCS300", "contract": contract_of(number)}
    return (await phone.post("/check-in", fields)).header("Location")


async def _cost(agent: AgentProcess, path: str, address: str) -> str:
    """Ask for a page again and again, from an address of its own, since one may ask only so much."""
    async with Phone(agent.port, address) as phone:
        size = len((await phone.get(path)).body)
        cpu_s = agent.cpu_s()
        for _ in range(TIMES):
            if (answer := await phone.get(path)).status != 200:
                raise RuntimeError(f"{path} was answered {answer.status}")
        return f"{(agent.cpu_s() - cpu_s) / TIMES * 1000:.2f} ms of processor, {size} bytes"
