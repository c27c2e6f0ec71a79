"""What one visit costs the memory card: from check-in to departure, with thirty meter samples, a minute each.

Samples stay in memory; every five minutes the register is noted and told to the Central System (agent/devices).

Counts what this process causes to be written (write_bytes in /proc/self/io: whole pages, log, checkpoints and trimming
included) while a runner, a real journal and the OCPP 1.6 station work, time in our hands. The twin is left out, since
its own file would be counted.
"""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

from csms_fixtures import UTC_MS, Agent, Office, agent

from agent.core.inputs import BaySeen, JoinQueue, TokenPresented, Verdict
from agent.core.layout import EvseId, Now, PoolId
from agent.core.site import Step
from agent.core.state import Bay, Origin
from agent.devices.evse_inputs import CHECKPOINT_S
from agent.journal.turn import PutReceipt
from agent.kernel.inbox import Conclusion
from drivers.twin.clock import ManualClock

from .machine import scratch

BUDGET_KIB = 120
VISITS = 60  # several checkpoints and a snapshot among them
SAMPLES = 30
SAMPLE_S = 60
NOTED_EVERY = round(CHECKPOINT_S / SAMPLE_S)
EVSE = EvseId(1)
Row = tuple[str, str, str]


def rows() -> Iterator[Row]:
    """Yield the bytes that one visit causes to be written, and those of an hour with nothing to do."""
    with scratch() as folder:
        visit, events, idle = asyncio.run(_measured(Path(folder)))
    yield (
        f"bytes written per visit, {SAMPLES} samples included, CSMS up",
        f"<= {BUDGET_KIB} KiB",
        f"{visit / 1024:.1f} KiB, {events:.0f} events, mean of {VISITS}",
    )
    yield "bytes written in a quiet hour, CSMS up", "<= 0 bytes", f"{idle} bytes"


async def _measured(folder: Path) -> tuple[float, float, int]:
    clock = ManualClock()
    office = Office(utc_ms=lambda: UTC_MS + round(clock.monotonic() * 1000))
    office.tags |= {"ANNA": "Accepted"}
    await office.open()
    try:
        async with agent(folder / "state", clock, office.port) as one:
            await one.online()
            await _visit(one, 0)  # tables and cache as on any later day
            await one.journal.checkpoint()
            written = _written()
            await one.wait(3600)
            idle = _written() - written
            written, head = _written(), one.journal.head
            for number in range(1, VISITS + 1):
                await _visit(one, number)
            await one.journal.checkpoint()
            visit, events = (_written() - written) / VISITS, (one.journal.head - head) / VISITS
            return visit, events, idle
    finally:
        await office.close()


async def _visit(one: Agent, number: int) -> None:
    """Check in at the page, be called, come, start with a card, charge, leave."""
    device = one.subjects.of("device", secrets.token_hex(16))
    token = one.subjects.of("token", "ANNA")

    def conclude(_: Step, now: Now) -> Conclusion:
        receipt = PutReceipt(
            source="page",
            request_id=secrets.token_hex(12),
            digest=secrets.token_bytes(32),
            answer=b'{"check_in":1}',
            elapsed_ms=now.elapsed_ms,
        )
        return Conclusion(None, (*device.writes, *token.writes, receipt))

    asked = JoinQueue(pool=PoolId("AC"), draw=number, origin=Origin.PAGE, device=device.ref, subjects=(token.ref,))
    answer = await one.runner.ask(asked, conclude)
    if answer.step is None or answer.step.refused is not None:
        raise RuntimeError(f"visit {number} was refused: {answer}")
    await one.wait(60)
    one.runner.observe(BaySeen(evse=EVSE, bay=Bay.OCCUPIED))
    await one.runner.tell(TokenPresented(evse=EVSE, subject=token.ref, verdict=Verdict.ACCEPTED, draw=number))
    register_wh = 1_000_000 + number * 40_000
    await one.plug(EVSE, register_wh)
    if not one.runner.site.evse(EVSE).energised:
        raise RuntimeError(f"visit {number}: no energy flows")
    for sample in range(1, SAMPLES + 1):
        await one.wait(SAMPLE_S)
        if sample % NOTED_EVERY == 0:
            await one.metered(EVSE, register_wh + sample * 1000)
    await one.unplug(EVSE, register_wh + SAMPLES * 1000)
    one.runner.observe(BaySeen(evse=EVSE, bay=Bay.FREE))
    await one.wait(60)


def _written() -> int:
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])
