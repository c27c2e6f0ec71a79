"""A whole agent in a process of its own, on a busy simulated site, that says aloud what it has acknowledged.

Run as a script by the power-cut tests and killed by them. Each line is one event after its durable turn:
`EVENT <number in the journal> <kind> <ids>`. The people on site look at what there is and do something fitting, so they
need no memory over a restart. To finish, everybody leaves, and the agent runs until it owes nothing: `OWED <messages>`
as they become fewer, then `SETTLED`.
"""

import asyncio
import contextlib
import os
import random
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

from agent.app import Options, Running, running
from agent.config.load import load
from agent.config.types import Config
from agent.core import events as ev
from agent.core.inputs import JoinQueue, LeaveQueue, SnoozeCheckIn, StartAtPage
from agent.core.layout import AdHocStart, EvseId, SubjectRef
from agent.core.state import HOLDING, IN_LINE, Origin
from agent.journal.disk import Synchronous
from agent.kernel.runner import Published
from drivers.twin.control import Ev, TwinControl
from drivers.twin.world import TwinRefused

SPEED = 300.0  # an arrival window passes in a second
DEED_S = 0.01  # real time between two deeds
OPEN_MAX = 14
CARDS = tuple(f"CARD-{n}" for n in range(1, 9))
KEEP_EVENTS = 1_000_000  # the witness reads all of them
LOOK_S = 0.05  # real time between two looks at what is still owed

# In the site's own time, which passes SPEED times as fast: two seconds of real time to answer on a busy machine, and
# no long wait before what the CSMS failed to process goes again.
CSMS_KEYS = {
    "MessageTimeout": 600,
    "TransactionMessageAttempts": 3,
    "TransactionMessageRetryInterval": 10,
    "MeterValueSampleInterval": 60,
}


def key_of(event: ev.Event) -> str:
    """What of an event must be in the journal exactly once."""
    match event:
        case ev.CheckedIn():
            return f"{event.check_in}:{event.code}"
        case ev.EvseAssigned():
            return f"{event.check_in}:{event.evse}"
        case ev.CheckInEnded():
            return f"{event.check_in}:{event.state}"
        case ev.Authorised():
            return f"{event.stay}:{event.evse}"
        case _:
            return "-"


def configuration(csms_url: str, speed: float, ad_hoc: AdHocStart = AdHocStart.FREE) -> Config:
    """The built-in demo site, faster, on a free port, with a CSMS if there is one."""
    text = resources.files("agent.config").joinpath("demo.toml").read_text(encoding="utf-8")
    config = load(text, source="demo")
    assert isinstance(config, Config), config
    config = replace(
        config,
        twin=replace(config.twin, control=True, speed=speed),
        web=replace(config.web, port=0, public_url="http://127.0.0.1:8080"),
    )
    if csms_url:
        config = replace(
            config,
            csms=replace(config.csms, url=csms_url, identity="NORD-1", keys=CSMS_KEYS),
            policy=replace(config.policy, ad_hoc_start=ad_hoc),
            journal=replace(config.journal, keep_events=KEEP_EVENTS),
        )
    return config


def say_what_is_durable(published: Published) -> None:
    """Print the events of a turn in one write, so that a kill cuts at most the last line."""
    first = published.site.sequence - len(published.events) + 1
    lines = [f"EVENT {first + n} {type(event).__name__} {key_of(event)}\n" for n, event in enumerate(published.events)]
    if lines and not published.provisional:
        os.write(1, "".join(lines).encode())


async def be_busy(agent: Running, chance: random.Random) -> None:
    """Do fitting things for ever."""
    assert agent.twin is not None
    while True:
        await asyncio.sleep(DEED_S)
        if chance.random() < 0.5:
            await _at_the_queue(agent, chance)
        else:
            await _at_a_bay(agent, agent.twin.control, chance)


async def _at_the_queue(agent: Running, chance: random.Random) -> None:
    site = agent.runner.site
    waiting = [c for c in site.open_check_ins() if c.state in IN_LINE]
    if len(site.open_check_ins()) < OPEN_MAX and site.location is not None:
        pool = chance.choice(site.location.pools).id
        device = SubjectRef(f"phone-{chance.getrandbits(64):x}")
        await agent.runner.ask(JoinQueue(pool=pool, draw=chance.getrandbits(32), origin=Origin.PAGE, device=device))
    elif waiting and chance.random() < 0.2:
        await agent.runner.ask(LeaveQueue(check_in=chance.choice(waiting).id))
    elif waiting:
        await agent.runner.ask(SnoozeCheckIn(check_in=chance.choice(waiting).id, minutes=chance.choice((0, 5, 20))))


async def _at_a_bay(agent: Running, twin: TwinControl, chance: random.Random) -> None:
    site = agent.runner.site
    evse = EvseId(chance.choice(site.evse_ids() or (1,)))
    state, hold, stay = site.evse(evse), site.holds.get(evse), site.stays.get(evse)
    try:
        if hold is not None and state.plugged is not None:
            await agent.runner.ask(StartAtPage(check_in=hold.check_in))
        elif hold is not None and site.check_ins[hold.check_in].state in HOLDING and chance.random() < 0.8:
            twin.drive_in(evse, Ev(soc_percent=30))
            twin.plug_in(evse)
        elif stay is not None and stay.authorised_ms is None and chance.random() < 0.5:
            twin.swipe(evse, chance.choice(CARDS))
        elif stay is not None and state.plugged is not None and chance.random() < 0.3:
            twin.plug_out(evse)
            twin.drive_off(evse)
        elif stay is not None and stay.wants_energy and chance.random() < 0.2:
            twin.swipe(evse, chance.choice(CARDS))
        elif stay is None and hold is None:
            twin.drive_off(evse)
    except TwinRefused:
        return  # the world is not as this person thought: nothing happens


async def leave(agent: Running) -> None:
    """Everybody goes, and the agent runs until nothing is owed."""
    assert agent.twin is not None
    told = None
    while True:
        owed = sum(agent.journal.owed_counts().values())
        if owed != told:
            told = owed
            os.write(1, f"OWED {owed}\n".encode())  # for whoever asks why it does not settle
        if not owed and agent.runner.site.reconciling_until_ms is None and not agent.runner.site.stays:
            break
        for evse in agent.runner.site.evse_ids():
            with contextlib.suppress(TwinRefused):
                agent.twin.control.plug_out(evse)
            with contextlib.suppress(TwinRefused):
                agent.twin.control.drive_off(evse)
        await asyncio.sleep(LOOK_S)
    os.write(1, b"SETTLED\n")


async def main(state_dir: Path, seed: int, csms_url: str, synchronous: Synchronous, deeds: str) -> None:
    """Run until killed, or until all is settled."""
    chance = random.Random(seed)
    config = configuration(csms_url, SPEED, chance.choice((AdHocStart.FREE, AdHocStart.NONE)))
    options = Options(config=config, state_dir=state_dir, demo=True, synchronous=synchronous)
    async with running(options) as agent:
        agent.runner.listen(say_what_is_durable)
        os.write(1, f"READY {agent.journal.head}\n".encode())
        await (be_busy(agent, chance) if deeds == "busy" else leave(agent))


if __name__ == "__main__":
    _, folder, number, url, sync, what = sys.argv
    asyncio.run(main(Path(folder), int(number), url, "OFF" if sync == "OFF" else "FULL", what))
