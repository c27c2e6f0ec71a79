"""How fast people get a durable place in line over HTTP: 32 phones at once, each answer only after the disk has it.

The agent runs in a process of its own on a full site; the phones are kept connections in this one. Everybody types a
contract of the configuration, since presence codes allow few check-ins a minute on purpose, and comes from an address
of their own through a trusted proxy, since one address may ask only so much.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from .agent_process import AgentProcess, Phone, agent_process, config_text, contract_of, until
from .machine import fsync_ms, scratch

CLIENTS = 32
EACH = 15  # 480 people: the queue takes 500
ROUNDS = 3  # each with a fresh journal; the middle one by its rate is told
PER_SECOND = 1000
SLACK_MS = 20
SYNCS = 5
POOL = "CCS300"
EVSES = 6
Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One filling of an empty queue; times in milliseconds."""

    times_ms: list[float]
    took_s: float
    cpu_s: float
    fsync_ms: tuple[float, float]

    @property
    def per_second(self) -> float:
        """Check-ins in a second."""
        return len(self.times_ms) / self.took_s

    @property
    def p99_ms(self) -> float:
        """What one in a hundred waits longer than."""
        return quantiles(self.times_ms, n=100)[98]


def rows() -> Iterator[Row]:
    """Yield latency, rate and processor time of check-ins, and what a page costs on the way."""
    rounds = []
    with scratch() as folder:
        for number in range(ROUNDS):
            at = Path(folder) / str(number)
            at.mkdir()
            rounds.append(asyncio.run(_round(at)))
    found = sorted(rounds, key=lambda one: one.per_second)[ROUNDS // 2]
    sync_ms = found.fsync_ms[0]
    yield (
        f"check-in over HTTP, {CLIENTS} clients, queue 0 to {CLIENTS * EACH}: p99 (5 x fsync + {SLACK_MS} ms)",
        f"<= {SYNCS * sync_ms + SLACK_MS:.1f} ms",
        f"{found.p99_ms:.1f} ms p99, {median(found.times_ms):.1f} ms median; fsync {sync_ms:.2f} ms",
    )
    yield "check-in over HTTP: rate", f">= {PER_SECOND} /s", f"{found.per_second:.0f} /s"
    yield "check-in over HTTP: processor time of the agent", "-", f"{found.cpu_s / len(found.times_ms) * 1000:.2f} ms"


async def _round(folder: Path) -> Round:
    async with agent_process(folder, config_text(contracts=CLIENTS * EACH, trusted_proxies='["127.0.0.1"]')) as agent:
        await _occupy(agent)
        forms = await asyncio.gather(*(_forms(agent, client) for client in range(CLIENTS)))
        typical = fsync_ms(folder)
        cpu_s, began = agent.cpu_s(), time.perf_counter()
        times = await asyncio.gather(*(_join(agent, client, forms[client]) for client in range(CLIENTS)))
        took_s, cpu_s = time.perf_counter() - began, agent.cpu_s() - cpu_s
    return Round(times_ms=[one for some in times for one in some], took_s=took_s, cpu_s=cpu_s, fsync_ms=typical)


async def _occupy(agent: AgentProcess) -> None:
    """Cars without a plug stand in all bays, so that people queue."""
    async with Phone(agent.port) as phone:
        await until(lambda: _is_ready(phone))
        for evse in range(1, EVSES + 1):
            await phone.post(f"/twin/evse/{evse}/bay", b'{"occupied":true}')
        await until(lambda: _is_full(phone))


async def _is_ready(phone: Phone) -> bool:
    return (await phone.get("/health")).status == 200


async def _is_full(phone: Phone) -> bool:
    return (await phone.get("/metrics")).body.count(b'state="taken"} 1.0') == EVSES


def _address(client: int) -> str:
    return f"10.0.{client}.1"


async def _forms(agent: AgentProcess, client: int) -> list[str]:
    """Open as many check-in pages as there will be check-ins, and return their request ids."""
    async with Phone(agent.port, _address(client)) as phone:
        return [(await phone.get("/")).request_id for _ in range(EACH)]


async def _join(agent: AgentProcess, client: int, forms: list[str]) -> list[float]:
    times = []
    async with Phone(agent.port, _address(client)) as phone:
        for number, request_id in enumerate(forms):
            fields = {"request": request_id, "pool": POOL, "contract": contract_of(client * EACH + number)}
            began = time.perf_counter()
            answer = await phone.post("/check-in", fields)
            times.append((time.perf_counter() - began) * 1000)
            if answer.status != 303:
                raise RuntimeError(f"refused with {answer.status}:\n{answer.body.decode()[:3000]}")
    return times
