"""The whole agent from a configuration file's text, on a simulated location that runs fast, with its restarts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.app import Options, Running, running
from agent.config.load import load
from agent.config.types import Config
from agent.csms.v16.projection import LANE
from drivers.twin.control import Ev, TwinControl

SPEED = 300.0  # half an hour in six seconds; two thirds of a real second is a call's time-out of 200 s
PATIENCE_S = 20.0  # real time; only ever waited for in full by a test that fails
LOOK_S = 0.01
OWED_MAX = 1000  # rows looked at: an hour of readings

_PORTS = ("bay_sensor", "charge_controller", "meter", "token_reader", "status_light", "display")
_CONNECTORS = {1: ("IEC_62196_T2_COMBO", 150), 2: ("IEC_62196_T2_COMBO", 150), 3: ("IEC_62196_T2", 22)}
_SITE = """
[location]
id = "NORD"
name = "Rasthof Nord"
country_code = "DE"
party_id = "ABC"
time_zone = "Europe/Berlin"

[policy]
plug_timeout_min = 30  # six real seconds

[web]
port = 0

[twin]
control = true
speed = {speed}

[csms]
url = "ws://127.0.0.1:{port}/ocpp"
identity = "NORD-1"
{password}

[csms.keys]
MessageTimeout = 600
MeterValueSampleInterval = 60

[[pool]]
id = "ALL"
name = {{ en = "All" }}
evses = [1, 2, 3]
"""


def site_text(port: int, password: str = "") -> str:
    """The configuration of three bays of which the last is AC, and a CSMS at a port of this machine."""
    lines = [_SITE.format(speed=SPEED, port=port, password=f'password = "{password}"' if password else "")]
    for evse, (standard, power_kw) in _CONNECTORS.items():
        connector = f'{{ id = 1, standard = "{standard}", max_power_kw = {power_kw} }}'
        lines.append(f"[[evse]]\nid = {evse}\nconnector = [{connector}]\n")
        lines += [f'[[device]]\nevse = {evse}\nport = "{port}"\ndriver = "twin"\n' for port in _PORTS]
    return "\n".join(lines)


async def eventually(happened: Callable[[], bool], what: str) -> None:
    """Return when something has happened that comes in real time."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not happened():  # noqa: ASYNC110 - other tasks and sockets make it happen
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


@dataclass(slots=True)
class Whole:
    """An agent that is started again after each Reset, as `stationmaster run` does."""

    starts: int = 0
    _agent: Running | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def agent(self) -> Running:
        """The agent of the present start."""
        assert self._agent is not None
        return self._agent

    @property
    def twin(self) -> TwinControl:
        """The simulated location."""
        assert self.agent.twin is not None
        return self.agent.twin.control

    def starts_are_kept(self) -> bool:
        """Whether the answers to all starts are durable; readings may come faster than a busy machine answers them."""
        return all(row.kind != "StartTransaction" for row in self.agent.journal.owed(LANE, OWED_MAX))

    async def run(self, options: Options) -> None:
        """Run, and again after a Reset, until stopped."""
        while not self._stop.is_set():
            async with running(options) as agent:
                self._agent, self.starts = agent, self.starts + 1
                ends = [asyncio.ensure_future(event.wait()) for event in (self._stop, agent.restart)]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for end in ends:
                    end.cancel()

    def stop(self) -> None:
        """Let the agent end."""
        self._stop.set()

    async def wait(self, seconds: float) -> None:
        """Let the location's time pass."""
        clock = self.agent.clock
        await clock.until(clock.monotonic() + seconds)

    def arrive(self, evse: int, battery_kwh: float = 60) -> None:
        """An empty car drives in and is plugged in."""
        self.twin.drive_in(evse, Ev(soc_percent=10, battery_kwh=battery_kwh, standard=_CONNECTORS[evse][0]))
        self.twin.plug_in(evse)

    def depart(self, evse: int) -> None:
        """The plug is pulled and the car drives off."""
        self.twin.plug_out(evse)
        self.twin.drive_off(evse)

    def registers(self) -> dict[int, int]:
        """What the meters of the location read now, in Wh by EVSE."""
        return {one["evse"]: one["meter"]["register_wh"] for one in self.twin.state()["evses"]}


@contextlib.asynccontextmanager
async def whole_agent(state_dir: Path, text: str) -> AsyncIterator[Whole]:
    """Run an agent on a configuration for the length of the block."""
    config = load(text, source="test")
    assert isinstance(config, Config), config
    whole = Whole()
    running_on = asyncio.ensure_future(whole.run(Options(config=config, state_dir=state_dir, demo=True)))
    try:
        await eventually(lambda: whole.starts > 0 or running_on.done(), "the agent came up")
        yield whole
    finally:
        whole.stop()
        await running_on
