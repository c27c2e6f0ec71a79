"""How soon an agent serves again, with 100,000 events in its journal: after a proper stop, a cut, no snapshot.

The events are those of a real site: people check in, are called, charge and leave, day after day.
"""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from agent.config.load import load
from agent.config.location import digest, location_of
from agent.config.types import Config
from agent.core import inputs as i
from agent.core.evolve import APPLY
from agent.core.layout import CheckInId, ConnectorId, EvseId, Now, PoolId, SubjectRef
from agent.core.site import restate, step
from agent.core.state import Bay, Origin, Site
from agent.journal.codec import Codec
from agent.journal.store import Journal
from agent.journal.turn import Turn
from agent.kernel.runner import SNAPSHOT_EVERY_EVENTS

from .agent_process import Phone, agent_process, config_text
from .machine import scratch

EVENTS = 100_000
PER_TURN = 4_000
BUDGET_S = 2.0
STARTS = 3  # the fastest counts: the others tell what else the machine did
TEXT = config_text() + f"\n[journal]\nkeep_events = {10 * EVENTS}\n"
UTC_MS = 1_790_000_000_000
VISIT_MS = 20 * 60_000  # from one arrival to the next at the same bay
EVSES = 6
Row = tuple[str, str, str]


def rows() -> Iterator[Row]:
    """Yield the time from the start of the process to the first answer, after three kinds of end."""
    with scratch() as name:
        made = Path(name) / "made"
        _make(made / "state", snapshot=True)
        yield _row("stopped properly, the newest snapshot 2,000 events old", made)
        asyncio.run(_cut(made))
        yield _row("after a power cut: the whole chain checked", made)
        shutil.rmtree(made)
        _make(made / "state", snapshot=False)
        yield _row("both snapshots lost: every event folded anew", made, budget="-")


def _row(how: str, made: Path, budget: str = f"<= {BUDGET_S:.1f} s") -> Row:
    found = [asyncio.run(_restarted(made, number)) for number in range(STARTS)]
    wall, cpu = (min(one[n] for one in found) for n in (0, 1))
    return f"restart with {EVENTS:,} events, {how}", budget, f"{wall:.2f} s to serving, {cpu:.2f} s processor"


async def _cut(made: Path) -> None:
    """Kill an agent that runs on it."""
    async with agent_process(made, TEXT) as agent:
        os.kill(agent.pid, signal.SIGKILL)


async def _restarted(made: Path, number: int) -> tuple[float, float]:
    """Return seconds by the clock, and of the processor, until the health is answered; each start on its own copy."""
    copy = made.with_name(f"start-{number}")
    shutil.copytree(made, copy)
    os.sync()  # what the copy left to be written is not the restart's
    async with agent_process(copy, TEXT) as agent, Phone(agent.port) as phone:
        await phone.get("/health")
        found = time.perf_counter() - agent.began_s, agent.cpu_s()
    shutil.rmtree(copy)
    return found


def _make(state_dir: Path, *, snapshot: bool) -> None:
    """Write a journal of a site's life."""
    journal = Journal.open(state_dir, Codec(APPLY), keep_events=10 * EVENTS)
    try:
        waiting: list[object] = []
        kept = not snapshot
        for site, now, events in _life():
            waiting.extend(events)
            if journal.head + len(waiting) >= EVENTS or len(waiting) >= PER_TURN:
                _append(journal, waiting, now)
            if not kept and journal.head + len(waiting) >= EVENTS - SNAPSHOT_EVERY_EVENTS:
                _append(journal, waiting, now)
                journal.snapshot_now(restate(site), journal.head)
                kept = True
            if journal.head >= EVENTS:
                return
    finally:
        journal.close()


def _append(journal: Journal, waiting: list[object], now: Now) -> None:
    """Append in one turn what has gathered; far from a real turn's size, and the same rows."""
    if waiting:
        head, last = journal.head, journal.last_elapsed_ms
        elapsed_ms = max(last, now.elapsed_ms)
        turn = Turn(
            expected_head=head, boot=1, elapsed_ms=elapsed_ms, utc_ms=now.utc_ms, events=tuple(waiting), writes=()
        )
        journal.append_now(turn)
        waiting.clear()


def _life() -> Iterator[tuple[Site, Now, tuple[object, ...]]]:
    """Yield site, instant and events of step after step, for ever."""
    config = load(config_text())
    if not isinstance(config, Config):
        raise TypeError(f"the configuration of the measurement: {config}")
    location = location_of(config, utc_ms=UTC_MS)
    site, now = Site(), Now(0, UTC_MS)
    opening: list[i.Input] = [
        i.LayoutRead(location=location, digest=digest(location)),
        i.Started(boot=1),
        i.ClockRead(utc_ms=UTC_MS),
        *(i.BaySeen(evse=EvseId(n), bay=Bay.FREE) for n in range(1, EVSES + 1)),
        i.InputsRead(),
    ]
    for given in opening:
        done = step(site, given, now)
        site = done.site
        yield site, now, done.events
    visit = 0
    while True:
        visit += 1
        for wait_ms, given in _visit(site, EvseId(3 + visit % 2), visit):
            now = Now(now.elapsed_ms + wait_ms, UTC_MS + now.elapsed_ms + wait_ms)
            done = step(site, given, now)
            site = done.site
            yield site, now, done.events


def _visit(site: Site, evse: EvseId, number: int) -> Iterator[tuple[int, i.Input]]:
    """One car from check-in to departure, with the time before each thing that happens."""
    check_in = CheckInId(max(site.check_ins, default=0) + 1)
    connector = ConnectorId(1)
    yield VISIT_MS, i.JoinQueue(pool=PoolId("CCS300"), draw=number, origin=Origin.PAGE, device=SubjectRef(f"d{number}"))
    yield 60_000, i.BaySeen(evse=evse, bay=Bay.OCCUPIED)
    yield 5_000, i.PluggedIn(evse=evse, connector=connector)
    yield 5_000, i.StartAtPage(check_in=check_in)
    yield 2_000, i.ContactorSeen(evse=evse, energised=True, register_wh=number * 1000)
    for sample in range(1, 6):
        yield 300_000, i.RegisterRead(evse=evse, register_wh=number * 1000 + sample * 100)
    yield 60_000, i.StopAtPage(check_in=check_in)
    yield 1_000, i.ContactorSeen(evse=evse, energised=False, register_wh=number * 1000 + 600)
    yield 60_000, i.Unplugged(evse=evse, register_wh=number * 1000 + 600)
    yield 10_000, i.BaySeen(evse=evse, bay=Bay.FREE)
