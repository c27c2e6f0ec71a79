"""The whole agent on the demo site, in this process: its configuration, and how to wait for what it does."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

from agent.app import Options, Running
from agent.config.load import load
from agent.config.types import Config
from agent.core.events import Event
from agent.core.inputs import JoinQueue, StartAtPage
from agent.core.layout import EvseId
from agent.core.state import CheckIn, CheckInState, Origin, Site
from drivers.twin.control import Ev

SPEED = 20.0
LIMIT_S = 20.0


def demo_config(speed: float = SPEED) -> Config:
    """The built-in demo site, faster."""
    text = resources.files("agent.config").joinpath("demo.toml").read_text(encoding="utf-8")
    config = load(text, source="demo")
    assert isinstance(config, Config), config
    twin = replace(config.twin, control=True, speed=speed)
    return replace(config, twin=twin, web=replace(config.web, port=0, public_url="http://127.0.0.1:8080"))


def demo_options(state_dir: Path, config: Config) -> Options:
    """As `stationmaster demo` starts it."""
    return Options(config=config, state_dir=state_dir, demo=True)


async def until(agent: Running, true: Callable[[Site], bool]) -> None:
    """Wait until the site is so."""
    moved = asyncio.Event()
    agent.runner.listen(lambda _: moved.set())
    async with asyncio.timeout(LIMIT_S):
        while not true(agent.runner.site):
            moved.clear()
            await moved.wait()


async def charging(agent: Running) -> CheckIn:
    """Somebody joins, drives in, plugs in, says so, and charges."""
    site = agent.runner.site
    assert site.location is not None
    pool = site.location.pools[0].id
    await agent.runner.ask(JoinQueue(pool=pool, draw=1, origin=Origin.OPERATOR))
    await until(agent, lambda s: any(c.state is CheckInState.CALLED for c in s.open_check_ins()))
    (called,) = agent.runner.site.open_check_ins()
    assert called.evse is not None
    assert agent.twin is not None
    agent.twin.control.drive_in(called.evse, Ev(soc_percent=20))
    agent.twin.control.plug_in(called.evse)
    await until(agent, lambda s: s.check_ins[called.id].state is CheckInState.ARRIVED)
    await agent.runner.ask(StartAtPage(check_in=called.id))
    await until(agent, lambda s: s.evse(evse_of(called)).energised)
    return agent.runner.site.check_ins[called.id]


def evse_of(check_in: CheckIn) -> EvseId:
    """The EVSE of somebody who has one."""
    assert check_in.evse is not None
    return check_in.evse


def events_of(agent: Running, after: int = 0) -> list[Event]:
    """What is in the journal."""
    return [stored.event for stored in agent.journal.events(after, 10_000)]
